// SentencePiece's unigram model: of all ways to cut a text into pieces, the one with the best sum of scores.
import { none, Trie } from './trie'
import { tokenTypes, type Vocabulary } from './vocabulary'

/** Returns a function from normalized text to symbols: tokens, or `strangeOf` a character that no token starts with. */
export function createUnigram(
  vocabulary: Vocabulary,
  scores: ArrayLike<number>,
): (text: string, strangeOf: (character: string) => number) => number[] {
  const trie = new Trie(2 ** 21)
  let lowest = Infinity
  let highest = -Infinity
  vocabulary.tokens.forEach((spelling, id) => {
    const type = vocabulary.types[id]
    if (type === tokenTypes.normal) {
      lowest = Math.min(lowest, scores[id] ?? 0)
      highest = Math.max(highest, scores[id] ?? 0)
    }
    if (type === tokenTypes.normal || type === tokenTypes.userDefined) trie.add(codePoints(spelling), id)
  })
  const scoreOf = (token: number, bytes: number): number =>
    vocabulary.types[token] === tokenTypes.userDefined ? bytes * highest - 0.1 : (scores[token] ?? 0)
  const strangeScore = Math.fround(lowest - strangePenalty)

  return (text, strangeOf) => {
    const characters = codePoints(text)
    const count = characters.length
    // For each place: the best sum of a way to it, in the original's precision, and the last step of that way.
    const best = new Float32Array(count + 1).fill(-Infinity)
    const from = new Int32Array(count + 1).fill(none)
    const symbol = new Int32Array(count + 1)
    const offer = (start: number, end: number, exact: number, token: number): void => {
      const sum = Math.fround(exact)
      if (from[end] !== none && sum <= (best[end] ?? 0)) return
      best[end] = sum
      from[end] = start
      symbol[end] = token
    }
    best[0] = 0
    for (let start = 0; start < count; start++) {
      const sum = best[start] ?? 0
      let single = false
      let node = 0
      let bytes = 0
      for (let at = start; at < count; at++) {
        const character = characters[at] ?? 0
        node = trie.step(node, character)
        if (node === none) break
        bytes += utf8Length(character)
        const token = trie.tokenAt(node)
        if (token === none) continue
        offer(start, at + 1, scoreOf(token, bytes) + sum, token)
        if (at === start) single = true
      }
      if (!single) {
        offer(start, start + 1, strangeScore + sum, strangeOf(String.fromCodePoint(characters[start] ?? 0)))
      }
    }
    const symbols: number[] = []
    for (let at = count; at > 0; at = from[at] ?? 0) symbols.push(symbol[at] ?? 0)
    return symbols.reverse()
  }
}

/** How far below the rarest piece a character without one stands; `kUnkPenalty` in SentencePiece. */
const strangePenalty = 10

function codePoints(text: string): number[] {
  return Array.from(text, (character) => character.codePointAt(0) ?? 0)
}

function utf8Length(character: number): number {
  if (character < 0x80) return 1
  if (character < 0x800) return 2
  return character < 0x10000 ? 3 : 4
}
