// The list of tokens as the model's file gives it: spellings, kinds, and the way back from spelling to number.

/** GGUF's token types, by their number on disk. */
export const tokenTypes = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const

export interface Vocabulary {
  /** Spelling of each token: for byte-level BPE in its printable alphabet, for SentencePiece with U+2581 for space. */
  readonly tokens: readonly string[]
  /** One of `tokenTypes` for each token. */
  readonly types: ArrayLike<number>
  readonly ids: ReadonlyMap<string, number>
}

/** How one kind of vocabulary turns plain text into tokens and a token back into bytes. */
export interface TextCodec {
  /** Appends the tokens of `text`. `previous` is the special token before it, undefined at the very start. */
  encode(text: string, previous: number | undefined, into: number[]): void
  /** Bytes of a normal or byte token. */
  bytesOf(token: number): Uint8Array
  /** The codec finds user-defined tokens in plain text itself. Default: they are cut out before. */
  readonly findsUserDefined?: boolean
}

/** Tokens that ordinary text may become. Control tokens are left out, so no sequence of merges ends in one. */
export function textTokens(vocabulary: Vocabulary): Map<string, number> {
  const ids = new Map<string, number>()
  vocabulary.tokens.forEach((spelling, id) => {
    const type = vocabulary.types[id]
    if (type === tokenTypes.normal || type === tokenTypes.userDefined || type === tokenTypes.unused) {
      ids.set(spelling, id)
    }
  })
  return ids
}

/** Finds the longest of some tokens that starts at a place of a text; `respell` is how the text spells them. */
export function tokenFinder(
  vocabulary: Vocabulary,
  wanted: (type: number | undefined) => boolean,
  respell: (spelling: string) => string,
): (text: string, at: number) => number | undefined {
  const byFirst = new Map<number, { spelling: string; id: number }[]>()
  vocabulary.tokens.forEach((token, id) => {
    if (token === '' || !wanted(vocabulary.types[id])) return
    const spelling = respell(token)
    const first = spelling.charCodeAt(0)
    byFirst.set(first, [...(byFirst.get(first) ?? []), { spelling, id }])
  })
  for (const list of byFirst.values()) list.sort((a, b) => b.spelling.length - a.spelling.length)
  return (text, at) =>
    byFirst.get(text.charCodeAt(at))?.find(({ spelling }) => text.startsWith(spelling, at))?.id
}
