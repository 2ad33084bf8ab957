// Which neighbors may become one token, and in what order: from a list of merges, or from the tokens themselves.
import { maxRank } from './merge'

/** Symbols are token numbers. */
export interface Pairs {
  /** Rank of joining two symbols: smaller merges earlier, below zero never. */
  rank(left: number, right: number): number
  /** The token two symbols become; their rank must not be below zero. */
  join(left: number, right: number): number
}

/** `merges` are "left right" in order of rank. `broken` counts those that name a token the vocabulary lacks; they are ignored. */
export function pairsFromMerges(
  merges: readonly string[],
  ids: ReadonlyMap<string, number>,
): Pairs & { readonly broken: number } {
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
  return {
    broken,
    rank: (left, right) => ranks.get(pairKey(left, right)) ?? -1,
    join: (left, right) => results[ranks.get(pairKey(left, right)) ?? 0] ?? 0,
  }
}

/**
 * Any two symbols merge when their spellings together are a token: the way of SentencePiece and of tiktoken. `rankOf` orders tokens.
 * Pairs are looked up when they are met and kept, since text repeats them.
 */
export function pairsFromSpellings(
  spellingOf: (symbol: number) => string,
  ids: ReadonlyMap<string, number>,
  rankOf: (token: number) => number,
): Pairs {
  const known = new Map<number, number>()
  const join = (left: number, right: number): number => {
    const key = pairKey(left, right)
    let token = known.get(key)
    if (token === undefined) {
      token = ids.get(spellingOf(left) + spellingOf(right)) ?? -1
      if (known.size >= maxKnown) known.clear()
      known.set(key, token)
    }
    return token
  }
  return {
    join,
    rank: (left, right) => {
      const token = join(left, right)
      return token < 0 ? -1 : Math.min(rankOf(token), maxRank)
    },
  }
}

const maxKnown = 500_000

// Token numbers stay below 2^26, so a pair is exact in a double.
function pairKey(left: number, right: number): number {
  return left * 2 ** 26 + right
}
