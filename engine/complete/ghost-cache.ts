// Remembers suggestions by their place, and finds them again while the user types what was suggested.

/** Where a suggestion belongs. */
export interface Place {
  uri: string
  /** The characters before the cursor, at least `tailChars + lookBackChars` of them where the document has so many. */
  near: string
  after: string
}

export interface Remembered {
  /** What is left of the suggestion. */
  rest: string
  /** Characters of it that stand in the document already. */
  typed: number
}

interface Entry {
  after: string
  text: string
}

const tailChars = 128
const lookBackChars = 256
const headChars = 128

export class GhostCache {
  // A Map keeps insertion order: the first key is the one used longest ago.
  readonly #entries = new Map<string, Entry>()

  constructor(private readonly capacity = 256) {}

  /** An empty text is remembered too: the model had nothing to say here. */
  put(place: Place, text: string): void {
    const key = keyOf(place.uri, place.near)
    this.#entries.delete(key)
    this.#entries.set(key, { after: place.after.slice(0, headChars), text })
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.capacity) break
      this.#entries.delete(oldest)
    }
  }

  /** The remembered suggestion of this place, or of one before it which the text since then agrees with; undefined when nothing is known. */
  find(place: Place): Remembered | undefined {
    for (let typed = 0; typed <= Math.min(lookBackChars, place.near.length); typed++) {
      const split = place.near.length - typed
      const key = keyOf(place.uri, place.near.slice(0, split))
      const entry = this.#entries.get(key)
      if (!entry || !sameAfter(entry.after, place.after)) continue
      if (!entry.text.startsWith(place.near.slice(split))) continue
      const rest = entry.text.slice(typed)
      // A suggestion typed to its end says nothing about what comes next.
      if (rest === '' && typed > 0) continue
      this.#entries.delete(key)
      this.#entries.set(key, entry)
      return { rest, typed }
    }
    return undefined
  }

  clear(): void {
    this.#entries.clear()
  }
}

/** Whether the text after the cursor is still the same, apart from closers the editor added to what was typed. */
export function sameAfter(remembered: string, now: string): boolean {
  const head = remembered.slice(0, headChars)
  const added = /^[)\]}>"'`]{0,4}/.exec(now)?.[0].length ?? 0
  for (let count = 0; count <= added; count++) {
    // At the end of a document only the end of it is the same.
    if (head === '' ? now.length === count : now.startsWith(head, count)) return true
  }
  return false
}

function keyOf(uri: string, near: string): string {
  return `${uri}\n${near.slice(-tailChars)}`
}
