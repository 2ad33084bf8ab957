// Lines of other files that use the same names as the lines at the cursor.
import { identifiersOf } from './identifiers'
import type { OtherText } from './surroundings'

/** A window of lines, with how alike it is to the lines at the cursor, from 0 to 1. */
export interface SimilarWindow extends OtherText {
  likeness: number
}

// Small, because budgets are: rivals take windows of 50 or 60 lines into prompts of 8000 tokens.
const windowLines = 16
const stride = 8

// Below it windows share keywords and little else.
const leastLikeness = 0.15

// A short file shares one name with anything.
const leastShared = 3

// Generated and minified text says nothing.
const longestLine = 300

/**
 * The likest window of each text, the likest first. Likeness is Jaccard's: names in both over names in either.
 *
 * @param nearby the lines at the cursor
 */
export function similarWindows(nearby: string, texts: readonly OtherText[]): SimilarWindow[] {
  const wanted = identifiersOf(nearby)
  if (wanted.size === 0) return []
  return texts
    .flatMap((text) => likest(wanted, text) ?? [])
    .filter(({ likeness }) => likeness >= leastLikeness)
    .sort((one, other) => other.likeness - one.likeness)
}

function likest(wanted: ReadonlySet<string>, of: OtherText): SimilarWindow | undefined {
  const lines = of.text.split('\n')
  let best: { from: number; likeness: number } | undefined
  for (let from = 0; from === 0 || from + windowLines - stride < lines.length; from += stride) {
    const window = lines.slice(from, from + windowLines)
    if (window.some(({ length }) => length > longestLine)) continue
    const likeness = jaccard(wanted, identifiersOf(window.join('\n')))
    if (best === undefined || likeness > best.likeness) best = { from, likeness }
  }
  if (best === undefined) return undefined
  const text = lines.slice(best.from, best.from + windowLines).join('\n')
  return { path: of.path, languageId: of.languageId, text, likeness: best.likeness }
}

function jaccard(one: ReadonlySet<string>, other: ReadonlySet<string>): number {
  let both = 0
  for (const name of other) if (one.has(name)) both++
  const either = one.size + other.size - both
  return both < leastShared ? 0 : both / either
}
