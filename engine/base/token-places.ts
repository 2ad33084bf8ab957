// Where each group of tokens stands in a growing text: what prompt lookup and copied suggestions look up.

/** Places are indices of the token that follows the group; a group that nothing follows yet has none. */
export class TokenPlaces {
  readonly #tokens: number[] = []
  /** By length of the group less one: its latest place, by a hash of its tokens. */
  readonly #latest: readonly Map<number, number>[]
  /** By length of the group less one and by place: the place before of a group of the same hash. */
  readonly #earlier: readonly (number | undefined)[][]

  /** Groups have 1 to `most` tokens. */
  constructor(most: number) {
    this.#latest = Array.from({ length: most }, () => new Map<number, number>())
    this.#earlier = Array.from({ length: most }, () => [])
  }

  get tokens(): readonly number[] {
    return this.#tokens
  }

  push(token: number): void {
    const place = this.#tokens.length
    this.#latest.forEach((places, i) => {
      const hash = place > i ? hashOf(this.#tokens, place - i - 1, place) : undefined
      this.#earlier[i]?.push(hash === undefined ? undefined : places.get(hash))
      if (hash !== undefined) places.set(hash, place)
    })
    this.#tokens.push(token)
  }

  /** The latest place of the group that the text ends with, or undefined: groups of one hash take each other's place. */
  latest(length: number): number | undefined {
    const { length: end } = this.#tokens
    if (end < length) return undefined
    const place = this.#latest[length - 1]?.get(hashOf(this.#tokens, end - length, end))
    if (place === undefined) return undefined
    for (let i = 1; i <= length; i++) if (this.#tokens[place - i] !== this.#tokens[end - i]) return undefined
    return place
  }

  /** Every place of a group, the latest first. */
  *places(group: readonly number[]): Generator<number> {
    const { length } = group
    const earlier = this.#earlier[length - 1]
    let place = this.#latest[length - 1]?.get(hashOf(group, 0, length))
    for (; place !== undefined; place = earlier?.[place]) {
      const start = place - length
      if (group.every((token, i) => this.#tokens[start + i] === token)) yield place
    }
  }
}

function hashOf(tokens: readonly number[], start: number, end: number): number {
  let hash = 0
  for (let i = start; i < end; i++) hash = (Math.imul(hash, 0x9e3779b1) + (tokens[i] ?? 0) + 1) | 0
  return hash
}
