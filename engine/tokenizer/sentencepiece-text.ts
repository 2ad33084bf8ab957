// Text as SentencePiece sees it: characters replaced, spaces removed where the model says so, U+2581 in place of the others.
import { none, Trie } from './trie'

export interface TextRules {
  /** What stands in a text and what it becomes, in turns. The longest that fits counts. */
  replacements: readonly string[]
  /** Spaces at both ends go, and runs become one. */
  removeExtraSpaces: boolean
}

/** From a text to its normal form, with a space in front if asked for. `userDefinedAt` finds pieces that stay as they are. */
export function createNormalizer(
  rules: TextRules,
  userDefinedAt: (text: string, at: number) => string | undefined,
): (text: string, withSpace: boolean) => string {
  if (rules.replacements.length === 0 && !rules.removeExtraSpaces) {
    return (text, withSpace) => (withSpace ? sign : '') + text.replaceAll(' ', sign)
  }
  const trie = new Trie(2 ** 16)
  for (let i = 0; i < rules.replacements.length; i += 2) {
    const from = rules.replacements[i] ?? ''
    trie.add(
      Array.from({ length: from.length }, (_, at) => from.charCodeAt(at)),
      i + 1,
    )
  }
  const nextPart = (text: string, at: number): { part: string; length: number } => {
    const kept = userDefinedAt(text, at)
    if (kept !== undefined) return { part: kept, length: kept.length }
    let found: { part: string; length: number } | undefined
    for (let node = 0, end = at; end < text.length; end++) {
      node = trie.step(node, text.charCodeAt(end))
      if (node === none) break
      const token = trie.tokenAt(node)
      if (token !== none) found = { part: rules.replacements[token] ?? '', length: end + 1 - at }
    }
    if (found !== undefined) return found
    const character = String.fromCodePoint(text.codePointAt(at) ?? 0)
    return { part: character, length: character.length }
  }

  return (text, withSpace) => {
    let result = ''
    // Leading spaces count as following one.
    let afterSpace = rules.removeExtraSpaces
    for (let at = 0; at < text.length;) {
      const { part, length } = nextPart(text, at)
      at += length
      const rest = afterSpace ? part.replace(/^ +/, '') : part
      result += rest
      if (rest !== '') afterSpace = rules.removeExtraSpaces && rest.endsWith(' ')
    }
    if (rules.removeExtraSpaces) {
      result = result.replace(/[ \u2581]+$/, '')
      if (result === '') return ''
    }
    return (withSpace ? sign : '') + result.replaceAll(' ', sign)
  }
}

const sign = '\u2581'
