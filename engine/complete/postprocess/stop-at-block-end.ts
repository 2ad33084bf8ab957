// Ends a suggestion where the block it completes ends: short and right beats long and wrong.
import { lastBalancedLine } from '../brackets'
import { opensBlock, type CursorContext } from '../context'
import { indentWidth, isBlank, isCloserLine, linesBelow } from '../lines'

export function stopAtBlockEnd(text: string, context: CursorContext): string {
  const end = blockEnd(text, context)
  return end === undefined ? text : text.slice(0, end)
}

/**
 * Where to cut, or undefined while the block goes on. The verdict for a line needs its first visible character only, so
 * the model can be stopped while it is still writing.
 */
export function blockEnd(text: string, context: CursorContext): number | undefined {
  if (context.mode === 'line') {
    const lineBreak = text.indexOf('\n')
    return lineBreak < 0 ? undefined : lineBreak
  }
  const lines = text.split('\n')
  const opened = !isBlank(context.linePrefix)
  const own = indentWidth(context.linePrefix)
  let offset = 0
  let started = false
  if (!opened && own > 0 && isCloserLine(lines[0] ?? '') && !closesHere(context)) return 0
  for (const [at, line] of lines.entries()) {
    const lineStart = offset
    offset += line.length + 1
    if (isBlank(line)) {
      // A paragraph is a suggestion; the next one comes when this one is taken. Inside brackets it is not over.
      const before = text.slice(0, lineStart - 1)
      if (started && at < lines.length - 1 && lastBalancedLine(before) === before.length) return before.length
      continue
    }
    const inside = at === 0 || (opened ? indentWidth(line) > own : indentWidth(line) >= own)
    if (!inside) {
      // A closer may still be growing (`}` into `});`) while its line has no end.
      if (at === lines.length - 1 && isCloserLine(line)) return undefined
      return keepsCloser(line, context) ? offset - 1 : Math.max(0, lineStart - 1)
    }
    started = true
  }
  return undefined
}

/** The closing line belongs to the suggestion when it closes the block around the cursor and is not there yet. */
function keepsCloser(line: string, context: CursorContext): boolean {
  if (!isCloserLine(line)) return false
  const width = indentWidth(line)
  const opener = enclosingLine(context)
  if (opener === undefined || indentWidth(opener) !== width || !opensBlock(opener)) return false
  const below = linesBelow(context.after).find((candidate) => !isBlank(candidate))
  return (
    below === undefined || indentWidth(below) !== width || below.trim().charAt(0) !== line.trim().charAt(0)
  )
}

/** Whether an empty line stands where the closer of a block belongs: as deep as its opener. */
function closesHere(context: CursorContext): boolean {
  const own = indentWidth(context.linePrefix)
  const opener = context.before
    .split('\n')
    .slice(0, -1)
    .findLast((line) => !isBlank(line) && indentWidth(line) <= own)
  return opener !== undefined && indentWidth(opener) === own && opensBlock(opener)
}

/** The line that opened the block the suggestion is in. */
function enclosingLine(context: CursorContext): string | undefined {
  if (!isBlank(context.linePrefix)) return context.linePrefix
  const own = indentWidth(context.linePrefix)
  return context.before
    .split('\n')
    .slice(0, -1)
    .findLast((line) => !isBlank(line) && indentWidth(line) < own)
}
