// Chat and "Explain Code": two requests, one way of answering.
import type { Connection } from 'vscode-languageserver/node'
import * as v from 'valibot'
import { isAbort } from '../../base/signal'
import { answer, chatOptions, explainMessages } from '../../chat/chat'
import { gather } from '../../chat/gather'
import { describeError } from '../../protocol/errors'
import type { ChatMessage } from '../../protocol/chat'
import { ChatRequest, ExplainRequest, ResetChatNotification } from '../../protocol/messages'
import { nothingSaid } from '../../provider/read-stream'
import { handle, parseParams } from '../edge'
import type { Feature, Host } from '../feature'

const token = v.optional(v.union([v.string(), v.number()]))
const chatParams = v.object({
  messages: v.array(v.object({ role: v.picklist(['system', 'user', 'assistant']), content: v.string() })),
  partialResultToken: token,
})
const explainParams = v.object({
  code: v.string(),
  languageId: v.string(),
  path: v.string(),
  partialResultToken: token,
})

// Faster than a screen repaints twice is a waste of messages.
const deltaEveryMs = 30

export const chat: Feature = {
  register(connection, host) {
    connection.onRequest(ChatRequest.type, (params, cancel) =>
      handle(cancel, host.log, (signal) => {
        const { messages, partialResultToken } = parseParams(chatParams, params)
        return respond(connection, host, messages, partialResultToken, signal)
      }),
    )
    connection.onRequest(ExplainRequest.type, (params, cancel) =>
      handle(cancel, host.log, (signal) => {
        const { partialResultToken, ...code } = parseParams(explainParams, params)
        return respond(connection, host, explainMessages(code), partialResultToken, signal)
      }),
    )
    connection.onNotification(ResetChatNotification.type, () => {
      host.models
        .current()
        ?.resetChat(new AbortController().signal)
        .catch((error: unknown) => host.log.warn(`Reset failed: ${describeError(error)}`))
    })
    return {}
  },
}

async function respond(
  connection: Connection,
  host: Host,
  messages: readonly ChatMessage[],
  partialResultToken: string | number | undefined,
  signal: AbortSignal,
): Promise<ChatRequest.Result> {
  const options = chatOptions(messages, host.settings().chat)
  const prompt = options.messages.map(({ role, content }) => `${role}: ${content}`).join('\n\n')
  const deltas = gather(deltaEveryMs, (text) => {
    if (partialResultToken === undefined) return
    connection.sendProgress(ChatRequest.delta, partialResultToken, { text }).catch((error: unknown) => {
      host.log.debug(`A piece of an answer was not sent: ${String(error)}`)
    })
  })
  const done = host.ahead.makeWay()
  try {
    const provider = await host.models.ready(signal)
    const result = await answer(provider, options, (piece) => deltas.push(piece), signal)
    const { text, finishReason, usage } = result
    host.requests.add({ kind: 'chat', prompt, text, outcome: finishReason, usage })
    return result
  } catch (error) {
    // Stopped while the model was still loading: an end like any other, with nothing said yet.
    if (isAbort(error) && signal.aborted) return { text: '', ...nothingSaid }
    host.requests.add({ kind: 'chat', prompt, text: '', outcome: `failed: ${describeError(error)}` })
    throw error
  } finally {
    // Before the result, so that a client that ignores the result has all the text.
    deltas.flush()
    done()
  }
}
