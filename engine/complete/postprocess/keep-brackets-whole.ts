// Ends a suggestion of several lines where every bracket that it opened is closed: half a literal or half a loop breaks the file.
import { lastBalancedLine } from '../brackets'
import type { CursorContext } from '../context'

/** The answer is a beginning of `text`: its lines up to the last one that leaves nothing open, or its first one. */
export function keepBracketsWhole(text: string, { mode, linePrefix }: CursorContext): string {
  if (mode === 'line') return text
  const end = lastBalancedLine(text)
  if (text.slice(0, end).trim() !== '') return text.slice(0, end)
  // After an opener on the cursor's line the first line of the body is the second of the text.
  const start = linePrefix.trim() === '' ? 0 : text.indexOf('\n') + 1
  const lineBreak = text.indexOf('\n', start)
  return lineBreak < 0 ? text : text.slice(0, lineBreak)
}
