// Reads the header of a GGUF file, versions 2 and 3. The file is untrusted: every number in it is bounded before it sizes anything.
// Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
import { quote } from '../base/quote'
import { EngineError } from '../protocol/errors'
import type { ByteSource } from './byte-source'
import type { MetadataNumbers, MetadataValue, TensorInfo } from './checkpoint'
import { byteLength, tensorTypes, type TensorType } from './ggml-types'
import { FileMetadata } from './metadata'

export interface Gguf {
  version: number
  metadata: FileMetadata
  tensors: ReadonlyMap<string, GgufTensor>
  /** Where tensor data starts, in bytes from the start of the file. */
  dataStart: number
}

export interface GgufTensor extends TensorInfo {
  /** In bytes from the start of the file. */
  offset: number
}

/** Every limit is far above what real models use and far below what hurts. */
export const limits = {
  // Real files have 20 to 100 entries; each costs a map slot whatever its value.
  metadataEntries: 65_536,
  // Mixture-of-experts files with one tensor per expert reach about 50,000; each costs an object and a map slot.
  tensors: 131_072,
  // The format's own limit for keys, ours for tensor names too: both end up in messages and map keys.
  nameBytes: 65_535,
  // A chat template is some kilobytes, an embedded tokenizer.json some megabytes; a string is copied once more when decoded.
  stringBytes: 64 * 1024 * 1024,
  // The largest vocabularies have 262,144 tokens and twice as many merges; an element costs up to 32 bytes in memory.
  arrayLength: 8 * 1024 * 1024,
  // All arrays together: many legal arrays could otherwise add up to any amount of memory.
  arrayElements: 32 * 1024 * 1024,
  // The format allows arrays in arrays and ggml refuses them; depth is recursion, and the file chooses it.
  arrayNesting: 3,
  // ggml's own maximum; dimensions are multiplied, so rank bounds that loop and the product.
  rank: 4,
  // 2^40 values are a thousand times the largest tensor known, and stay exact in a double when turned into bytes.
  tensorElements: 2 ** 40,
  // 32 is usual. Data starts at a multiple of it, so a huge one would point behind any file.
  alignment: 65_536,
} as const

/**
 * Parses the header; tensor data is not read. Throws EngineError `bad-file` for anything that is not a whole, well-formed
 * little-endian GGUF 2 or 3, and `unsupported-arch` for a tensor type this program has no row for.
 */
export async function readGguf(source: ByteSource, signal?: AbortSignal): Promise<Gguf> {
  const cursor = new Cursor(source, signal)
  const version = await readVersion(cursor, source)
  const tensorCount = bounded(cursor, await cursor.u64(), limits.tensors, 'number of tensors')
  const entryCount = bounded(cursor, await cursor.u64(), limits.metadataEntries, 'number of metadata entries')

  const metadata = new FileMetadata(source.name)
  for (let i = 0; i < entryCount; i++) {
    const key = await cursor.string(limits.nameBytes, 'metadata key')
    // Zeros parse as entries with no name, so a wrong count would otherwise go unnoticed in padding.
    if (key === '') throw cursor.bad('a metadata key is empty')
    if (metadata.has(key)) throw cursor.bad(`the metadata key ${quote(key)} occurs twice`)
    metadata.set(key, await readValue(cursor, await cursor.u32(), key, 0))
  }

  const alignment = readAlignment(cursor, metadata)
  const tensors = new Map<string, GgufTensor>()
  for (let i = 0; i < tensorCount; i++) {
    const tensor = await readTensorInfo(cursor, alignment)
    if (tensors.has(tensor.name)) throw cursor.bad(`the tensor ${quote(tensor.name)} occurs twice`)
    tensors.set(tensor.name, tensor)
  }

  const dataStart = Math.ceil(cursor.position / alignment) * alignment
  for (const tensor of tensors.values()) {
    tensor.offset += dataStart
    if (tensor.offset + tensor.bytes > source.size) {
      throw cursor.bad(
        `the data of tensor ${quote(tensor.name)} ends at byte ${tensor.offset + tensor.bytes}, but the file ends at byte ${source.size}`,
      )
    }
  }
  return { version, metadata, tensors, dataStart }
}

/** True when the first bytes are GGUF's; says nothing about the rest. */
export async function looksLikeGguf(source: ByteSource): Promise<boolean> {
  if (source.size < magic.length) return false
  const start = await source.read(0, magic.length)
  return magic.every((byte, i) => start[i] === byte)
}

const magic = [0x47, 0x47, 0x55, 0x46] // "GGUF"

/** What people rename or download by mistake, by its first bytes. */
const lookAlikes: readonly { start: RegExp; what: string }[] = [
  { start: /^version https:\/\/git-lfs/, what: 'a Git LFS pointer, the text that stands in for a big file' },
  { start: /^\s*<(!doctype|html)/i, what: 'a web page, probably the error page of a download' },
  { start: /^\s*[{[]/, what: 'JSON text' },
  { start: /^.{8}\{"/s, what: 'a safetensors file' },
  { start: /^(ggjt|tjgg|fmgg|lmgg)/, what: 'a file in the GGML format that came before GGUF' },
  { start: /^PK[^A-Za-z]{2}/, what: 'a zip archive or a PyTorch checkpoint' },
  { start: /^[\t\n\r\x20-\x7e]+$/, what: 'a text file' },
]

async function readVersion(cursor: Cursor, source: ByteSource): Promise<number> {
  if (source.size === 0) throw cursor.bad('the file is empty')
  if (!(await looksLikeGguf(source))) {
    const start = Buffer.from(await source.read(0, Math.min(64, source.size))).toString('latin1')
    const what = lookAlikes.find((row) => row.start.test(start))?.what
    throw cursor.bad(`this is not a GGUF file${what === undefined ? '' : `, it looks like ${what}`}`)
  }
  await cursor.u32()
  const version = await cursor.u32()
  if (version === 2 || version === 3) return version
  // A small number stored with its bytes in the other order has nothing in its low half.
  if (version !== 0 && (version & 0xffff) === 0) {
    throw cursor.bad(
      'the file is big-endian, made for another kind of machine',
      'Choose the little-endian file.',
    )
  }
  if (version === 1)
    throw cursor.bad('GGUF version 1 is too old', 'Choose a newer file of this model (GGUF 2 or 3).')
  throw cursor.bad(`GGUF version ${version} is unknown; versions 2 and 3 can be read`)
}

function readAlignment(cursor: Cursor, metadata: FileMetadata): number {
  const value = metadata.get('general.alignment') ?? 32
  const isPowerOfTwo = typeof value === 'number' && Number.isInteger(value) && Math.log2(value) % 1 === 0
  if (!isPowerOfTwo || value > limits.alignment) {
    throw cursor.bad(
      `general.alignment must be a power of two up to ${limits.alignment}, not ${String(value)}`,
    )
  }
  return value
}

interface Scalar {
  readonly bytes: number
  /** What holds an array of them without growing it. Those of 64 bits may be bigint, so they stay single values. */
  readonly list?: new (length: number) => MetadataNumbers
  readonly read: (view: DataView, at: number) => number | bigint
}

/** Elements of an array are at least this many bytes each: a count larger than the rest of the file is refused before the loop. */
const scalars: Readonly<Record<number, Scalar>> = {
  0: { bytes: 1, list: Uint8Array, read: (view, at) => view.getUint8(at) },
  1: { bytes: 1, list: Int8Array, read: (view, at) => view.getInt8(at) },
  2: { bytes: 2, list: Uint16Array, read: (view, at) => view.getUint16(at, true) },
  3: { bytes: 2, list: Int16Array, read: (view, at) => view.getInt16(at, true) },
  4: { bytes: 4, list: Uint32Array, read: (view, at) => view.getUint32(at, true) },
  5: { bytes: 4, list: Int32Array, read: (view, at) => view.getInt32(at, true) },
  6: { bytes: 4, list: Float32Array, read: (view, at) => view.getFloat32(at, true) },
  10: { bytes: 8, read: (view, at) => exact(view.getBigUint64(at, true)) },
  11: { bytes: 8, read: (view, at) => exact(view.getBigInt64(at, true)) },
  12: { bytes: 8, read: (view, at) => view.getFloat64(at, true) },
}
const boolType = 7
const stringType = 8
const arrayType = 9

async function readValue(cursor: Cursor, type: number, key: string, nesting: number): Promise<MetadataValue> {
  if (type === stringType) return cursor.string(limits.stringBytes, `value of ${quote(key)}`)
  if (type === arrayType) return readArray(cursor, key, nesting + 1)
  if (type === boolType) return readBool(cursor, key)
  const scalar = scalars[type]
  if (scalar === undefined) throw cursor.bad(`${quote(key)} has the unknown value type ${type}`)
  await cursor.need(scalar.bytes)
  return scalar.read(cursor.view, cursor.take(scalar.bytes))
}

async function readBool(cursor: Cursor, key: string): Promise<boolean> {
  await cursor.need(1)
  const byte = cursor.view.getUint8(cursor.take(1))
  if (byte > 1) throw cursor.bad(`${quote(key)} must be 0 or 1 as a truth value, not ${byte}`)
  return byte === 1
}

async function readArray(cursor: Cursor, key: string, nesting: number): Promise<MetadataValue> {
  if (nesting > limits.arrayNesting) {
    throw cursor.bad(`${quote(key)} nests arrays deeper than ${limits.arrayNesting}`)
  }
  const type = await cursor.u32()
  const count = bounded(cursor, await cursor.u64(), limits.arrayLength, `length of ${quote(key)}`)
  cursor.countElements(count)
  const scalar = scalars[type]
  if (scalar !== undefined) return readNumbers(cursor, scalar, count)

  const smallest = { [boolType]: 1, [stringType]: 8, [arrayType]: 12 }[type]
  if (smallest === undefined) throw cursor.bad(`${quote(key)} has the unknown element type ${type}`)
  cursor.expect(count * smallest)
  const values: MetadataValue[] = []
  for (let i = 0; i < count; i++) {
    // Vocabularies are the only long arrays: their strings skip the promise whenever they are in the window.
    const quick = type === stringType ? cursor.stringNow() : undefined
    values.push(quick ?? (await readValue(cursor, type, key, nesting)))
  }
  return values
}

async function readNumbers(cursor: Cursor, scalar: Scalar, count: number): Promise<MetadataValue> {
  await cursor.need(count * scalar.bytes)
  const { view } = cursor
  const start = cursor.take(count * scalar.bytes)
  if (scalar.list === undefined)
    return Array.from({ length: count }, (_, i) => scalar.read(view, start + scalar.bytes * i))
  const numbers = new scalar.list(count)
  for (let i = 0; i < count; i++) numbers[i] = Number(scalar.read(view, start + scalar.bytes * i))
  return numbers
}

async function readTensorInfo(cursor: Cursor, alignment: number): Promise<GgufTensor> {
  const name = await cursor.string(limits.nameBytes, 'tensor name')
  const rank = await cursor.u32()
  if (rank < 1 || rank > limits.rank) {
    throw cursor.bad(`tensor ${quote(name)} has ${rank} dimensions; 1 to ${limits.rank} are possible`)
  }
  const shape: number[] = []
  let elements = 1
  for (let i = 0; i < rank; i++) {
    const dimension = Number(await cursor.u64())
    elements *= dimension
    if (dimension < 1 || elements > limits.tensorElements) {
      throw cursor.bad(`tensor ${quote(name)} has the impossible dimension ${dimension}`)
    }
    // GGUF writes the contiguous dimension first.
    shape.unshift(dimension)
  }
  const type = typeOf(cursor, name, await cursor.u32())
  const row = shape.at(-1) ?? 0
  if (row % tensorTypes[type].block !== 0) {
    throw cursor.bad(
      `tensor ${quote(name)} has rows of ${row} values, which is not a whole number of ${type} blocks (${tensorTypes[type].block})`,
    )
  }
  const offset = await cursor.u64()
  if (offset > BigInt(Number.MAX_SAFE_INTEGER) || Number(offset) % alignment !== 0) {
    throw cursor.bad(`tensor ${quote(name)} starts at ${offset}, which is not a multiple of ${alignment}`)
  }
  return { name, type, shape, bytes: byteLength(type, elements), offset: Number(offset) }
}

const typeById = new Map<number, TensorType>(
  (Object.keys(tensorTypes) as TensorType[]).map((type) => [tensorTypes[type].id, type]),
)

/** Names for messages only: types other programs write and this one does not read. */
const foreignTypes: Readonly<Record<number, string>> = {
  9: 'Q8_1',
  15: 'Q8_K',
  16: 'IQ2_XXS',
  17: 'IQ2_XS',
  18: 'IQ3_XXS',
  19: 'IQ1_S',
  21: 'IQ3_S',
  22: 'IQ2_S',
  24: 'I8',
  25: 'I16',
  26: 'I32',
  27: 'I64',
  28: 'F64',
  29: 'IQ1_M',
  34: 'TQ1_0',
  35: 'TQ2_0',
  39: 'MXFP4',
}

function typeOf(cursor: Cursor, tensor: string, id: number): TensorType {
  const type = typeById.get(id)
  if (type !== undefined) return type
  const known = Object.keys(tensorTypes).join(', ').toUpperCase()
  throw new EngineError(
    'unsupported-arch',
    `${cursor.name}: tensor ${quote(tensor)} has the type ${foreignTypes[id] ?? id}, which cannot be read; known: ${known}.`,
    { hint: 'Choose another file of this model, for example Q4_K_M, Q8_0 or F16.' },
  )
}

function bounded(cursor: Cursor, value: bigint, limit: number, what: string): number {
  if (value > BigInt(limit)) throw cursor.bad(`the ${what} is ${value}, more than the possible ${limit}`)
  return Number(value)
}

/** 64-bit numbers are doubles where that is exact, so that only hostile or hashed values reach callers as bigint. */
function exact(value: bigint): number | bigint {
  return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value
}

const windowBytes = 1024 * 1024

/** Walks through a source with a window of read-ahead; `need` waits for bytes, everything else is immediate. */
class Cursor {
  #bytes: Buffer = Buffer.alloc(0)
  #start = 0
  #at = 0
  #elements = 0
  view: DataView = new DataView(new ArrayBuffer(0))

  constructor(
    readonly source: ByteSource,
    readonly signal: AbortSignal | undefined,
  ) {}

  get name(): string {
    return this.source.name
  }

  get position(): number {
    return this.#start + this.#at
  }

  /** Puts the next `count` bytes into the window. */
  async need(count: number): Promise<void> {
    if (this.#at + count <= this.#bytes.length) return
    this.expect(count)
    const start = this.position
    const length = Math.min(Math.max(count, windowBytes), this.source.size - start)
    const bytes = await this.source.read(start, length, this.signal)
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#start = start
    this.#at = 0
  }

  /** Throws unless `count` more bytes exist in the file, before anything of that size is allocated. */
  expect(count: number): void {
    if (this.position + count > this.source.size) throw this.bad('the file ends in the middle of its header')
  }

  /** Steps over bytes that `need` brought and returns where they start in `view`. */
  take(count: number): number {
    const at = this.#at
    this.#at += count
    return at
  }

  async u32(): Promise<number> {
    await this.need(4)
    return this.view.getUint32(this.take(4), true)
  }

  async u64(): Promise<bigint> {
    await this.need(8)
    return this.view.getBigUint64(this.take(8), true)
  }

  async string(limit: number, what: string): Promise<string> {
    const length = bounded(this, await this.u64(), limit, `length of the ${what}`)
    await this.need(length)
    const at = this.take(length)
    return this.#bytes.toString('utf8', at, at + length)
  }

  /** A string that lies wholly in the window, or undefined with nothing consumed. */
  stringNow(): string | undefined {
    if (this.#at + 8 > this.#bytes.length || this.view.getUint32(this.#at + 4, true) !== 0) return undefined
    const start = this.#at + 8
    const end = start + this.view.getUint32(this.#at, true)
    if (end > this.#bytes.length) return undefined
    this.#at = end
    return this.#bytes.toString('utf8', start, end)
  }

  countElements(count: number): void {
    this.#elements += count
    if (this.#elements > limits.arrayElements) {
      throw this.bad(`its arrays together have more than ${limits.arrayElements} elements`)
    }
  }

  bad(
    problem: string,
    hint = 'The file is damaged or incomplete. Download it again: hearth models get <model>.',
  ): EngineError {
    return new EngineError('bad-file', `${this.name}: ${problem}.`, { hint })
  }
}
