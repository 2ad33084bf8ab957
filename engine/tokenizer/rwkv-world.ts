// The tokenizer of RWKV World models: from the left, always the longest token that fits. No words, no merges, no start token.
import { badMetadata, type Metadata } from '../format/metadata'
import { none, Trie } from './trie'
import { tokenTypes, type TextCodec, type Vocabulary } from './vocabulary'

/** Throws EngineError `bad-file` when one of the 256 bytes is not a token: then there would be texts without tokens. */
export function createRwkvWorld(metadata: Metadata, vocabulary: Vocabulary): TextCodec {
  const bytesOf = vocabulary.tokens.map((spelling, id) =>
    vocabulary.types[id] === tokenTypes.normal ? unescapeToken(spelling) : nothing,
  )
  const trie = new Trie(256)
  bytesOf.forEach((bytes, id) => {
    if (bytes.length > 0) trie.add(bytes, id)
  })
  for (let byte = 0; byte < 256; byte++) {
    if (trie.tokenAt(trie.step(0, byte)) === none) {
      throw badMetadata(
        metadata,
        `the vocabulary has no token for the byte 0x${byte.toString(16).padStart(2, '0')}`,
      )
    }
  }

  return {
    encode: (text, _previous, into) => {
      const bytes = encoder.encode(text)
      for (let start = 0; start < bytes.length;) {
        // A token may be longer than another by several bytes with no token between: what counts is the last one seen, not the
        // first gap. Every byte is a token, so the first step always finds one.
        let found = none
        let end = start + 1
        let node = 0
        for (let at = start; at < bytes.length; at++) {
          node = trie.step(node, bytes[at] ?? 0)
          if (node === none) break
          const token = trie.tokenAt(node)
          if (token === none) continue
          found = token
          end = at + 1
        }
        into.push(found)
        start = end
      }
    },
    bytesOf: (token) => bytesOf[token] ?? nothing,
  }
}

/** Bytes of a token as GGUF spells it: printable ASCII, and escapes as in Python's `repr` of bytes. */
export function unescapeToken(spelling: string): Uint8Array {
  if (!spelling.includes('\\')) return encoder.encode(spelling)
  const bytes: number[] = []
  for (const [part, hex, escaped] of spelling.matchAll(/\\x([0-9a-fA-F]{2})|\\([^])|[^\\]+|\\$/gu)) {
    if (hex !== undefined) bytes.push(parseInt(hex, 16))
    else bytes.push(...encoder.encode(escaped === undefined ? part : (escapes[escaped] ?? escaped)))
  }
  return Uint8Array.from(bytes)
}

const escapes: Readonly<Record<string, string | undefined>> = { n: '\n', t: '\t', r: '\r' }
const encoder = new TextEncoder()
const nothing = new Uint8Array(0)
