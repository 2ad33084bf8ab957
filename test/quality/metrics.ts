// What makes a suggestion good or bad, as pure functions of a case and a ghost.
import { accept, type Case, type Ghost } from './case'

type Place = Pick<Case, 'original' | 'document' | 'start' | 'expected'>

/** Whether the cursor's line, with the ghost taken, is that of the published file. Blanks at its end do not count. */
export function firstLineRight(place: Place, ghost: Ghost): boolean {
  const lineStart = place.document.lastIndexOf('\n', place.start - 1) + 1
  return lineAt(accept(place, ghost), lineStart) === lineAt(place.original, lineStart)
}

/** Whether all that the ghost says was there, at its place: it may be only the start of what was. */
export function rightSoFar(place: Place, ghost: Ghost): boolean {
  return place.original.startsWith(place.document.slice(0, ghost.start) + ghost.text.trimEnd())
}

/** 1 for what was in the hole, 0 for nothing in common: 1 - distance / length of the longer, in characters (Levenshtein). */
export function editSimilarity(place: Place, ghost: Ghost): number {
  // Closers that the ghost takes over it must also write.
  const expected = (place.expected + place.document.slice(place.start, ghost.end)).trimEnd()
  const written = ghost.text.trimEnd()
  const longer = Math.max(expected.length, written.length)
  return longer === 0 ? 1 : 1 - levenshtein(expected, written) / longer
}

/** Whether the ghost says once more what stands after the cursor, and what was in the hole did not. */
export function repeatsSuffix(place: Place, ghost: Ghost): boolean {
  const after = place.document.slice(ghost.end)
  const [restOfLine = '', ...below] = after.split('\n')
  const rest = restOfLine.trim()
  const written = ghost.text.trimEnd()
  if (rest !== '' && written.endsWith(rest) && !place.expected.trimEnd().endsWith(rest)) return true
  const next = below.map((line) => line.trim()).filter((line) => line !== '')
  const linePrefix = place.document.slice(place.document.lastIndexOf('\n', ghost.start - 1) + 1, ghost.start)
  return tellingLines(linePrefix + written).some(
    (line) =>
      next.slice(0, linesCompared).includes(line) &&
      !tellingLines(
        place.original.slice(place.start - linePrefix.length, place.start) + place.expected,
      ).includes(line),
  )
}

// Further below the same line is another statement rather than a repetition.
const linesCompared = 3

/** Lines that are more than brackets. */
function tellingLines(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.length >= 4 && /\w/.test(line))
}

function lineAt(text: string, start: number): string {
  const end = text.indexOf('\n', start)
  return text.slice(start, end < 0 ? text.length : end).trimEnd()
}

/** Insertions, deletions and replacements that make one text of the other. */
export function levenshtein(one: string, other: string): number {
  let above = Array.from({ length: other.length + 1 }, (_, at) => at)
  for (let i = 1; i <= one.length; i++) {
    const row = [i]
    for (let j = 1; j <= other.length; j++) {
      const replaced = (above[j - 1] ?? 0) + (one[i - 1] === other[j - 1] ? 0 : 1)
      row.push(Math.min(replaced, (above[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1))
    }
    above = row
  }
  return above[other.length] ?? 0
}
