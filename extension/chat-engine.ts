// Chat requests over the language connection: streamed text by partial results, cancellation by AbortSignal.
import {
  CancellationTokenSource,
  type CancellationToken,
  type Disposable,
  type NotificationType0,
  type ProgressType,
  type RequestType,
} from 'vscode-languageserver-protocol'
import type { ChatMessage } from '../engine/protocol/chat'
import { ChatRequest, ExplainRequest, ResetChatNotification } from '../engine/protocol/messages'
import type { Explanation } from './conversation'
import { fromWire } from './wire-error'

/** Who answers. Rejects with EngineError; a cancelled answer is a result with `finishReason: 'cancelled'`. */
export interface ChatEngine {
  chat(
    messages: ChatMessage[],
    onText: (text: string) => void,
    signal: AbortSignal,
  ): Promise<ChatRequest.Result>
  explain(what: Explanation, onText: (text: string) => void, signal: AbortSignal): Promise<ChatRequest.Result>
  reset(): Promise<void>
}

/** The part of a language client, or of a bare JSON-RPC connection, that chat needs. */
export interface Connection {
  sendRequest<P, R, E>(type: RequestType<P, R, E>, params: P, token?: CancellationToken): Promise<R>
  sendNotification(type: NotificationType0): Promise<void>
  onProgress<P>(type: ProgressType<P>, token: string, handler: (value: P) => void): Disposable
}

// A stopped answer is over for the user at once; an engine deep in one long step may need a moment to notice.
const cancelGraceMs = 2000

/** @param connect called for each request, so that a restarted engine is found. */
export function createChatEngine(connect: () => Promise<Connection>): ChatEngine {
  return {
    chat: (messages, onText, signal) => stream(connect, ChatRequest.type, { messages }, onText, signal),
    explain: (what, onText, signal) => stream(connect, ExplainRequest.type, what, onText, signal),
    async reset() {
      await (await connect()).sendNotification(ResetChatNotification.type)
    },
  }
}

async function stream<P extends object>(
  connect: () => Promise<Connection>,
  type: RequestType<P & { partialResultToken?: string | number }, ChatRequest.Result, void>,
  params: P,
  onText: (text: string) => void,
  signal: AbortSignal,
): Promise<ChatRequest.Result> {
  let text = ''
  const cancelled = stopSignal(signal)
  try {
    const connection = await Promise.race([connect(), cancelled.now])
    if (connection === 'cancelled') return cancelledResult(text)
    const partialResultToken = crypto.randomUUID()
    const listener = connection.onProgress(ChatRequest.delta, partialResultToken, (delta) => {
      if (signal.aborted) return
      text += delta.text
      onText(delta.text)
    })
    try {
      const answer = connection.sendRequest(type, { ...params, partialResultToken }, cancelled.token)
      const result = await Promise.race([answer, cancelled.afterGrace])
      if (result === 'cancelled') return cancelledResult(text)
      // A server without partial results sends everything at the end.
      if (text === '' && result.text !== '' && !signal.aborted) onText(result.text)
      return result
    } finally {
      listener.dispose()
    }
  } catch (error) {
    if (signal.aborted) return cancelledResult(text)
    throw fromWire(error)
  } finally {
    cancelled.dispose()
  }
}

// An AbortSignal as the protocol wants it, and as two promises to race against.
function stopSignal(signal: AbortSignal): {
  token: CancellationToken
  now: Promise<'cancelled'>
  afterGrace: Promise<'cancelled'>
  dispose: () => void
} {
  const source = new CancellationTokenSource()
  let timer: NodeJS.Timeout | undefined
  let onAbort = (): void => undefined
  let resolveLate: (value: 'cancelled') => void
  const afterGrace = new Promise<'cancelled'>((resolve) => (resolveLate = resolve))
  const now = new Promise<'cancelled'>((resolve) => {
    onAbort = () => {
      source.cancel()
      resolve('cancelled')
      timer = setTimeout(() => resolveLate('cancelled'), cancelGraceMs)
    }
  })
  if (signal.aborted) onAbort()
  else signal.addEventListener('abort', onAbort, { once: true })
  const dispose = (): void => {
    signal.removeEventListener('abort', onAbort)
    clearTimeout(timer)
    source.dispose()
  }
  return { token: source.token, now, afterGrace, dispose }
}

function cancelledResult(text: string): ChatRequest.Result {
  const usage = { promptTokens: 0, reusedTokens: 0, completionTokens: 0, prefillMs: 0, decodeMs: 0 }
  return { text, finishReason: 'cancelled', usage, droppedMessages: 0 }
}
