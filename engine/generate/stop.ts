// Ends text at a stop string, and holds back what may still become one.

/** Feed it pieces of text; it lets through what is certain not to be part of a stop string. */
export class StopFilter {
  #held = ''

  constructor(private readonly stops: readonly string[]) {}

  /** Text that is safe to show, and whether a stop string was met; after that nothing more comes out. */
  push(text: string): { text: string; stopped: boolean } {
    this.#held += text
    const cut = earliest(this.stops.map((stop) => this.#held.indexOf(stop)))
    if (cut !== undefined) {
      const before = this.#held.slice(0, cut)
      this.#held = ''
      return { text: before, stopped: true }
    }
    const safe = this.#held.length - this.#longestBeginning()
    const certain = this.#held.slice(0, safe)
    this.#held = this.#held.slice(safe)
    return { text: certain, stopped: false }
  }

  /** The end of generation: what was held back is text after all. */
  flush(): string {
    const rest = this.#held
    this.#held = ''
    return rest
  }

  // Length of the longest end of the held text that begins some stop string.
  #longestBeginning(): number {
    const longest = Math.max(0, ...this.stops.map((stop) => stop.length - 1))
    for (let length = Math.min(longest, this.#held.length); length > 0; length--) {
      const end = this.#held.slice(-length)
      if (this.stops.some((stop) => stop.startsWith(end))) return length
    }
    return 0
  }
}

function earliest(positions: readonly number[]): number | undefined {
  const found = positions.filter((position) => position >= 0)
  return found.length > 0 ? Math.min(...found) : undefined
}
