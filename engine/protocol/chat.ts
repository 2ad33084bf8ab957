// The words of a conversation, shared by webview, extension, engine and CLI.

export interface ChatMessage {
  role: 'system' | 'user' | 'assistant'
  content: string
}

/** Why an answer ended: the model stopped, the token limit, the context is full, or somebody pressed stop. */
export type FinishReason = 'stop' | 'length' | 'context-full' | 'cancelled'

export interface Usage {
  /** Tokens of the prompt; when it was cancelled before all was read, those that had been. */
  promptTokens: number
  /** Prompt tokens that were still in the cache from an earlier request and cost nothing. */
  reusedTokens: number
  completionTokens: number
  prefillMs: number
  decodeMs: number
}
