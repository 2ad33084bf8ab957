// SentencePiece, the tokenizer of Llama 1 and 2, Gemma and Mistral: characters become pieces, the rest falls back to bytes.
import { maxRank, mergeNeighbors } from './merge'
import { pairsFromMerges, pairsFromSpellings, type Pairs } from './pairs'
import { createUnigram } from './unigram'
import { textTokens, tokenTypes, type TextCodec, type Vocabulary } from './vocabulary'
import { WordCache } from './word-cache'

export interface SpmOptions {
  /**
   * Texts get a space in front: at the start, and after control tokens as in llama.cpp. Not after user-defined tokens, which
   * SentencePiece treats as a part of the text.
   */
  addSpacePrefix: boolean
  /** After which special tokens a text gets that space, too; `control` is the way of GGUF files. Default `control`. */
  spaceAfter?: 'control' | 'every' | 'none'
  /** Not in front of a text that starts with a space itself; SentencePiece puts a second one. Default false. */
  spaceOnce?: boolean
  /** Special tokens after which no space is put although `addSpacePrefix` is on. */
  noSpaceAfter: ReadonlySet<number>
  /** What characters become when the vocabulary has neither them nor their bytes; a run of them is one token. */
  unknown: number | undefined
  /** From texts with spaces to texts with U+2581, where the file says more than that. */
  normalize?: (text: string, withSpace: boolean) => string
  /** Finds the user-defined piece that starts at a place of a normalized text. Default: they were cut out before. */
  userDefinedAt?: (text: string, at: number) => number | undefined
}

/**
 * What decides which neighbors become one token: SentencePiece has a score for each token, and the highest that fits merges first;
 * Hugging Face has a list of pairs in order, and no other pairs merge; a unigram model takes the tokens with the best sum of scores.
 */
export type SpmMerges =
  { scores: ArrayLike<number> } | { pairs: readonly string[] } | { unigram: ArrayLike<number> }

export function createSpm(vocabulary: Vocabulary, merges: SpmMerges, options: SpmOptions): TextCodec {
  const ids = textTokens(vocabulary)
  const characters = new Characters(vocabulary, ids)
  const { byteIds, byteOf } = readByteTokens(vocabulary)
  const mayMeet = neighborFilter([...ids.keys()])

  const unknownOf = (character: string): readonly number[] => {
    const tokens = Array.from(encoder.encode(character), (byte) => byteIds[byte] ?? missing)
    if (!tokens.includes(missing)) return tokens
    return options.unknown === undefined ? [] : [options.unknown]
  }
  const tokensOf = (symbols: readonly number[]): readonly number[] =>
    symbols.flatMap((symbol) =>
      symbol < vocabulary.tokens.length ? symbol : unknownOf(characters.spellingOf(symbol)),
    )
  const unigram = 'unigram' in merges ? createUnigram(vocabulary, merges.unigram) : undefined
  const pairs = 'unigram' in merges ? undefined : pairsOf(merges, ids, characters)
  const words = new WordCache((word) =>
    tokensOf(pairs === undefined ? [] : mergeWord(word, characters, pairs)),
  )

  const wantsSpace = (previous: number | undefined): boolean => {
    if (!options.addSpacePrefix || previous === undefined) return options.addSpacePrefix
    if (options.noSpaceAfter.has(previous) || options.spaceAfter === 'none') return false
    return options.spaceAfter === 'every' || vocabulary.types[previous] !== tokenTypes.userDefined
  }
  const normalize =
    options.normalize ?? ((text, withSpace) => (withSpace ? space : '') + text.replaceAll(' ', space))

  return {
    findsUserDefined: options.userDefinedAt !== undefined,
    encode: (text, previous, into) => {
      if (text === '') return
      const escaped = normalize(
        text,
        wantsSpace(previous) && !(options.spaceOnce === true && text.startsWith(' ')),
      )
      let wasUnknown = false
      const put = (token: number): void => {
        const isUnknown = token === options.unknown
        if (!(isUnknown && wasUnknown)) into.push(token)
        wasUnknown = isUnknown
      }
      if (unigram !== undefined) {
        // Sums of scores are rounded, so that a text in parts could come out differently than as a whole.
        for (const token of tokensOf(unigram(escaped, (character) => characters.numberOf(character))))
          put(token)
        return
      }
      let start = 0
      let before = -1
      const flush = (end: number): void => {
        if (end > start) for (const token of words.tokensOf(escaped.slice(start, end))) put(token)
      }
      for (let at = 0; at < escaped.length;) {
        const userDefined = options.userDefinedAt?.(escaped, at)
        if (userDefined !== undefined) {
          flush(at)
          put(userDefined)
          start = at += vocabulary.tokens[userDefined]?.length ?? 1
          before = -1
          continue
        }
        const character = escaped.codePointAt(at) ?? 0
        // No token reaches over this border, so both sides can be looked at alone.
        if (before >= 0 && !mayMeet(before, character)) {
          flush(at)
          start = at
        }
        before = character
        at += character > 0xffff ? 2 : 1
      }
      flush(escaped.length)
    },
    bytesOf: (token) => {
      const byte = byteOf.get(token)
      if (byte !== undefined) return Uint8Array.of(byte)
      return encoder.encode((vocabulary.tokens[token] ?? '').replaceAll(space, ' '))
    },
  }
}

const space = '\u2581'
const encoder = new TextEncoder()
const missing = -1

/** Numbers for single characters: their token, or one behind the vocabulary for those without. */
class Characters {
  readonly #strange: string[] = []
  readonly #numbers = new Map<string, number>()

  constructor(
    private readonly vocabulary: Vocabulary,
    private readonly ids: ReadonlyMap<string, number>,
  ) {}

  numberOf(character: string): number {
    let number = this.ids.get(character) ?? this.#numbers.get(character)
    if (number === undefined) {
      number = this.vocabulary.tokens.length + this.#strange.push(character) - 1
      this.#numbers.set(character, number)
    }
    return number
  }

  spellingOf(number: number): string {
    const { tokens } = this.vocabulary
    return (number < tokens.length ? tokens[number] : this.#strange[number - tokens.length]) ?? ''
  }
}

function pairsOf(
  merges: { scores: ArrayLike<number> } | { pairs: readonly string[] },
  ids: ReadonlyMap<string, number>,
  characters: Characters,
): Pairs {
  if ('pairs' in merges) return pairsFromMerges(merges.pairs, ids)
  const ranks = rankScores(merges.scores)
  return pairsFromSpellings(
    (symbol) => characters.spellingOf(symbol),
    ids,
    (token) => ranks[token] ?? maxRank,
  )
}

function mergeWord(word: string, characters: Characters, pairs: Pairs): number[] {
  const symbols = Array.from(word, (character) => characters.numberOf(character))
  const symbolAt = (at: number): number => symbols[at] ?? 0
  return mergeNeighbors(symbols.length, {
    rank: (left, right) => pairs.rank(symbolAt(left), symbolAt(right)),
    join: (left, right) => {
      symbols[left] = pairs.join(symbolAt(left), symbolAt(right))
    },
  }).map(symbolAt)
}

/**
 * Whether two characters stand side by side inside some token. Kept as a hash without collision handling: it may say yes by mistake,
 * which costs a longer word and nothing else.
 */
function neighborFilter(spellings: readonly string[]): (left: number, right: number) => boolean {
  // Sixteen bits a character keep mistakes rare; 1 MiB is as much as helps.
  const characters = spellings.reduce((sum, spelling) => sum + spelling.length, 0)
  const log = Math.min(23, Math.max(10, Math.ceil(Math.log2(16 * (characters + 1)))))
  const bits = new Uint32Array(2 ** (log - 5))
  const slot = (left: number, right: number): number =>
    (Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b)) >>> (32 - log)
  for (const spelling of spellings) {
    let before = -1
    for (const character of spelling) {
      const code = character.codePointAt(0) ?? 0
      if (before >= 0) {
        const at = slot(before, code)
        bits[at >> 5] = (bits[at >> 5] ?? 0) | (1 << (at & 31))
      }
      before = code
    }
  }
  return (left, right) => {
    const at = slot(left, right)
    return (((bits[at >> 5] ?? 0) >> (at & 31)) & 1) === 1
  }
}

/** The place of each token's score among all different scores, the highest being 0. */
function rankScores(scores: ArrayLike<number>): Int32Array {
  const order = Array.from(new Set(Array.from(scores))).sort((a, b) => b - a)
  const places = new Map(order.map((score, place) => [score, Math.min(place, maxRank)]))
  return Int32Array.from(Array.from(scores), (score) => places.get(score) ?? maxRank)
}

function readByteTokens(vocabulary: Vocabulary): { byteIds: Int32Array; byteOf: Map<number, number> } {
  const byteIds = new Int32Array(256).fill(missing)
  const byteOf = new Map<number, number>()
  vocabulary.tokens.forEach((spelling, id) => {
    if (vocabulary.types[id] !== tokenTypes.byte) return
    const hex = /^<0x([0-9A-Fa-f]{2})>$/.exec(spelling)?.[1]
    if (hex === undefined) return
    byteIds[parseInt(hex, 16)] = id
    byteOf.set(id, parseInt(hex, 16))
  })
  return { byteIds, byteOf }
}
