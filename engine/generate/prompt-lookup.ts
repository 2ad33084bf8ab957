// Guesses the next tokens from the text so far: code repeats itself, and an edit repeats what it edits (prompt lookup decoding).
import { TokenPlaces } from '../base/token-places'

/** How a guess was found: by the copy that goes on, by one that was left at a changed word, or by the last 3, 2 or 1 tokens. */
export const guessKinds = ['copy', 'resumed', 'three', 'two', 'one'] as const
export type GuessKind = (typeof guessKinds)[number]

export interface Guess {
  readonly kind: GuessKind
  /** Index of the token that is guessed to come again next. */
  readonly at: number
}

/** How far behind a changed word the copy is looked for, in tokens, and after how many changed tokens it is given up. */
const reach = 8

/** A growing text and where each of its tokens, pairs and triples was seen last. */
export class PromptLookup {
  readonly #places = new TokenPlaces(3)
  /** Where the copy goes on, while there is one: the next token, or the first one that was changed. */
  #copy: number | undefined
  /** Tokens since the copy was left. */
  #changed = 0

  constructor(tokens: readonly number[]) {
    for (const token of tokens) this.push(token)
  }

  push(token: number): void {
    this.#places.push(token)
    this.#follow(token)
    this.#copy ??= this.#places.latest(3)
  }

  /** The ways to guess what comes next, the copy first, then by falling length of what agrees. */
  guesses(): Guess[] {
    const found: Guess[] = []
    if (this.#copy !== undefined) {
      if (this.#changed === 0) found.push({ kind: 'copy', at: this.#copy })
      else found.push({ kind: 'resumed', at: this.#copy + 1 })
    }
    for (const [length, kind] of [
      [3, 'three'],
      [2, 'two'],
      [1, 'one'],
    ] as const) {
      const at = this.#places.latest(length)
      if (at !== undefined) found.push({ kind, at })
    }
    return found.filter(({ at }) => at < this.#places.tokens.length)
  }

  /** `most` tokens from the place of a guess on. A copy that reaches the end of the text repeats itself. */
  draft({ at }: Guess, most: number): number[] {
    const { length } = this.#places.tokens
    const draft: number[] = []
    for (let i = 0; i < most; i++) {
      const token = at + i < length ? this.#places.tokens[at + i] : draft[at + i - length]
      if (token === undefined) break
      draft.push(token)
    }
    return draft
  }

  // A word that was changed may have become longer or shorter: the copy goes on at the first of the next tokens that comes again.
  #follow(token: number): void {
    if (this.#copy === undefined) return
    for (let skip = 0; skip <= reach; skip++) {
      if (
        this.#places.tokens[this.#copy + skip] !== token ||
        this.#copy + skip >= this.#places.tokens.length - 1
      )
        continue
      this.#copy += skip + 1
      this.#changed = 0
      return
    }
    this.#changed++
    if (this.#changed > reach) this.#drop()
  }

  #drop(): void {
    this.#copy = undefined
    this.#changed = 0
  }
}
