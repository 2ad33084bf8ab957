// Where a suggestion that is being written may end.
import type { CursorContext } from './context'
import { applyFilters, type Filters } from './postprocess/filter'
import { blockEnd } from './postprocess/stop-at-block-end'

/** What the model is stopped by. */
export function stopsOf({ mode }: CursorContext): string[] {
  return mode === 'line' ? ['\n'] : []
}

/** Whether what follows would be cut anyway. */
export function isComplete(text: string, context: CursorContext, { reading, shape }: Filters): boolean {
  if (text.trim() === '' || !('stop-at-block-end' in shape)) return false
  const shown = applyFilters(reading, text, context)
  return shown.text !== '' && blockEnd(shown.text, context) !== undefined
}

/** A suggestion of several lines that ran out of tokens ends with a torn line. */
export function dropUnfinishedLine(text: string): string {
  const lineBreak = text.lastIndexOf('\n')
  return lineBreak > 0 && text.slice(0, lineBreak).trim() !== '' ? text.slice(0, lineBreak) : text
}
