// A provider that says what a test wrote down, one piece per turn of the event loop, and keeps every other promise of the interface.
import { breathe } from '../../../engine/base/signal'
import type { FinishReason, Usage } from '../../../engine/protocol/chat'
import type { ChatOptions, CompletionRequest, Provider, TextStream } from '../../../engine/provider/provider'

export interface Script {
  /** What the model says; the request may decide, with the seed of a draw. */
  says: (prompt: string, seed?: number) => string
  /** How it ends when no stop string and no cancel comes first. */
  finishReason?: FinishReason
  fim?: boolean
  /** Characters per piece. */
  pieceChars?: number
  /** How likely each piece is, from 0 to 1, the last one standing for the rest; left out, nobody is told of tokens. */
  likely?: readonly number[]
  fails?: Error
  model?: string
}

type Ending = FinishReason | 'running' | 'failed' | 'left'

export interface ScriptedProvider extends Provider {
  /** Requests in the order they came, and how each ended; `left` is an answer whose reader did not read to the end. */
  readonly asked: { request: CompletionRequest | ChatOptions; end: Ending }[]
  readonly disposed: boolean
  /** What a real one would not survive: a second `dispose`, or a request after the first. */
  readonly wrongs: string[]
  /** Pieces wait while this is set, until it resolves. */
  gate: Promise<void> | undefined
  loseDevice(error: Error): void
}

export function scriptedProvider(script: Script): ScriptedProvider {
  let lose: (error: Error) => void = () => undefined
  const asked: ScriptedProvider['asked'] = []
  let disposed = false
  const wrongs: string[] = []

  async function* stream(
    request: CompletionRequest | ChatOptions,
    prompt: string,
    stop: readonly string[],
    signal: AbortSignal,
  ): TextStream {
    if (disposed) wrongs.push('asked after it was disposed')
    const entry: ScriptedProvider['asked'][number] = { request, end: 'running' }
    asked.push(entry)
    const usage: Usage = {
      promptTokens: prompt.length,
      reusedTokens: 0,
      completionTokens: 0,
      prefillMs: prompt.length / 10,
      decodeMs: 1,
    }
    const ended = (
      finishReason: FinishReason,
    ): { finishReason: FinishReason; usage: Usage; droppedMessages: number } => {
      entry.end = finishReason
      return { finishReason, usage, droppedMessages: 0 }
    }
    if (script.fails) {
      entry.end = 'failed'
      throw script.fails
    }
    const seed = 'sampling' in request ? request.sampling?.seed : undefined
    const { text, stopped } = cutAtStop(script.says(prompt, seed), stop)
    const size = script.pieceChars ?? 3
    try {
      for (let at = 0; at < text.length; at += size) {
        await breathe()
        await provider.gate
        if (signal.aborted) return ended('cancelled')
        usage.completionTokens++
        const likely = script.likely?.[usage.completionTokens - 1] ?? script.likely?.at(-1)
        const piece = text.slice(at, at + size)
        if ('onToken' in request && likely !== undefined)
          request.onToken?.({ length: piece.length, logProbability: Math.log(likely) })
        yield piece
      }
      if (signal.aborted) return ended('cancelled')
      return ended(stopped ? 'stop' : (script.finishReason ?? 'stop'))
    } finally {
      if (entry.end === 'running') entry.end = 'left'
    }
  }

  const provider: ScriptedProvider = {
    info: {
      model: script.model ?? 'scripted',
      architecture: 'scripted',
      backend: 'cpu',
      device: 'cpu: test',
      deviceReason: 'a test said so',
      contextLength: 4096,
      loadMs: 1,
    },
    capabilities: { fim: script.fim ?? true, chat: true },
    countTokens: (text) => text.length,
    complete: (request, signal) => stream(request, request.prefix + request.typed, request.stop, signal),
    chat: (request, signal) => stream(request, request.messages.at(-1)?.content ?? '', [], signal),
    resetChat: () => {
      if (disposed) wrongs.push('reset after it was disposed')
      return Promise.resolve()
    },
    lost: new Promise((resolve) => (lose = resolve)),
    dispose: () => {
      if (disposed) wrongs.push('disposed twice')
      disposed = true
      return Promise.resolve()
    },
    asked,
    wrongs,
    get disposed() {
      return disposed
    },
    gate: undefined,
    loseDevice: (error) => lose(error),
  }
  return provider
}

function cutAtStop(text: string, stop: readonly string[]): { text: string; stopped: boolean } {
  const found = stop.map((mark) => text.indexOf(mark)).filter((at) => at >= 0)
  return found.length === 0
    ? { text, stopped: false }
    : { text: text.slice(0, Math.min(...found)), stopped: true }
}
