// Where answers come from. LSP and CLI know this interface only; today the one provider is the local model.
import type { AnswerToken, ChatMessage, FinishReason, Usage } from '../protocol/chat'

/** Other files that a model is shown before the one at the cursor, each under its path. */
export interface OtherFiles {
  /** Name of the folder that all of them are in. */
  repository: string
  /** Of the current file. `heading` is that path as a comment line, for models that were trained on no other form. */
  path: string
  heading: string
  /** What says most about the cursor last. */
  files: readonly { path: string; heading: string; text: string }[]
}

export interface CompletionRequest {
  /** Absent: none. With them `prefix` does not name its file, they do. */
  files?: OtherFiles

  /** Text before the cursor, up to what is being typed. */
  prefix: string
  /** The rest of it, which grows with every keystroke while the other parts stay the same. The cursor may stand inside a token. */
  typed: string
  /** Text after the cursor. */
  suffix: string
  maxTokens: number
  /** Text that ends the suggestion and is not part of it. */
  stop: readonly string[]
  /** Milliseconds of decoding after which what is there is good enough. */
  timeBudgetMs: number
  /** Draws tokens by their probabilities; the same seed draws the same. Absent: the likeliest is taken. */
  sampling?: { temperature: number; topP: number; seed: number }
  /** Told of every token of the suggestion before its text comes, as in `GenerateOptions`; left out where nobody wants to know. */
  onToken?: (token: AnswerToken) => void
}

export interface ChatOptions {
  messages: readonly ChatMessage[]
  maxTokens: number
  temperature: number
  topP: number
  repeatPenalty: number
  /** Same seed, same prompt, same device: same answer. Absent: a new one each time. */
  seed?: number
}

export interface Finished {
  finishReason: FinishReason
  usage: Usage
  /** Turns that were left out so that the rest fits. */
  droppedMessages: number
}

export interface ProviderInfo {
  model: string
  architecture: string
  backend: 'webgpu' | 'cpu'
  device: string
  deviceReason: string
  contextLength: number
  loadMs: number
}

/** Text piece by piece; the generator's return value says how it ended. Cancelling ends with `cancelled`, not with a throw. */
export type TextStream = AsyncGenerator<string, Finished>

export interface Provider {
  readonly info: ProviderInfo
  readonly capabilities: {
    /** The vocabulary has fill-in-the-middle tokens. Without them the suffix only trims. */
    fim: boolean
    chat: boolean
    /** It was trained on files of a repository one after the other, each under its path. */
    repository?: boolean
  }
  countTokens(text: string): number
  complete(request: CompletionRequest, signal: AbortSignal): TextStream
  chat(request: ChatOptions, signal: AbortSignal): TextStream
  /** Forgets the conversation's cached state once the answer in progress has ended. */
  resetChat(signal: AbortSignal): Promise<void>
  /** Resolves when the device is lost; the provider is useless from then on. */
  readonly lost: Promise<Error>
  dispose(): Promise<void>
}
