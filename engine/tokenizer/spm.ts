// SentencePiece BPE, the tokenizer of Llama 1 and 2, Gemma and Mistral: characters merge by score, the rest falls back to bytes.
import { maxRank, mergeNeighbors } from './merge'
import { textTokens, tokenTypes, type TextCodec, type Vocabulary } from './vocabulary'

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
  /** What a character becomes when the vocabulary has neither it nor its bytes. */
  unknown: number | undefined
}

/**
 * What decides which neighbors become one token: SentencePiece has a score for each token, and the highest that fits merges first;
 * Hugging Face has a list of pairs in order, and no other pairs merge.
 */
export type SpmMerges = { scores: ArrayLike<number> } | { pairs: readonly string[] }

export function createSpm(vocabulary: Vocabulary, merges: SpmMerges, options: SpmOptions): TextCodec {
  const ids = textTokens(vocabulary)
  const rankOf = 'scores' in merges ? rankByScore(merges.scores, ids) : rankByPair(merges.pairs)
  const { byteIds, byteOf } = readByteTokens(vocabulary)
  let longest = 0
  for (const spelling of ids.keys()) longest = Math.max(longest, spelling.length)

  const encodeRest = (character: string, into: number[]): void => {
    const bytes = encoder.encode(character)
    const tokens = Array.from(bytes, (byte) => byteIds[byte] ?? missing)
    if (!tokens.includes(missing)) into.push(...tokens)
    else if (options.unknown !== undefined) into.push(options.unknown)
  }

  const wantsSpace = (previous: number | undefined): boolean => {
    if (!options.addSpacePrefix || previous === undefined) return options.addSpacePrefix
    if (options.spaceAfter === 'every' || options.spaceAfter === 'none') return options.spaceAfter === 'every'
    return vocabulary.types[previous] !== tokenTypes.userDefined && !options.noSpaceAfter.has(previous)
  }

  return {
    encode: (text, previous, into) => {
      if (text === '') return
      const escaped =
        (wantsSpace(previous) && !(options.spaceOnce && text.startsWith(' ')) ? space : '') +
        text.replaceAll(' ', space)
      // Symbol i is escaped.slice(starts[i], ends[i]); it begins as one character, surrogate pairs together.
      const starts: number[] = []
      const ends: number[] = []
      for (let at = 0; at < escaped.length;) {
        const width = (escaped.codePointAt(at) ?? 0) > 0xffff ? 2 : 1
        starts.push(at)
        ends.push((at += width))
      }
      const idOf = (from: number, to: number): number | undefined =>
        to - from > longest ? undefined : ids.get(escaped.slice(from, to))

      const symbols = mergeNeighbors(starts.length, {
        rank: (left, right) => {
          const from = starts[left] ?? 0
          const to = ends[right] ?? 0
          return to - from > longest ? -1 : rankOf(escaped, from, ends[left] ?? 0, to)
        },
        join: (left, right) => {
          ends[left] = ends[right] ?? 0
        },
      })
      for (const symbol of symbols) {
        const from = starts[symbol] ?? 0
        const to = ends[symbol] ?? 0
        const id = idOf(from, to)
        if (id === undefined) encodeRest(escaped.slice(from, to), into)
        else into.push(id)
      }
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

/** Rank of joining text[from..middle] with text[middle..to]; below zero never. */
type RankOf = (text: string, from: number, middle: number, to: number) => number

function rankByScore(scores: ArrayLike<number>, ids: ReadonlyMap<string, number>): RankOf {
  const ranks = rankScores(scores)
  return (text, from, _middle, to) => {
    const id = ids.get(text.slice(from, to))
    return id === undefined ? -1 : (ranks[id] ?? maxRank)
  }
}

// A spelling has no space here, so one separates the sides; pairs come as GGUF writes them.
function rankByPair(pairs: readonly string[]): RankOf {
  const ranks = new Map<string, number>()
  pairs.forEach((pair, rank) => {
    if (!ranks.has(pair)) ranks.set(pair, Math.min(rank, maxRank))
  })
  return (text, from, middle, to) => ranks.get(`${text.slice(from, middle)} ${text.slice(middle, to)}`) ?? -1
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
