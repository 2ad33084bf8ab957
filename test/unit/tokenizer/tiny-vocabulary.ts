// Vocabularies small enough to read, as the metadata of a GGUF file.
import type { MetadataValue } from '../../../engine/format/checkpoint'
import { byteAlphabet } from '../../../engine/format/byte-alphabet'
import { tokenTypes } from '../../../engine/tokenizer/vocabulary'

/** A token that is only text, or a text with its type. */
export type TokenRow = string | readonly [string, keyof typeof tokenTypes]

export interface TinyVocabulary {
  tokens: readonly TokenRow[]
  merges?: readonly string[]
  scores?: readonly number[]
  /** Further metadata; `undefined` removes a key. */
  more?: Readonly<Record<string, MetadataValue | undefined>>
}

/** Byte-level BPE: the 256 bytes are tokens 0 to 255, `tokens` follow. */
export function bpeMetadata({ tokens, merges = [], more = {} }: TinyVocabulary): Map<string, MetadataValue> {
  const all: TokenRow[] = [...byteAlphabet, ...tokens]
  return build(
    all,
    { 'tokenizer.ggml.model': 'gpt2', 'tokenizer.ggml.pre': 'gpt-2', 'tokenizer.ggml.merges': merges },
    more,
  )
}

/** SentencePiece: `<unk>`, `<s>`, `</s>` and the 256 bytes come first, `tokens` follow at 259. */
export function spmMetadata({ tokens, scores = [], more = {} }: TinyVocabulary): Map<string, MetadataValue> {
  const head: TokenRow[] = [
    ['<unk>', 'unknown'],
    ['<s>', 'control'],
    ['</s>', 'control'],
  ]
  const bytes = Array.from({ length: 256 }, (_, byte): TokenRow => {
    return [`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`, 'byte']
  })
  const all = [...head, ...bytes, ...tokens]
  const allScores = Float32Array.from(all, (_, i) => scores[i - 259] ?? 0)
  return build(all, { 'tokenizer.ggml.model': 'llama', 'tokenizer.ggml.scores': allScores }, more)
}

function build(
  tokens: readonly TokenRow[],
  base: Readonly<Record<string, MetadataValue>>,
  more: Readonly<Record<string, MetadataValue | undefined>>,
): Map<string, MetadataValue> {
  const entries = Object.entries({
    ...base,
    'tokenizer.ggml.tokens': tokens.map((token) => (typeof token === 'string' ? token : token[0])),
    'tokenizer.ggml.token_type': Int32Array.from(
      tokens,
      (token) => tokenTypes[typeof token === 'string' ? 'normal' : token[1]],
    ),
    ...more,
  })
  return new Map(entries.flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const])))
}
