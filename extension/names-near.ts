// Which names near a cursor are worth looking up.

/** A name and where it stands, counted from 0. */
export interface NameAt {
  name: string
  line: number
  character: number
}

const mostNames = 8

// Shorter ones are mostly of loops.
const leastChars = 3

/**
 * The names nearest to the cursor first, each once.
 *
 * @param lines those before the cursor, the cursor's own last and cut at the cursor
 * @param firstLine number of the first of them
 */
export function namesNear(lines: readonly string[], firstLine: number): NameAt[] {
  const found = new Map<string, NameAt>()
  for (const [at, text] of [...lines.entries()].reverse()) {
    const names = [...text.matchAll(/[\p{L}_$][\p{L}\p{N}_$]*/gu)].reverse()
    for (const { 0: name, index } of names) {
      if (name.length < leastChars || found.has(name)) continue
      found.set(name, { name, line: firstLine + at, character: index })
      if (found.size === mostNames) return [...found.values()]
    }
  }
  return [...found.values()]
}
