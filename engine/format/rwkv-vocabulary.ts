// The vocabulary file of RWKV World models (rwkv_vocab_v20230424.txt) as the metadata that a GGUF of such a model would carry.
// A line is a number, a Python literal of a text or of bytes, and the length in bytes; nothing of it is evaluated.
import { EngineError } from '../protocol/errors'
import type { MetadataValue } from './checkpoint'

const limits = {
  // The published file has 1.2 MB.
  characters: 32_000_000,
  // Twice the largest vocabulary of any kind: numbers are positions in an array.
  tokens: 2 ** 20,
  // Numbers that no line has cost memory that the file did not pay for. An excerpt of the published file may keep its numbers.
  leftOut: 65_536,
} as const

/** Throws EngineError `bad-file` with the number of the line for anything that is not a whole, well-formed vocabulary. */
export function readWorldVocabulary(text: string, file: string): Map<string, MetadataValue> {
  if (text.length > limits.characters) {
    throw bad(file, `it has ${text.length} characters, more than the possible ${limits.characters}`)
  }
  const tokens: (string | undefined)[] = [endOfText]
  const types: (number | undefined)[] = [tokenTypes.control]
  for (const [i, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue
    const { id, bytes } = readLine(line, (problem) => bad(file, `line ${i + 1}: ${problem}`))
    if (tokens[id] !== undefined) throw bad(file, `line ${i + 1}: the number ${id} is taken`)
    tokens[id] = escapeBytes(bytes)
    types[id] = tokenTypes.normal
  }
  if (tokens.length === 1) throw bad(file, 'it has no tokens')
  const listed = tokens.reduce((count) => count + 1, 0)
  if (tokens.length > 2 * listed + limits.leftOut) {
    throw bad(file, `it has ${listed} tokens with numbers up to ${tokens.length - 1}`)
  }
  return new Map<string, MetadataValue>([
    ['tokenizer.ggml.model', 'rwkv'],
    ['tokenizer.ggml.tokens', Array.from(tokens, (token) => token ?? '')],
    ['tokenizer.ggml.token_type', Int32Array.from(types, (type) => type ?? tokenTypes.unused)],
    ['tokenizer.ggml.bos_token_id', 0],
    ['tokenizer.ggml.eos_token_id', 0],
    ['tokenizer.chat_template', 'rwkv-world'],
  ])
}

/** Number 0 ends a text and is not in the file. Spelled as converters of GGUF spell it. */
const endOfText = '<s>'

/** GGUF's numbers for kinds of tokens. */
const tokenTypes = { normal: 1, control: 3, unused: 5 } as const

type Refuse = (problem: string) => EngineError

function readLine(line: string, refuse: Refuse): { id: number; bytes: Uint8Array } {
  const match = /^(\d{1,9}) (b?)(['"])(.*)\3 (\d{1,9})\r?$/u.exec(line)
  if (match === null) throw refuse('it is not a number, a literal and a length')
  const [, number, prefix, quote = '', body = '', length] = match
  const id = Number(number)
  if (id < 1 || id >= limits.tokens)
    throw refuse(`the number ${id} is not between 1 and ${limits.tokens - 1}`)
  const bytes = readLiteral(body, quote, prefix === 'b', refuse)
  if (bytes.length !== Number(length)) {
    throw refuse(`the literal has ${bytes.length} bytes, but the line says ${length}`)
  }
  if (bytes.length === 0) throw refuse('the token is empty')
  return { id, bytes }
}

/** Escapes with one meaning; the rest are a number in hexadecimal. */
const simple: Readonly<Record<string, string | undefined>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  '\\': '\\',
  "'": "'",
  '"': '"',
}
const hexadecimal = /^(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))/u

/** The bytes that Python would make of a literal; texts become UTF-8. Only the escapes that `repr` writes are known. */
function readLiteral(body: string, quote: string, isBytes: boolean, refuse: Refuse): Uint8Array {
  let text = ''
  for (let at = 0; at < body.length;) {
    const character = String.fromCodePoint(body.codePointAt(at) ?? 0)
    if (character === quote) throw refuse('the literal ends before its line does')
    if (isBytes && character > '\x7f') throw refuse('a literal of bytes has a character that is not ASCII')
    if (character !== '\\') {
      text += character
      at += character.length
      continue
    }
    const plain = simple[body[at + 1] ?? '']
    const number = hexadecimal.exec(body.slice(at + 1, at + 10))
    const digits = number?.[1] ?? (isBytes ? undefined : (number?.[2] ?? number?.[3]))
    const code = digits === undefined ? undefined : parseInt(digits, 16)
    if (plain !== undefined) {
      text += plain
      at += 2
    } else if (code !== undefined && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff)) {
      text += String.fromCodePoint(code)
      at += 1 + (number?.[0].length ?? 0)
    } else {
      throw refuse(`the escape \\${body.slice(at + 1, at + 10)} is unknown`)
    }
  }
  return isBytes ? Uint8Array.from(Buffer.from(text, 'latin1')) : new TextEncoder().encode(text)
}

/** As GGUF spells tokens of this kind: what Python's `repr` shows of bytes, without the quotes. */
function escapeBytes(bytes: Uint8Array): string {
  const bothQuotes = bytes.includes(0x27) && bytes.includes(0x22)
  let spelling = ''
  for (const byte of bytes) {
    const character = String.fromCharCode(byte)
    if (character === '\n') spelling += '\\n'
    else if (character === '\t') spelling += '\\t'
    else if (character === '\r') spelling += '\\r'
    else if (character === '\\' || (character === "'" && bothQuotes)) spelling += `\\${character}`
    else if (byte < 0x20 || byte > 0x7e) spelling += `\\x${byte.toString(16).padStart(2, '0')}`
    else spelling += character
  }
  return spelling
}

function bad(file: string, problem: string): EngineError {
  return new EngineError('bad-file', `${file}: ${problem}.`, {
    hint: 'The file is damaged, or not a vocabulary of RWKV World. Download it again.',
  })
}
