// Finds the tokens whose bytes agree with some text: those that begin with it, and the longest that it begins with.
import type { Tokenizer } from './tokenizer'

/** Tokens in the order of their bytes. Sorting takes a walk through the vocabulary, so it is done in advance or when first asked. */
export class TokenPrefixes {
  #sorted: Int32Array | undefined

  constructor(readonly tokenizer: Tokenizer) {}

  /** Sorts now, so that nobody waits for it later. */
  prepare(): void {
    this.#order()
  }

  /** Every token that begins with `bytes`, which are not empty. */
  startingWith(bytes: Uint8Array): Int32Array {
    const sorted = this.#order()
    const first = this.#find(sorted, (token) => compareHead(token, bytes) >= 0)
    const end = this.#find(sorted, (token) => compareHead(token, bytes) > 0)
    return sorted.subarray(first, end)
  }

  /** The longest token that `bytes` begin with and that is shorter than they are. */
  longestWithin(bytes: Uint8Array): number | undefined {
    for (let length = bytes.length - 1; length > 0; length--) {
      const head = bytes.subarray(0, length)
      const [token] = this.startingWith(head)
      if (token !== undefined && this.tokenizer.bytesOf(token).length === length) return token
    }
    return undefined
  }

  #order(): Int32Array {
    return (this.#sorted ??= sortedByBytes(this.tokenizer))
  }

  /** Index of the first token for which `reached` holds; it holds for all after it. */
  #find(sorted: Int32Array, reached: (bytes: Uint8Array) => boolean): number {
    let [low, high] = [0, sorted.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (reached(this.tokenizer.bytesOf(sorted[middle]!))) high = middle
      else low = middle + 1
    }
    return low
  }
}

// Tokens without bytes are control tokens and say nothing, and those that end an answer do so however they are spelled.
function sortedByBytes(tokenizer: Tokenizer): Int32Array {
  const spelled: { token: number; bytes: string }[] = []
  for (let token = 0; token < tokenizer.size; token++) {
    if (tokenizer.eog.has(token)) continue
    // One character a byte, so that comparing strings compares bytes.
    const bytes = Buffer.from(tokenizer.bytesOf(token)).toString('latin1')
    if (bytes !== '') spelled.push({ token, bytes })
  }
  spelled.sort((a, b) => (a.bytes < b.bytes ? -1 : a.bytes > b.bytes ? 1 : a.token - b.token))
  return Int32Array.from(spelled, ({ token }) => token)
}

/** How the beginning of `bytes` compares with `head`: 0 when `bytes` begins with it. */
function compareHead(bytes: Uint8Array, head: Uint8Array): number {
  return Buffer.compare(bytes.subarray(0, head.length), head)
}
