// Cuts loops: small models love to say the same line again.
import type { CursorContext } from '../context'
import { isBlank, isCloserLine, lineAbove } from '../lines'

const leastRepeats = 3
const leastPeriodChars = 2

export function dropRepeat(text: string, context: CursorContext): string {
  if (rewritesLineAbove(text, context)) return ''
  return cutLineLoop(cutBlockLoop(text))
}

/** On an empty line, starting with the very line above is a loop too. */
function rewritesLineAbove(text: string, context: CursorContext): boolean {
  if (!isBlank(context.linePrefix)) return false
  const first = text.split('\n', 1)[0] ?? ''
  const above = lineAbove(context.before)
  return above !== undefined && !isBlank(first) && !isCloserLine(first) && first.trim() === above.trim()
}

/** Keeps the first of three or more equal runs of lines. */
function cutBlockLoop(text: string): string {
  const lines = text.split('\n')
  const keys = lines.map((line) => line.trim())
  for (let start = 0; start < lines.length; start++) {
    for (let period = 1; start + period * leastRepeats <= lines.length; period++) {
      const run = keys.slice(start, start + period)
      if (run.every((line) => line === '' || isCloserLine(line))) continue
      if (repeats(keys, start, period) < leastRepeats) continue
      return lines.slice(0, start + period).join('\n')
    }
  }
  return text
}

/** Cuts a last line that has got stuck, `f(a, b, b, b, b, b`: what it says before is kept of a first line, and nothing of others. */
function cutLineLoop(text: string): string {
  const lineStart = text.lastIndexOf('\n') + 1
  const line = text.slice(lineStart)
  for (let period = leastPeriodChars; period * (leastRepeats + 2) <= line.length; period++) {
    const tail = line.slice(-period)
    // Rules of one character (`-----`, `=====`) are drawn on purpose.
    if (isBlank(tail) || new Set(tail).size === 1) continue
    if (!line.endsWith(tail.repeat(leastRepeats + 2))) continue
    return lineStart > 0 ? text.slice(0, lineStart - 1) : line.slice(0, loopStart(line, period))
  }
  return text
}

/** Where the run of equal pieces at the end of `line` begins, or the signs that join it to what is before. */
function loopStart(line: string, period: number): number {
  let at = line.length - period
  while (at > 0 && line[at - 1] === line[at - 1 + period]) at--
  return line.slice(0, at).replace(/[\s,;.|&+([{]+$/, '').length
}

function repeats(keys: readonly string[], start: number, period: number): number {
  let count = 1
  while (
    start + (count + 1) * period <= keys.length &&
    keys.slice(start, start + period).every((key, at) => key === keys[start + count * period + at])
  ) {
    count++
  }
  return count
}
