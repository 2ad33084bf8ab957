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

interface FilterRow {
  run: Filter
  /** What was wrong with a text of which it leaves nothing, for the request log. */
  verdict: string
}

type FilterTable = Readonly<Record<string, FilterRow>>

/** Which filters run when. */
export interface Filters {
  /** What has to happen before the end of a block can be seen; cheap, for it runs on every piece of a stream. */
  reading: FilterTable
  /** Run once, at the place the model was asked for; the outcome is cached. */
  shape: FilterTable
  /** Run each time a suggestion is shown, because what follows the cursor changes while typing. */
  fit: FilterTable
}

const reading: FilterTable = {
  'strip-leaked': { run: stripLeaked, verdict: 'it was signs of a prompt or of Markdown, not code' },
  'keep-indent': { run: keepIndent, verdict: 'it belongs further out than the cursor stands' },
}

export const allFilters: Filters = {
  reading,
  shape: {
    ...reading,
    'stop-at-block-end': { run: stopAtBlockEnd, verdict: 'it began where the block had ended' },
    'drop-repeat': { run: dropRepeat, verdict: 'it repeated itself or the line above' },
    'keep-brackets-whole': { run: keepBracketsWhole, verdict: 'its brackets did not close' },
  },
  fit: {
    'trim-suffix-overlap': { run: trimSuffixOverlap, verdict: 'it follows the cursor already' },
    'drop-blank': { run: dropBlank, verdict: 'there was nothing to be seen in it' },
  },
}

export interface Filtered {
  text: string
  /** Which filter left nothing of something, and why, for the request log. */
  droppedBy?: string
}

export function applyFilters(filters: FilterTable, text: string, context: CursorContext): Filtered {
  let current = text
  if (text === '') return { text }
  for (const [name, { run, verdict }] of Object.entries(filters)) {
    current = run(current, context)
    if (current === '') return { text: '', droppedBy: `${name}: ${verdict}` }
  }
  return { text: current }
}
