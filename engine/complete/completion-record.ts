// What became of a request for ghost text, in words for the request log.
import type { Usage } from '../protocol/chat'
import type { AnsweredBy, PromptPart } from '../protocol/messages'
import type { CursorContext } from './context'
import type { ChosenFiles } from './other-files/files-in-prompt'
import type { Filtered } from './postprocess/filter'

/** One request to the model, or one that needed none, for the request log. */
export interface CompletionRecord {
  prompt: string
  /** What the model wrote, or what was left to show of it. */
  text: string
  outcome: string
  answeredBy: AnsweredBy
  usage?: Usage
  /** Milliseconds from giving it up to its end. */
  givenUpMs?: number
  /** Where the cursor was, counted from 0. */
  place: { uri: string; line: number; character: number }
  /** What was left to show there. */
  shown: string
  /** What the model was given, in this order; absent when it was not asked. */
  parts?: PromptPart[]
  /** Milliseconds from the request of the editor to its end. */
  ms: number
}

/** A request of the editor. */
export interface Asked {
  context: CursorContext
  /** By `performance.now()`. */
  askedAt: number
}

/** What is told of a request besides its place and its time. */
export type Outcome = Omit<CompletionRecord, 'prompt' | 'place' | 'ms'>

export type Recorder = (asked: Asked, outcome: Outcome) => void

export const goneAstray = 'given up: the text went another way or nobody waited'
export const tooSlow =
  'given up: the model took too long to read the text before the cursor; the next request goes on from there, and a smaller model reads faster'
export const lateAnswer = 'kept for the next keystroke: nobody waited any more'
export const prepared = 'prepared before anybody asked'

/** The record of a request that ends now. */
export function completionRecord({ context, askedAt }: Asked, outcome: Outcome): CompletionRecord {
  const { prompt, uri, position } = context
  return {
    prompt: `${prompt.prefix}${prompt.typed}┃${prompt.suffix}`,
    place: { uri, ...position },
    ms: performance.now() - askedAt,
    ...outcome,
  }
}

/** Why nothing is shown, in words for the log. */
export function reasonForNothing({ droppedBy }: Filtered): string {
  return droppedBy === undefined ? 'the model had nothing to add' : `dropped by ${droppedBy}`
}

/** What the model is given, in the order in which it reads it. */
export function partsOf(
  { prompt }: CursorContext,
  others: ChosenFiles | undefined,
  fim: boolean,
): PromptPart[] {
  const files =
    others?.pieces.map(({ path, origin, text }) => ({ name: `${path}, which ${origin}`, text })) ?? []
  const parts = [
    ...files,
    { name: 'before the cursor', text: prompt.prefix },
    // Without fill-in-the-middle tokens there is no place for it.
    { name: 'after the cursor', text: fim ? prompt.suffix : '' },
    { name: 'the line up to the cursor, and what was typed since', text: prompt.typed },
  ]
  return parts.filter(({ text }) => text !== '')
}
