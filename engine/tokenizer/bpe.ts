// Byte-level BPE, the tokenizer of GPT-2, Llama 3, Qwen and their kin: words to bytes to merges.
import { byteAlphabet } from '../format/byte-alphabet'
import { mergeNeighbors } from './merge'
import { pairsFromMerges, pairsFromSpellings } from './pairs'
import { splitWords } from './pretokenize'
import { textTokens, type TextCodec, type Vocabulary } from './vocabulary'
import { WordCache } from './word-cache'

export interface BpeOptions {
  /** Regexes of pretokenize.ts, applied in order. */
  words: readonly RegExp[]
  /** A word that is a token is taken whole, even where merges would not build it (Llama 3, Tekken). */
  wholeWords: boolean
}

export interface Bpe extends TextCodec {
  /** Merges that name a token the vocabulary lacks; they are ignored. */
  readonly brokenMerges: number
}

/**
 * `merges` are "left right" in order of rank. The files of tiktoken have none: there any two neighbors merge that are a token together,
 * the lowest token number first.
 */
export function createBpe(
  vocabulary: Vocabulary,
  merges: readonly string[] | 'by-number',
  options: BpeOptions,
): Bpe {
  const ids = textTokens(vocabulary)
  const byteIds = Int32Array.from(byteAlphabet, (character) => ids.get(character) ?? missing)
  const merged = merges === 'by-number' ? undefined : pairsFromMerges(merges, ids)
  const pairs =
    merged ??
    pairsFromSpellings(
      (token) => vocabulary.tokens[token] ?? '',
      ids,
      (token) => token,
    )

  const words = new WordCache((word) => {
    if (options.wholeWords) {
      const whole = ids.get(spell(word))
      if (whole !== undefined) return [whole]
    }
    const symbols: number[] = []
    for (const byte of encoder.encode(word)) {
      // A byte the vocabulary cannot spell is left out, as the original implementations do.
      const id = byteIds[byte] ?? missing
      if (id !== missing) symbols.push(id)
    }
    const symbolAt = (at: number): number => symbols[at] ?? 0
    return mergeNeighbors(symbols.length, {
      rank: (left, right) => pairs.rank(symbolAt(left), symbolAt(right)),
      join: (left, right) => {
        symbols[left] = pairs.join(symbolAt(left), symbolAt(right))
      },
    }).map(symbolAt)
  })

  return {
    brokenMerges: merged?.broken ?? 0,
    encode: (text, _previous, into) => {
      for (const word of splitWords(text, options.words)) {
        // Not push(...tokens): a word of 200 KB has more tokens than a call can have arguments.
        for (const token of words.tokensOf(word)) into.push(token)
      }
    },
    bytesOf: (token) => bytesOfSpelling(vocabulary.tokens[token] ?? ''),
  }
}

const byteOfCharacter = new Map(byteAlphabet.map((character, byte) => [character, byte]))
const encoder = new TextEncoder()
const missing = -1

function spell(word: string): string {
  let spelling = ''
  for (const byte of encoder.encode(word)) spelling += byteAlphabet[byte] ?? ''
  return spelling
}

function bytesOfSpelling(spelling: string): Uint8Array {
  const bytes: number[] = []
  for (const character of spelling) {
    const byte = byteOfCharacter.get(character)
    // Tokens that somebody added by hand are spelled in plain text, outside the byte alphabet.
    if (byte === undefined) bytes.push(...encoder.encode(character))
    else bytes.push(byte)
  }
  return Uint8Array.from(bytes)
}
