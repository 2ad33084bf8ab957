// The conversation as the extension keeps it: turns, what the engine gets to see of them, and how they are stored.
import * as v from 'valibot'
import type { ChatMessage } from '../engine/protocol/chat'
import type { ExplainRequest } from '../engine/protocol/messages'
import type { ViewMessage } from '../engine/protocol/webview'

/** What a user turn made by "Explain Code" asks the engine for; the prompt around it is the engine's. */
export type Explanation = Pick<ExplainRequest.Params, 'code' | 'languageId' | 'path'>

export interface Turn extends ViewMessage {
  explain?: Explanation
}

// workspaceState is one row of a database that VS Code reads at every start.
const maxStoredTurns = 200
const maxStoredCharacters = 1_000_000
// A pasted log must not push everything else out. More than most models could take in anyway.
const maxTurnCharacters = 200_000

const usageSchema = v.object({
  promptTokens: v.number(),
  reusedTokens: v.number(),
  completionTokens: v.number(),
  prefillMs: v.number(),
  decodeMs: v.number(),
})

const turnSchema = v.object({
  id: v.pipe(v.string(), v.minLength(1), v.maxLength(64)),
  role: v.picklist(['user', 'assistant']),
  text: v.string(),
  state: v.picklist(['streaming', 'done', 'error']),
  finishReason: v.exactOptional(v.picklist(['stop', 'length', 'context-full', 'cancelled'])),
  usage: v.exactOptional(usageSchema),
  droppedMessages: v.exactOptional(v.number()),
  error: v.exactOptional(v.string()),
  explain: v.exactOptional(v.object({ code: v.string(), languageId: v.string(), path: v.string() })),
})

/** Reads what an earlier window stored. Damaged or foreign data is an empty conversation. */
export function parseStored(raw: unknown): Turn[] {
  const parsed = v.safeParse(v.array(turnSchema), raw)
  if (!parsed.success) return []
  // The window was closed in the middle of this answer; what had arrived stays.
  return parsed.output.map((turn) =>
    turn.state === 'streaming' ? { ...turn, state: 'done', finishReason: 'cancelled' } : turn,
  )
}

/** The newest turns that fit the store, huge ones cut short, always beginning with a question. */
export function toStored(whole: readonly Turn[]): Turn[] {
  const turns = whole.slice(-maxStoredTurns).map(shorten)
  let budget = maxStoredCharacters
  let start = turns.length
  while (start > 0) {
    const turn = turns[start - 1]
    budget -= (turn?.text.length ?? 0) + (turn?.explain?.code.length ?? 0)
    if (budget < 0) break
    start--
  }
  while (turns[start]?.role === 'assistant') start++
  return turns.slice(start)
}

function shorten(turn: Turn): Turn {
  const { explain } = turn
  return {
    ...turn,
    text: cut(turn.text),
    ...(explain === undefined ? {} : { explain: { ...explain, code: cut(explain.code) } }),
  }
}

function cut(text: string): string {
  return text.length <= maxTurnCharacters ? text : `${text.slice(0, maxTurnCharacters)}\n[cut]`
}

/**
 * The messages before and including the user turn at `end - 1`. Question and answer alternate, because chat
 * templates insist on it: a question whose answer failed or was stopped before its first word is left out.
 */
export function history(turns: readonly Turn[], end: number): ChatMessage[] {
  const messages: ChatMessage[] = []
  for (let i = 0; i < end; i++) {
    const turn = turns[i]
    if (turn?.role !== 'user') continue
    const answer = turns[i + 1]
    if (i === end - 1) messages.push({ role: 'user', content: turn.text })
    else if (answer?.role === 'assistant' && answer.state === 'done' && answer.text !== '')
      messages.push({ role: 'user', content: turn.text }, { role: 'assistant', content: answer.text })
  }
  return messages
}

/** What the view gets of a turn. */
export function toView(turn: Turn): ViewMessage {
  const message = { ...turn }
  delete message.explain
  return message
}
