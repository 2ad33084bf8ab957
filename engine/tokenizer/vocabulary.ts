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
