// Tokens of words that were seen before: text repeats its words far more often than it has new ones.

export class WordCache {
  readonly #words = new Map<string, readonly number[]>()

  constructor(private readonly encode: (word: string) => readonly number[]) {}

  tokensOf(word: string): readonly number[] {
    if (word.length > longestWord) return this.encode(word)
    let tokens = this.#words.get(word)
    if (tokens === undefined) {
      tokens = this.encode(word)
      if (this.#words.size >= maxWords) this.#words.clear()
      this.#words.set(word, tokens)
    }
    return tokens
  }
}

const maxWords = 50_000
const longestWord = 64
