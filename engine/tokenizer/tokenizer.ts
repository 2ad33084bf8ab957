// Text to tokens and back, for every kind of vocabulary.

/** A stretch of a prompt. `special` text comes from a template and may hold control tokens; user text never does. */
export interface TextPiece {
  readonly text: string
  readonly special: boolean
}

export interface Tokenizer {
  /** Entries of the vocabulary; logits beyond it are padding and are never sampled. */
  readonly size: number
  readonly bos: number | undefined
  /** Whether this model wants `bos` before every prompt. */
  readonly addBos: boolean
  /** Tokens that end generation: end of text, end of turn, and their kin. */
  readonly eog: ReadonlySet<number>
  /**
   * Tokens of the pieces, in order. Control tokens are recognized in `special` pieces only, so a user who types
   * `<|im_end|>` gets the characters, not the turn marker. `bos` is put first when `addBos` and the pieces do not start with it.
   */
  encode(pieces: readonly TextPiece[]): number[]
  /** What a token adds to the text: raw bytes, perhaps half a character. Control tokens add nothing. */
  bytesOf(token: number): Uint8Array
  /** The vocabulary's own spelling, for people and logs. */
  pieceOf(token: number): string
  /** The token with exactly this spelling, control tokens included. */
  idOf(spelling: string): number | undefined
}

export function userText(text: string): TextPiece {
  return { text, special: false }
}

export function templateText(text: string): TextPiece {
  return { text, special: true }
}
