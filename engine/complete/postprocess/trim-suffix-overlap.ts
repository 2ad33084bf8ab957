// Cuts what stands after the cursor already: the rest of its line, and the lines below.
import { firstOutside, firstUnclosed, firstUnmatched } from '../brackets'
import { closersOnly, type CursorContext } from '../context'
import { fitClosers } from '../fit-closers'
import { isBlank, isCloserLine, linesBelow } from '../lines'

/** The answer is always a beginning of `text`, apart from trailing blanks. */
export function trimSuffixOverlap(text: string, context: CursorContext): string {
  return trimLinesBelow(trimRestOfLine(text, context.lineSuffix), context)
}

function trimRestOfLine(text: string, lineSuffix: string): string {
  const rest = lineSuffix.trim()
  if (rest === '') return text
  if (closersOnly.test(lineSuffix)) return fitClosers(text, lineSuffix).text
  const cut = (at: number): string =>
    at < 0 ? text : /^\s/.test(lineSuffix) ? text.slice(0, at).trimEnd() : text.slice(0, at)
  // Brackets say more than equal letters: `f())` before `)` has one that is its own.
  const first = rest.charAt(0)
  if (')]}'.includes(first)) return cut(firstUnmatched(text, first))
  if (rest === '{') return cut(firstOutside(text, '{'))
  const begins = (at: number): boolean => !splitsWord(text, at) && firstUnclosed(text.slice(0, at)) < 0
  const whole = rest.length >= 4 ? text.indexOf(rest) : -1
  if (whole >= 0 && begins(whole)) return cut(whole)
  for (let length = Math.min(rest.length, text.length); length > 0; length--) {
    const at = text.length - length
    if (!text.endsWith(rest.slice(0, length))) continue
    // `value` before `else` shares an `e` by chance; a shared word or sign is no chance.
    if (begins(at) && !splitsWord(rest, length)) return cut(at)
  }
  return text
}

function trimLinesBelow(text: string, context: CursorContext): string {
  const below = linesBelow(context.after).filter((line) => !isBlank(line))
  const next = below[0]
  if (next === undefined || !isBlank(context.lineSuffix)) return text
  const lines = text.split('\n')
  // The first line ends the cursor's own, and is compared as it will stand there.
  const whole = [context.linePrefix + (lines[0] ?? ''), ...lines.slice(1)]
  for (const [at, line] of whole.entries()) {
    if (isBlank(line) || (at === 0 && !isBlank(context.linePrefix))) continue
    // A lone closer is too common to mean anything unless all that is left stands below as well.
    const same = isCloserLine(line) ? standsBelow(whole.slice(at), below) : sameLine(line, next)
    if (same) return lines.slice(0, at).join('\n')
  }
  return text
}

function standsBelow(lines: readonly string[], below: readonly string[]): boolean {
  const visible = lines.filter((line) => !isBlank(line))
  return visible.every((line, at) => {
    const other = below[at]
    return other !== undefined && sameLine(line, other)
  })
}

// Indents count: the same words in another block are another statement.
function sameLine(one: string, other: string): boolean {
  return one.trimEnd() === other.trimEnd()
}

function splitsWord(text: string, at: number): boolean {
  return at > 0 && at < text.length && isWord(text.charAt(at - 1)) && isWord(text.charAt(at))
}

function isWord(char: string): boolean {
  return /[\p{L}\p{N}_$]/u.test(char)
}
