// The words of a conversation, shared by webview, extension, engine and CLI.

export interface ChatMessage {
  role: 'system' | 'user' | 'assistant'
  content: string
}

/** Why an answer ended: the model stopped, the token limit, the context is full, or somebody pressed stop. */
export type FinishReason = 'stop' | 'length' | 'context-full' | 'cancelled'

/** A token of an answer, as the completer hears of it. */
export interface AnswerToken {
  /** Characters that it adds to the answer, if no stop string takes them away; none while a character is incomplete. */
  length: number
  /** Natural logarithm of its probability among those that could have come, before temperature; undefined where that is not known. */
  logProbability: number | undefined
}

export interface Usage {
  /** Tokens of the prompt; when it was cancelled before all was read, those that had been. */
  promptTokens: number
  /** Prompt tokens that were still in the cache from an earlier request and cost nothing. */
  reusedTokens: number
  completionTokens: number
  prefillMs: number
  decodeMs: number
}
