// Where each weight of a graph comes from: a tensor of the file, some of its rows, or numbers computed when the model is loaded.
import type { ReadBytes, WeightSpec } from '../backend/backend'
import { readInto } from '../backend/part-reader'
import { quants, rowBytes } from '../backend/quants/table'
import type { Checkpoint, TensorInfo } from '../format/checkpoint'
import { EngineError } from '../protocol/errors'
import type { Quantizer } from './quantize'

/** From row `from` to before row `to`. */
export interface RowRange {
  readonly from: number
  readonly to: number
}

/** A tensor as it is, or these rows of it in this order. Rows of a vector are its values. */
export interface StoredSource {
  readonly kind: 'stored'
  readonly tensor: string
  readonly rows?: readonly RowRange[]
}

export type WeightSource =
  | StoredSource
  /** Stored weights of one layout below each other, or matrices of one height by turns of `inTurn` rows; vectors one behind the other. */
  | {
      readonly kind: 'stacked'
      readonly parts: readonly StoredSource[]
      readonly inTurn: number | undefined
    }
  /** Numbers [rows, cols] that are computed, from vectors of the file or from none. */
  | {
      readonly kind: 'computed'
      readonly rows: number
      readonly cols: number
      readonly from: readonly string[]
      values(vectors: readonly Float32Array[]): Float32Array
    }
  /** These rows and columns of a matrix of whole numbers of bytes, columns becoming rows. */
  | { readonly kind: 'transposed'; readonly tensor: string; readonly rows: RowRange; readonly cols: RowRange }
  /** 1 / max(|row|, 1e-12) of every row of a matrix, as one vector. */
  | { readonly kind: 'inverse-row-lengths'; readonly tensor: string }

/** Shape of a stored weight, without dimensions of one: [rows, cols] or [cols]. Undefined for numbers that are computed. */
export function shapeOf(source: WeightSource, checkpoint: Checkpoint): readonly number[] | undefined {
  if (source.kind !== 'stored') return undefined
  const info = tensorOf(checkpoint, source.tensor)
  const shape = info.shape.filter((extent, i) => extent !== 1 || i === info.shape.length - 1)
  if (!source.rows) return shape
  return shape.length === 1 ? [countRows(source.rows)] : [countRows(source.rows), ...shape.slice(-1)]
}

/** Equal for weights that may be stacked: the type, and the columns of a matrix. Undefined for numbers that are computed. */
export function stackLayout(source: WeightSource | undefined, checkpoint: Checkpoint): string | undefined {
  if (source?.kind !== 'stored') return undefined
  const { type, rows, cols } = specOf(checkpoint, source.tensor, source)
  return rows === 1 ? `${type} vector` : `${type} rows of ${cols}`
}

/** Of all ranges together. */
export function countRows(ranges: readonly RowRange[]): number {
  return ranges.reduce((sum, { from, to }) => sum + to - from, 0)
}

/** Names of the tensors a source reads. */
export function tensorsOf(source: WeightSource): readonly string[] {
  switch (source.kind) {
    case 'computed':
      return source.from
    case 'stacked':
      return source.parts.map(({ tensor }) => tensor)
    default:
      return [source.tensor]
  }
}

/** Bytes of the file that a source reads. */
export function bytesOf(source: WeightSource, checkpoint: Checkpoint): number {
  return tensorsOf(source).reduce((sum, name) => sum + (checkpoint.tensors.get(name)?.bytes ?? 0), 0)
}

/** A weight as it goes to a device. */
export interface Weight {
  readonly spec: WeightSpec
  /** Numbers that are computed are computed when they are read. */
  readonly read: ReadBytes
}

/** The weight of a source, under the name that the graph gives it; nothing is read yet. */
export function weightOf(
  checkpoint: Checkpoint,
  label: string,
  source: WeightSource,
  quantizer: Quantizer,
  signal: AbortSignal,
): Weight {
  switch (source.kind) {
    case 'stored':
      return quantizer.convert(...storedWeight(checkpoint, label, source))
    case 'stacked':
      return quantizer.convert(...stackedWeight(checkpoint, label, source), source.parts.length)
    case 'computed': {
      const { rows, cols } = source
      return computedWeight({ label, type: 'f32', rows, cols }, async () => {
        const vectors: Float32Array[] = []
        for (const name of source.from) vectors.push(await readVector(checkpoint, name))
        return bytesOfValues(source.values(vectors))
      })
    }
    case 'transposed':
      return transposedWeight(checkpoint, label, source)
    case 'inverse-row-lengths': {
      const info = tensorOf(checkpoint, source.tensor)
      return computedWeight({ label, type: 'f32', rows: 1, cols: matrixOf(info).rows }, async () =>
        bytesOfValues(await inverseRowLengths(checkpoint, info, signal)),
      )
    }
  }
}

/** All values of a tensor, decoded. For tensors that are small. */
export async function readVector(checkpoint: Checkpoint, tensor: string): Promise<Float32Array> {
  const info = tensorOf(checkpoint, tensor)
  const bytes = await checkpoint.read(info.name, 0, info.bytes)
  const values = new Float32Array(info.shape.reduce((product, extent) => product * extent, 1))
  quants[info.type].decode(bytes, 0, values.length, values)
  return values
}

function storedWeight(checkpoint: Checkpoint, label: string, source: StoredSource): [WeightSpec, ReadBytes] {
  const info = tensorOf(checkpoint, source.tensor)
  const { rows, cols } = matrixOf(info)
  const read: ReadBytes = (...part) => checkpoint.read(info.name, ...part)
  const spec = specOf(checkpoint, label, source)
  if (!source.rows) return [spec, read]
  return [spec, readRows(read, source.rows, rowBytes(info.type, rows === 1 ? 1 : cols))]
}

function specOf(checkpoint: Checkpoint, label: string, source: StoredSource): WeightSpec {
  const info = tensorOf(checkpoint, source.tensor)
  const { rows, cols } = matrixOf(info)
  const { type } = info
  if (!source.rows) return { label, type, rows, cols }
  const count = countRows(source.rows)
  return rows === 1 ? { label, type, rows: 1, cols: count } : { label, type, rows: count, cols }
}

// Parts of one layout, so that the bytes of the whole are those of its parts.
function stackedWeight(
  checkpoint: Checkpoint,
  label: string,
  { parts, inTurn }: Extract<WeightSource, { kind: 'stacked' }>,
): [WeightSpec, ReadBytes] {
  const weights = parts.map((part) => storedWeight(checkpoint, label, part))
  const specs = weights.map(([spec]) => spec)
  const [first] = specs
  if (!first) throw new EngineError('internal', `${label} has no parts`)
  const total = (which: 'rows' | 'cols'): number => specs.reduce((sum, spec) => sum + spec[which], 0)
  const spec = first.rows === 1 ? { ...first, cols: total('cols') } : { ...first, rows: total('rows') }
  const pieces = weights.map(([{ type, rows, cols }, read]) => ({ read, size: rows * rowBytes(type, cols) }))
  if (inTurn === undefined) return [spec, concatenated(pieces)]
  const reads = weights.map(([, read]) => read)
  return [spec, takingTurns(reads, inTurn * rowBytes(first.type, first.cols), first.rows / inTurn)]
}

// `runs` runs of so many bytes of each part in turn. Each part is read at once: a run is a few kilobytes only.
function takingTurns(parts: readonly ReadBytes[], runBytes: number, runs: number): ReadBytes {
  const round = parts.length * runBytes
  let memory = new Uint8Array(0)
  return async (offset, length, into) => {
    const end = offset + length
    const bytes = into?.subarray(0, length) ?? new Uint8Array(length)
    const [from, to] = [Math.floor(offset / round), Math.min(runs, Math.ceil(end / round))]
    const size = (to - from) * runBytes
    if (memory.length < size) memory = new Uint8Array(size)
    for (const [i, read] of parts.entries()) {
      await readInto(memory.subarray(0, size), read, from * runBytes)
      for (let run = from; run < to; run++) {
        const start = run * round + i * runBytes
        const [first, last] = [Math.max(offset, start), Math.min(end, start + runBytes)]
        const at = (run - from) * runBytes - start
        if (first < last) bytes.set(memory.subarray(at + first, at + last), first - offset)
      }
    }
    return bytes
  }
}

function concatenated(pieces: readonly { read: ReadBytes; size: number }[]): ReadBytes {
  return async (offset, length, into) => {
    const bytes = into?.subarray(0, length) ?? new Uint8Array(length)
    let start = 0
    for (const { read, size } of pieces) {
      const first = Math.max(offset, start)
      const end = Math.min(offset + length, start + size)
      if (first < end) await readInto(bytes.subarray(first - offset, end - offset), read, first - start)
      start += size
    }
    return bytes
  }
}

// For small matrices: the tensor is read whole.
function transposedWeight(
  checkpoint: Checkpoint,
  label: string,
  source: { tensor: string; rows: RowRange; cols: RowRange },
): Weight {
  const info = tensorOf(checkpoint, source.tensor)
  const { cols: stride } = matrixOf(info)
  const width = rowBytes(info.type, 1)
  const rows = source.cols.to - source.cols.from
  const cols = source.rows.to - source.rows.from
  return computedWeight({ label, type: info.type, rows, cols }, async () => {
    const bytes = await checkpoint.read(info.name, 0, info.bytes)
    const turned = new Uint8Array(rows * cols * width)
    for (let row = 0; row < rows; row++) {
      for (let col = 0; col < cols; col++) {
        const from = ((source.rows.from + col) * stride + source.cols.from + row) * width
        const to = (row * cols + col) * width
        for (let i = 0; i < width; i++) turned[to + i] = bytes[from + i] ?? 0
      }
    }
    return turned
  })
}

// Computed once, when the first part is read.
function computedWeight(spec: WeightSpec, compute: () => Promise<Uint8Array>): Weight {
  let bytes: Promise<Uint8Array> | undefined
  return {
    spec,
    read: async (offset, length) => {
      bytes ??= compute()
      return (await bytes).subarray(offset, offset + length)
    },
  }
}

// Byte ranges of the chosen rows, as if they were a tensor of their own.
function readRows(read: ReadBytes, ranges: readonly RowRange[], stride: number): ReadBytes {
  return async (offset, length, into) => {
    const bytes = into?.subarray(0, length) ?? new Uint8Array(length)
    let start = 0 // of the range, in bytes of the chosen rows
    for (const { from, to } of ranges) {
      const size = (to - from) * stride
      const first = Math.max(offset, start)
      const end = Math.min(offset + length, start + size)
      if (first < end) {
        await readInto(bytes.subarray(first - offset, end - offset), read, from * stride + first - start)
      }
      start += size
    }
    return bytes
  }
}

function bytesOfValues(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
}

// Part by part: an output matrix is too large to decode at once.
async function inverseRowLengths(
  checkpoint: Checkpoint,
  info: TensorInfo,
  signal: AbortSignal,
): Promise<Float32Array> {
  const { rows, cols } = matrixOf(info)
  const stride = rowBytes(info.type, cols)
  const partRows = Math.max(1, Math.floor((4 << 20) / stride))
  const row = new Float32Array(cols)
  const result = new Float32Array(rows)
  for (let first = 0; first < rows; first += partRows) {
    signal.throwIfAborted()
    const count = Math.min(partRows, rows - first)
    const bytes = await checkpoint.read(info.name, first * stride, count * stride)
    for (let i = 0; i < count; i++) {
      quants[info.type].decode(bytes, i * stride, cols, row)
      result[first + i] = 1 / Math.max(Math.sqrt(row.reduce((sum, value) => sum + value * value, 0)), 1e-12)
    }
  }
  return result
}

function matrixOf(info: TensorInfo): { rows: number; cols: number } {
  const cols = info.shape.at(-1) ?? 1
  const rows = info.shape.slice(0, -1).reduce((product, extent) => product * extent, 1)
  return { rows, cols }
}

function tensorOf(checkpoint: Checkpoint, name: string): TensorInfo {
  const info = checkpoint.tensors.get(name)
  if (info) return info
  throw new EngineError('internal', `"${name}" is read but not in the file`)
}
