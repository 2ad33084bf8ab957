// A vocabulary in the form of tiktoken: lines of a token in base64 and its number, which is also its rank among merges.
import { EngineError } from '../protocol/errors'

const limits = {
  // The largest, of 200,000 tokens, has 4 MB.
  bytes: 64_000_000,
  // Twice the largest vocabulary of any kind.
  tokens: 2 ** 20,
} as const

/** Whether a file begins as such a vocabulary does; SentencePiece's models, which share the name tokenizer.model, begin with a zero or line break. */
export function looksLikeTiktoken(bytes: Uint8Array): boolean {
  return /^[A-Za-z0-9+/]+={0,2} \d{1,9}\r?\n/.test(Buffer.from(bytes.subarray(0, 256)).toString('latin1'))
}

/** Tokens by number. Throws EngineError `bad-file` with the number of the line for anything that is not a whole vocabulary. */
export function readTiktoken(bytes: Uint8Array, file: string): Uint8Array[] {
  if (bytes.length > limits.bytes) {
    throw bad(file, `it has ${bytes.length} bytes, more than the possible ${limits.bytes}`)
  }
  const tokens: (Uint8Array | undefined)[] = []
  const seen = new Set<string>()
  for (const [i, line] of Buffer.from(bytes).toString('latin1').split('\n').entries()) {
    if (line.trim() === '') continue
    const [, base64 = '', digits] = /^([A-Za-z0-9+/]+={0,2}) (\d{1,9})\r?$/.exec(line) ?? []
    if (digits === undefined) throw bad(file, `line ${i + 1} is not a token in base64 and a number`)
    const id = Number(digits)
    if (id >= limits.tokens) throw bad(file, `line ${i + 1}: the number ${id} is not below ${limits.tokens}`)
    if (tokens[id] !== undefined) throw bad(file, `line ${i + 1}: the number ${id} is taken`)
    if (seen.has(base64)) throw bad(file, `line ${i + 1}: the token is there twice`)
    seen.add(base64)
    tokens[id] = Uint8Array.from(Buffer.from(base64, 'base64'))
  }
  if (tokens.length === 0) throw bad(file, 'it has no tokens')
  return Array.from(tokens, (token, id) => {
    if (token === undefined) throw bad(file, `it has no token ${id}`)
    return token
  })
}

function bad(file: string, problem: string): EngineError {
  return new EngineError('bad-file', `${file}: ${problem}.`, {
    hint: 'The file is damaged, or not a vocabulary of tiktoken. Download it again.',
  })
}
