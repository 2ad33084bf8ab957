// The shape of a filter, and the order in which filters run.
import type { CursorContext } from '../context'
import { dropBlank } from './drop-blank'
import { dropRepeat } from './drop-repeat'
import { keepBracketsWhole } from './keep-brackets-whole'
import { keepIndent } from './keep-indent'
import { stopAtBlockEnd } from './stop-at-block-end'
import { stripLeaked } from './strip-leaked'
import { trimSuffixOverlap } from './trim-suffix-overlap'

/** Pure: the same text and place always give the same answer. An empty text drops the suggestion. */
export type Filter = (text: string, context: CursorContext) => string

type FilterTable = Readonly<Record<string, Filter>>

/** What has to happen before the end of a block can be seen; cheap, for it runs on every piece of a stream. */
export const readingFilters: FilterTable = {
  'strip-leaked': stripLeaked,
  'keep-indent': keepIndent,
}

/** Run once, at the place the model was asked for; the outcome is cached. */
export const shapeFilters: FilterTable = {
  ...readingFilters,
  'stop-at-block-end': stopAtBlockEnd,
  'drop-repeat': dropRepeat,
  'keep-brackets-whole': keepBracketsWhole,
}

/** Run each time a suggestion is shown, because what follows the cursor changes while typing. */
export const fitFilters: FilterTable = {
  'trim-suffix-overlap': trimSuffixOverlap,
  'drop-blank': dropBlank,
}

export interface Filtered {
  text: string
  /** The filter that left nothing of something, for the request log. */
  droppedBy?: string
}

export function applyFilters(filters: FilterTable, text: string, context: CursorContext): Filtered {
  let current = text
  if (text === '') return { text }
  for (const [name, filter] of Object.entries(filters)) {
    current = filter(current, context)
    if (current === '') return { text: '', droppedBy: name }
  }
  return { text: current }
}
