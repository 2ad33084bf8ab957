// Leaves out the oldest turns of a conversation until the rest fits the model's window.
import type { ChatMessage } from '../protocol/chat'
import { EngineError } from '../protocol/errors'

export interface Fitted {
  tokens: number[]
  /** Turns left out. */
  dropped: number
}

/**
 * `encode` renders and tokenizes a conversation. System messages and the last message always stay; pairs go from the front,
 * so that the first turn that is kept is the user's. Throws `bad-request` when the last message alone is too long.
 */
export function fitMessages(
  messages: readonly ChatMessage[],
  limit: number,
  encode: (messages: readonly ChatMessage[]) => number[],
): Fitted {
  const system = messages.filter((message) => message.role === 'system')
  const turns = messages.filter((message) => message.role !== 'system')
  for (let start = 0; start < turns.length; start = nextUserTurn(turns, start + 1)) {
    const tokens = encode([...system, ...turns.slice(start)])
    if (tokens.length <= limit) return { tokens, dropped: start }
    if (nextUserTurn(turns, start + 1) >= turns.length) throw tooLong(tokens.length, limit)
  }
  throw new EngineError('bad-request', 'The message is empty.', { hint: 'Ask something.' })
}

function nextUserTurn(turns: readonly ChatMessage[], from: number): number {
  const index = turns.findIndex((turn, i) => i >= from && turn.role === 'user')
  return index < 0 ? turns.length : index
}

function tooLong(tokens: number, limit: number): EngineError {
  return new EngineError(
    'bad-request',
    `The message is ${tokens} tokens; the model's window has room for ${limit}.`,
    {
      hint: 'Shorten it or select less code, or raise `hearth.contextLength` if the model allows it.',
    },
  )
}
