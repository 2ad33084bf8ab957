// Byte-level BPE, the tokenizer of GPT-2, Llama 3, Qwen and their kin: words to bytes to merges.
import { maxRank, mergeNeighbors } from './merge'
import { splitWords } from './pretokenize'
import { textTokens, type TextCodec, type Vocabulary } from './vocabulary'

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

/** `merges` are "left right" in order of rank. */
export function createBpe(vocabulary: Vocabulary, merges: readonly string[], options: BpeOptions): Bpe {
  const ids = textTokens(vocabulary)
  const byteIds = Int32Array.from(byteAlphabet, (character) => ids.get(character) ?? missing)
  const table = readMerges(merges, ids)
  const cache = new Map<string, readonly number[]>()

  const encodeWord = (word: string): readonly number[] => {
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
    const pair = (left: number, right: number): number => pairKey(symbols[left] ?? 0, symbols[right] ?? 0)
    return mergeNeighbors(symbols.length, {
      rank: (left, right) => table.ranks.get(pair(left, right)) ?? -1,
      join: (left, right) => {
        symbols[left] = table.results[table.ranks.get(pair(left, right)) ?? 0] ?? 0
      },
    }).map((symbol) => symbols[symbol] ?? 0)
  }

  return {
    brokenMerges: table.broken,
    encode: (text, _previous, into) => {
      for (const word of splitWords(text, options.words)) {
        let tokens = cache.get(word)
        if (tokens === undefined) {
          tokens = encodeWord(word)
          if (word.length <= longestCachedWord) {
            if (cache.size >= maxCachedWords) cache.clear()
            cache.set(word, tokens)
          }
        }
        // Not push(...tokens): a word of 200 KB has more tokens than a call can have arguments.
        for (const token of tokens) into.push(token)
      }
    },
    bytesOf: (token) => bytesOfSpelling(vocabulary.tokens[token] ?? ''),
  }
}

/**
 * The printable character that stands for each byte: printable Latin-1 stands for itself, the other 68 bytes take U+0100 and up
 * in order. From OpenAI's GPT-2 encoder.
 */
export const byteAlphabet: readonly string[] = makeByteAlphabet()

const byteOfCharacter = new Map(byteAlphabet.map((character, byte) => [character, byte]))
const encoder = new TextEncoder()
const missing = -1
const maxCachedWords = 50_000
const longestCachedWord = 64

function makeByteAlphabet(): string[] {
  let next = 0x100
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte !== 173)
    return String.fromCharCode(printable ? byte : next++)
  })
}

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

// Token numbers stay below 2^26, so a pair is exact in a double.
function pairKey(left: number, right: number): number {
  return left * 2 ** 26 + right
}

interface MergeTable {
  /** Rank of a pair of tokens; the rank is also its index in `results`. */
  ranks: Map<number, number>
  results: Int32Array
  broken: number
}

function readMerges(merges: readonly string[], ids: ReadonlyMap<string, number>): MergeTable {
  const ranks = new Map<number, number>()
  const results = new Int32Array(merges.length)
  let broken = 0
  merges.slice(0, maxRank).forEach((merge, rank) => {
    // The first symbol is never empty, so a space at index 0 belongs to it.
    const space = merge.indexOf(' ', 1)
    const left = ids.get(merge.slice(0, space))
    const right = ids.get(merge.slice(space + 1))
    const result = ids.get(merge.slice(0, space) + merge.slice(space + 1))
    if (left === undefined || right === undefined || result === undefined) {
      broken++
      return
    }
    const key = pairKey(left, right)
    results[rank] = result
    if (!ranks.has(key)) ranks.set(key, rank)
  })
  return { ranks, results, broken }
}
