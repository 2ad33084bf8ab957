// What would be shown at each boldness, from one run that showed everything: our completer gets the recorded tokens again.
import { silentLog } from '../../engine/base/log'
import { createCompleter } from '../../engine/complete/complete'
import { parseSettings } from '../../engine/protocol/settings'
import type { CompletionRequest, Provider, TextStream } from '../../engine/provider/provider'
import type { Case, Ghost } from './case'
import type { Answer, Written } from './subject'

export const boldnesses = [0, 0.25, 0.5, 0.75, 1] as const

/** The ghost at a boldness, of an answer that was recorded at 1; as it was when no probabilities were recorded. */
export async function ghostAt(
  boldness: number,
  one: Pick<Case, 'id' | 'file' | 'language' | 'document' | 'start'>,
  { ghost, raw, written }: Pick<Answer, 'ghost' | 'raw' | 'written'>,
): Promise<Ghost | undefined> {
  if (raw === undefined || !written) return ghost
  const provider = recorded(raw, written)
  const completer = createCompleter({
    provider: () => provider,
    settings: () => ({ ...parseSettings({}).completion, debounceMs: 0, boldness }),
    log: silentLog,
  })
  return completer.complete(
    {
      uri: `bench:${one.id}`,
      path: one.file.slice(one.file.lastIndexOf('/') + 1),
      languageId: one.language,
      text: one.document,
      offset: one.start,
      trigger: 'automatic',
    },
    new AbortController().signal,
  )
}

function recorded(raw: string, { tokens, finishReason }: Written): Provider {
  const unused = (): never => {
    throw new Error('a recorded answer is for one suggestion')
  }
  return {
    info: {
      model: 'recorded',
      architecture: 'recorded',
      backend: 'cpu',
      device: '',
      deviceReason: '',
      contextLength: 4096,
      loadMs: 0,
    },
    capabilities: { fim: true, chat: false },
    countTokens: (text) => text.length,
    async *complete(request: CompletionRequest, signal: AbortSignal): TextStream {
      const usage = {
        promptTokens: 0,
        reusedTokens: 0,
        completionTokens: tokens.length,
        prefillMs: 0,
        decodeMs: 0,
      }
      let at = 0
      for (const token of tokens) {
        if (signal.aborted)
          return await Promise.resolve({ finishReason: 'cancelled', usage, droppedMessages: 0 })
        request.onToken?.(token)
        yield raw.slice(at, (at += token.length))
      }
      return { finishReason, usage, droppedMessages: 0 }
    },
    chat: unused,
    resetChat: () => Promise.resolve(),
    lost: new Promise(() => undefined),
    dispose: () => Promise.resolve(),
  }
}
