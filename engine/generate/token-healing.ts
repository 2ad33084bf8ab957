// Token healing: a cursor inside a token hides from the model what it would have written there. The last piece of the text is taken
// back, and the first tokens of the answer have to spell it again, and may go on.
import type { TokenChoice } from '../backend/choose-token'
import type { TokenPrefixes } from '../tokenizer/token-prefixes'
import type { Sampler } from './sampler'

// Vocabularies split text before they merge it; what they keep together is a word, a number or a run of signs, with a character
// before it. A line break is a boundary of its own.
const lastPiece = /(?:[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|[^\r\n\p{L}\p{N}]?\p{N}{1,3}| ?[^\s\p{L}\p{N}]+| )$/u

// A sentence in a script without spaces is one long piece, and no token.
const mostCharacters = 32

/** The end of `text` to take back: its last piece, without the tokens in front after which some token begins with all the rest. */
export function endToHeal(text: string, prefixes: TokenPrefixes): string {
  const piece = lastPiece.exec(text.slice(-2 * mostCharacters))?.[0] ?? ''
  // One at the very start has nothing before it to go on from.
  if (piece.length > mostCharacters || piece.length === text.length) return ''
  let left = encoder.encode(piece)
  while (left.length > 0 && (isInsideCharacter(left) || prefixes.startingWith(left).length === 0)) {
    const token = prefixes.longestWithin(left)
    left = left.subarray(token === undefined ? 1 : prefixes.tokenizer.bytesOf(token).length)
  }
  return decoder.decode(left)
}

/** Greedy, but for the first tokens, which spell `text`. */
export class HealingSampler implements Sampler {
  #left: Uint8Array
  #among: readonly number[] | undefined

  constructor(
    text: string,
    private readonly prefixes: TokenPrefixes,
    private readonly then: Sampler,
  ) {
    this.#left = encoder.encode(text)
  }

  next(logits: Float32Array, history: readonly number[]): number {
    this.#among = this.#spellings()
    const token = likeliestOf(this.#among, logits) ?? this.then.next(logits, history)
    this.#left = this.#left.subarray(this.prefixes.tokenizer.bytesOf(token).length)
    return token
  }

  get among(): readonly number[] | undefined {
    return this.#among
  }

  /** The device knows nothing of spelling. */
  get choice(): TokenChoice | undefined {
    return this.#left.length > 0 ? undefined : this.then.choice
  }

  /**
   * The tokens that begin with all that is left, and the longest that is a part of it; undefined when nothing is left. Shorter parts
   * are likely too, as words of their own, and lead astray: after ` n` nobody writes `umber`.
   */
  #spellings(): number[] | undefined {
    if (this.#left.length === 0) return undefined
    const part = this.prefixes.longestWithin(this.#left)
    const whole = [...this.prefixes.startingWith(this.#left)]
    return part === undefined ? whole : [part, ...whole.filter((token) => token !== part)]
  }
}

function likeliestOf(tokens: readonly number[] | undefined, logits: Float32Array): number | undefined {
  let best = tokens?.[0]
  for (const token of tokens ?? []) {
    if (best === undefined || (logits[token] ?? -Infinity) > (logits[best] ?? -Infinity)) best = token
  }
  return best
}

// The second byte of a character in UTF-8, or a later one.
function isInsideCharacter(bytes: Uint8Array): boolean {
  return ((bytes[0] ?? 0) & 0xc0) === 0x80
}

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
