// Finds special tokens in a prompt before its text is tokenized, and only where the prompt's author may have put them.
import type { TextPiece } from './tokenizer'
import { tokenTypes, type Vocabulary } from './vocabulary'

/** A prompt as it goes to the codec: a token number, or text without special tokens. */
export type Fragment = number | string

/**
 * Returns a function that splits pieces into fragments. Control tokens count only inside one `special` piece; user-defined tokens
 * count everywhere, unless the codec finds them itself (`userDefined` false). Where several fit, the leftmost wins, then the longest. Text on both sides of a border between pieces becomes
 * one fragment, because models were trained on whole texts and a word may reach over the border.
 */
export function specialSplitter(
  vocabulary: Vocabulary,
  userDefined: boolean,
): (pieces: readonly TextPiece[]) => Fragment[] {
  const byFirst = new Map<number, Special[]>()
  vocabulary.tokens.forEach((text, id) => {
    const control = isControl(vocabulary.types[id])
    if (text === '' || !(control || (userDefined && vocabulary.types[id] === tokenTypes.userDefined))) return
    const first = text.charCodeAt(0)
    byFirst.set(first, [...(byFirst.get(first) ?? []), { text, id, control }])
  })
  for (const list of byFirst.values()) list.sort((a, b) => b.text.length - a.text.length)

  return (pieces) => {
    const text = pieces.map((piece) => piece.text).join('')
    const fragments: Fragment[] = []
    let plainStart = 0
    let pieceEnd = 0
    let piece = -1
    for (let at = 0; at < text.length;) {
      while (at >= pieceEnd) pieceEnd += pieces[++piece]?.text.length ?? Infinity
      // A control token may reach to the end of its own piece and no further.
      const controlEnd = pieces[piece]?.special === true ? pieceEnd : -1
      const special = byFirst
        .get(text.charCodeAt(at))
        ?.find((row) => !(row.control && at + row.text.length > controlEnd) && text.startsWith(row.text, at))
      if (special === undefined) {
        at++
        continue
      }
      if (at > plainStart) fragments.push(text.slice(plainStart, at))
      fragments.push(special.id)
      at += special.text.length
      plainStart = at
    }
    if (plainStart < text.length) fragments.push(text.slice(plainStart))
    return fragments
  }
}

/** Tokens that add nothing to the text and must not be typed by users. */
export function isControl(type: number | undefined): boolean {
  return type === tokenTypes.control || type === tokenTypes.unknown
}

interface Special {
  text: string
  id: number
  control: boolean
}
