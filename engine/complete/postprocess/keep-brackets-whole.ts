// Ends a suggestion where every bracket that it opened is closed: half a literal or half a loop breaks the file.
import { firstUnclosed, lastBalancedLine } from '../brackets'
import type { CursorContext } from '../context'

/**
 * The answer is a beginning of `text`: its lines up to the last one that leaves nothing open, or its first one. Before other text of
 * the cursor's line nothing may stay open, for nobody would close it there.
 */
export function keepBracketsWhole(text: string, { mode, linePrefix, lineSuffix }: CursorContext): string {
  if (mode === 'line') return codeFollows.test(lineSuffix) ? upToUnclosed(text) : text
  const end = lastBalancedLine(text)
  if (text.slice(0, end).trim() !== '') return text.slice(0, end)
  // After an opener on the cursor's line the first line of the body is the second of the text.
  const start = linePrefix.trim() === '' ? 0 : text.indexOf('\n') + 1
  const lineBreak = text.indexOf('\n', start)
  return lineBreak < 0 ? text : text.slice(0, lineBreak)
}

// Before a quote the text is within a string, whose brackets are letters.
const codeFollows = /^\s*[^\s"'`]/

function upToUnclosed(text: string): string {
  const at = firstUnclosed(text)
  return at < 0 ? text : text.slice(0, at).trimEnd()
}
