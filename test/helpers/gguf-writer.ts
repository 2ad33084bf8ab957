// Writes GGUF files for tests: metadata and tensors in, bytes out. Knows the format on its own, so that reader and writer check each other.
import { tensorTypes, type TensorType } from '../../engine/format/ggml-types'

const scalarTypes = {
  u8: { id: 0, bytes: 1, write: (view, at, value) => view.setUint8(at, Number(value)) },
  i8: { id: 1, bytes: 1, write: (view, at, value) => view.setInt8(at, Number(value)) },
  u16: { id: 2, bytes: 2, write: (view, at, value) => view.setUint16(at, Number(value), true) },
  i16: { id: 3, bytes: 2, write: (view, at, value) => view.setInt16(at, Number(value), true) },
  u32: { id: 4, bytes: 4, write: (view, at, value) => view.setUint32(at, Number(value), true) },
  i32: { id: 5, bytes: 4, write: (view, at, value) => view.setInt32(at, Number(value), true) },
  f32: { id: 6, bytes: 4, write: (view, at, value) => view.setFloat32(at, Number(value), true) },
  bool: { id: 7, bytes: 1, write: (view, at, value) => view.setUint8(at, Number(value)) },
  u64: { id: 10, bytes: 8, write: (view, at, value) => view.setBigUint64(at, BigInt(value), true) },
  i64: { id: 11, bytes: 8, write: (view, at, value) => view.setBigInt64(at, BigInt(value), true) },
  f64: { id: 12, bytes: 8, write: (view, at, value) => view.setFloat64(at, Number(value), true) },
} as const satisfies Record<
  string,
  { id: number; bytes: number; write: (view: DataView, at: number, value: number | bigint) => void }
>
const stringType = 8
const arrayType = 9

export type ScalarType = keyof typeof scalarTypes

/** A value with its type on disk. */
export type TypedValue =
  | { type: ScalarType; value: number | bigint }
  | { type: 'string'; value: string }
  | { type: 'array'; of: ScalarType; values: readonly (number | bigint)[] }
  | { type: 'array'; of: 'string'; values: readonly string[] }
  | { type: 'array'; of: 'array'; values: readonly TypedValue[] }

/** A plain value gets the type converters usually give it: u32 for whole numbers, i32 below zero, f32 for the rest. */
export type PlainValue =
  string | number | bigint | boolean | readonly string[] | Float32Array | Int32Array | Uint32Array

export interface TensorInput {
  name: string
  /** A name of ggml-types.ts, or any number for tests of unknown types. */
  type: TensorType | number
  /** Outermost dimension first. */
  shape: readonly number[]
  data: Uint8Array
  /** Position in the data section, when it shall be another than the next free one. */
  offset?: number
}

export interface GgufInput {
  version?: number
  metadata?: Readonly<Record<string, PlainValue | TypedValue>>
  /** Further entries, for keys that shall occur twice. */
  entries?: readonly (readonly [string, PlainValue | TypedValue])[]
  tensors?: readonly TensorInput[]
}

/** Tensor data is aligned to `general.alignment` when the metadata has it, else to 32 bytes. */
export function writeGguf(input: GgufInput): Uint8Array {
  const out = new ByteWriter()
  const entries = [...Object.entries(input.metadata ?? {}), ...(input.entries ?? [])]
  const tensors = input.tensors ?? []
  const alignmentValue = entries.find(([key]) => key === 'general.alignment')?.[1]
  const alignment = typeof alignmentValue === 'number' ? alignmentValue : 32
  out.raw(Buffer.from('GGUF'))
  out.scalar('u32', input.version ?? 3)
  out.scalar('u64', tensors.length)
  out.scalar('u64', entries.length)
  for (const [key, plain] of entries) {
    const value = typed(plain)
    out.string(key)
    out.scalar('u32', typeId(value))
    writeValue(out, value)
  }
  let next = 0
  const offsets = tensors.map((tensor) => {
    const offset = tensor.offset ?? next
    next = align(offset + tensor.data.length, alignment)
    return offset
  })
  tensors.forEach((tensor, i) => {
    out.string(tensor.name)
    out.scalar('u32', tensor.shape.length)
    for (const dimension of [...tensor.shape].reverse()) out.scalar('u64', dimension)
    out.scalar('u32', typeof tensor.type === 'number' ? tensor.type : tensorTypes[tensor.type].id)
    out.scalar('u64', offsets[i] ?? 0)
  })
  out.pad(alignment)
  const start = out.length
  tensors.forEach((tensor, i) => {
    // An offset of its own may point anywhere, also outside the file; then its data is left out.
    if (tensor.offset !== undefined) return
    out.padTo(start + (offsets[i] ?? 0))
    out.raw(tensor.data)
  })
  return out.bytes()
}

function typed(plain: PlainValue | TypedValue): TypedValue {
  if (typeof plain === 'string') return { type: 'string', value: plain }
  if (typeof plain === 'boolean') return { type: 'bool', value: Number(plain) }
  if (typeof plain === 'bigint') return { type: 'u64', value: plain }
  if (typeof plain === 'number') {
    return { type: !Number.isInteger(plain) ? 'f32' : plain < 0 ? 'i32' : 'u32', value: plain }
  }
  if (plain instanceof Float32Array) return { type: 'array', of: 'f32', values: Array.from(plain) }
  if (plain instanceof Int32Array) return { type: 'array', of: 'i32', values: Array.from(plain) }
  if (plain instanceof Uint32Array) return { type: 'array', of: 'u32', values: Array.from(plain) }
  if (Array.isArray(plain)) return { type: 'array', of: 'string', values: plain as readonly string[] }
  return plain as TypedValue
}

function typeId(value: TypedValue): number {
  if (value.type === 'string') return stringType
  return value.type === 'array' ? arrayType : scalarTypes[value.type].id
}

function writeValue(out: ByteWriter, value: TypedValue): void {
  if (value.type === 'string') out.string(value.value)
  else if (value.type !== 'array') out.scalar(value.type, value.value)
  else {
    const { of, values } = value
    out.scalar('u32', of === 'string' ? stringType : of === 'array' ? arrayType : scalarTypes[of].id)
    out.scalar('u64', values.length)
    if (of === 'string') for (const item of values) out.string(item)
    else if (of === 'array') for (const item of values) writeValue(out, item)
    else for (const item of values) out.scalar(of, item)
  }
}

function align(position: number, alignment: number): number {
  return Math.ceil(position / alignment) * alignment
}

class ByteWriter {
  #bytes = new Uint8Array(1024)
  length = 0

  raw(bytes: Uint8Array): void {
    const at = this.#grow(bytes.length)
    this.#bytes.set(bytes, at)
  }

  scalar(type: ScalarType, value: number | bigint): void {
    const at = this.#grow(scalarTypes[type].bytes)
    scalarTypes[type].write(new DataView(this.#bytes.buffer), at, value)
  }

  string(text: string): void {
    const bytes = Buffer.from(text)
    this.scalar('u64', bytes.length)
    this.raw(bytes)
  }

  pad(alignment: number): void {
    this.padTo(align(this.length, alignment))
  }

  padTo(position: number): void {
    this.#grow(Math.max(0, position - this.length))
  }

  bytes(): Uint8Array {
    return this.#bytes.slice(0, this.length)
  }

  #grow(count: number): number {
    const at = this.length
    this.length += count
    if (this.length > this.#bytes.length) {
      const larger = new Uint8Array(2 * this.length)
      larger.set(this.#bytes)
      this.#bytes = larger
    }
    return at
  }
}
