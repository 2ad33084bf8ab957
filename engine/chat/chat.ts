// A conversation with the model: what it is told, and its answer piece by piece.
import { EngineError } from '../protocol/errors'
import type { ChatMessage } from '../protocol/chat'
import type { ChatRequest, ExplainRequest } from '../protocol/messages'
import type { Settings } from '../protocol/settings'
import type { ChatOptions, Provider } from '../provider/provider'
import { readStream } from '../provider/read-stream'
import explainPrompt from './prompts/explain.md'

/**
 * The request for a conversation, with the system prompt of the settings in front unless it brings its own. Throws
 * `bad-request` when there is nothing to answer. Fitting it into the model's window is the provider's business.
 */
export function chatOptions(messages: readonly ChatMessage[], settings: Settings['chat']): ChatOptions {
  const last = messages.at(-1)
  if (last?.role !== 'user' || last.content.trim() === '') {
    throw new EngineError('bad-request', 'The message is empty.', {
      hint: 'Type a question and send it again.',
    })
  }
  const needsSystem = messages[0]?.role !== 'system' && settings.systemPrompt.trim() !== ''
  const system: ChatMessage[] = needsSystem ? [{ role: 'system', content: settings.systemPrompt }] : []
  const { maxTokens, temperature, topP, repeatPenalty } = settings
  return { messages: [...system, ...messages], maxTokens, temperature, topP, repeatPenalty }
}

/** The one question of "Explain Code". Throws `bad-request` for code without a visible character. */
export function explainMessages({ code, languageId, path }: ExplainRequest.Params): ChatMessage[] {
  if (code.trim() === '') {
    throw new EngineError('bad-request', 'There is no code to explain.', {
      hint: 'Select some code, or put the cursor into a function.',
    })
  }
  const values: Record<string, string> = {
    language: languageId,
    path,
    code: code.replace(/\s+$/, ''),
    fence: fenceFor(code),
  }
  // A function, because `$&` and its kin mean something in a replacement string, and code is full of them.
  const content = explainPrompt.replace(/\{\{(\w+)\}\}/g, (mark, name: string) => values[name] ?? mark).trim()
  return [{ role: 'user', content }]
}

/** Streams the answer into `onText` and resolves with the whole. A cancelled answer is a result: what was said stays. */
export async function answer(
  provider: Provider,
  options: ChatOptions,
  onText: (text: string) => void,
  signal: AbortSignal,
): Promise<ChatRequest.Result> {
  let text = ''
  const { finishReason, usage, droppedMessages } = await readStream(
    provider.chat(options, signal),
    (piece) => {
      text += piece
      onText(piece)
    },
  )
  return { text, finishReason, usage, droppedMessages }
}

// A fence must be longer than any run of backticks inside it.
function fenceFor(code: string): string {
  const runs = code.match(/`+/g) ?? []
  return '`'.repeat(Math.max(3, ...runs.map((run) => run.length + 1)))
}
