// How the extension llama.vscode (0.0.63) asks llama.cpp for a completion, and what it makes of the answer: facts of its settings and rules.
import type { Ghost } from './case'

/** What its request to `/infill` holds, with its default settings. */
export interface InfillRequest {
  inputPrefix: string
  inputSuffix: string
  /** The cursor's line up to the cursor. */
  prompt: string
  nPredict: number
  /** Lines that are indented less end the answer; 0 is off. */
  nIndent: number
  /** Checked at line breaks, once there is one. */
  tMaxPredictMs: number
}

const prefixLines = 256
const suffixLines = 64
const mostAfterCursor = 8

/** Undefined when it would not ask: it leaves a cursor alone that has more than a few characters after it. */
export function infillRequest(document: string, offset: number): InfillRequest | undefined {
  const { linePrefix, lineSuffix, above, below } = linesAround(document, offset)
  if (lineSuffix.length > mostAfterCursor) return undefined
  const line = linePrefix + lineSuffix
  return {
    inputPrefix: `${above.slice(-prefixLines).join('\n')}\n`,
    inputSuffix: `${lineSuffix}\n${below.slice(0, suffixLines).join('\n')}\n`,
    prompt: linePrefix.trim() === '' ? '' : linePrefix,
    nPredict: 128,
    nIndent: line.length - line.trimStart().length,
    tMaxPredictMs: 500,
  }
}

/** The ghost it would show, or undefined when it discards the answer. */
export function ghostOf(document: string, offset: number, answer: string): Ghost | undefined {
  const { linePrefix, lineSuffix, below } = linesAround(document, offset)
  const lines = answer.split(/\r?\n/)
  while (lines.length > 0 && lines.at(-1) === '') lines.pop()
  if (discards(lines, linePrefix, lineSuffix, below)) return undefined
  const cut = cutAtSuffix(lines, lineSuffix)
  // Only where the line before the cursor is blank was its indentation left out of the prompt.
  const text = linePrefix.trim() === '' ? dropIndent(cut, linePrefix.length) : cut
  return text === '' ? undefined : { text, start: offset, end: offset }
}

function discards(
  lines: readonly string[],
  linePrefix: string,
  lineSuffix: string,
  below: readonly string[],
): boolean {
  const [first = '', ...more] = lines
  if (lines.length === 0 || (more.length === 0 && first.trim() === '')) return true
  if (below.length === 0) return false
  const repeats = (from: number): boolean => more.every((line, at) => line === below[from + at])
  if (more.length > 0 && (first.trim() === '' || first.trim() === lineSuffix.trim()) && repeats(0))
    return true
  if (more.length === 0 && first === lineSuffix) return true
  const next = below.findIndex((line) => line.trim() !== '')
  if (next < 0 || linePrefix + first !== below[next]) return false
  if (more.length === 0) return true
  const second = more[0] ?? ''
  return more.length === 1 ? (below[next + 1] ?? '').startsWith(second) : repeats(next + 1)
}

function cutAtSuffix(lines: readonly string[], lineSuffix: string): string {
  const first = lines[0] ?? ''
  if (lineSuffix.trim() === '') return lines.join('\n')
  if (first.endsWith(lineSuffix)) return first.slice(0, first.length - lineSuffix.length)
  return lines.length > 1 ? first : lines.join('\n')
}

/** At most so many spaces, and any number of tabs. */
function dropIndent(text: string, spaces: number): string {
  let at = 0
  while ((at < spaces && text[at] === ' ') || text[at] === '\t') at++
  return text.slice(at)
}

function linesAround(
  document: string,
  offset: number,
): { linePrefix: string; lineSuffix: string; above: string[]; below: string[] } {
  const above = document.slice(0, offset).split('\n')
  const [lineSuffix = '', ...below] = document.slice(offset).split('\n')
  return { linePrefix: above.pop() ?? '', lineSuffix, above, below }
}
