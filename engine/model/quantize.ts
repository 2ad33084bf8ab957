// Makes a model smaller while it is loaded: matrices of floats become blocks of integers, part by part, never whole in memory.
import type { ReadBytes, WeightSpec } from '../backend/backend'
import { encodeQ4_0, encodeQ8_0, type Encode } from '../backend/quants/encode'
import { quants, rowBytes } from '../backend/quants/table'
import { byteLength, tensorTypes, type TensorType } from '../format/ggml-types'
import type { Operation } from '../graph/graph'
import { EngineError } from '../protocol/errors'
import type { QuantizeChoice } from '../protocol/settings'

/**
 * The type that a matrix gets. Vectors, rows that are no whole number of blocks and what is quantized already stay as they are.
 * With q4_0, matrices with a row for every token of the vocabulary get q8_0: an error in the embedding is in every layer after
 * it, one in the output matrix goes straight into the logits, and llama.cpp's Q4_0 files keep the output finer, too.
 */
export function quantizedType(
  matrix: { type: TensorType; rows: number; cols: number },
  vocabulary: number,
  choice: QuantizeChoice,
): TensorType {
  const { type, rows, cols } = matrix
  if (choice === 'none' || tensorTypes[type].block > 1) return type
  if (rows === 1 || cols % tensorTypes[choice].block !== 0) return type
  return rows === vocabulary ? 'q8_0' : choice
}

/** Converts the weights of one model, and counts what it did. */
export class Quantizer {
  readonly #multiplied: ReadonlySet<string>
  readonly #types = new Set<TensorType>()
  #matrices = 0
  #before = 0
  #after = 0

  constructor(
    private readonly choice: QuantizeChoice,
    private readonly vocabulary: number,
    operations: readonly Operation[],
  ) {
    this.#multiplied = new Set(operations.flatMap(matrixOf))
  }

  /** The weight as it goes to the device. `spec.label` is its name in the graph, `parts` how many matrices of the file it is. */
  convert(spec: WeightSpec, read: ReadBytes, parts = 1): { spec: WeightSpec; read: ReadBytes } {
    const type = quantizedType(spec, this.vocabulary, this.choice)
    const encode = encoders[type]
    if (type === spec.type || encode === undefined || !this.#multiplied.has(spec.label)) return { spec, read }
    this.#matrices += parts
    this.#types.add(type)
    this.#before += byteLength(spec.type, spec.rows * spec.cols)
    this.#after += byteLength(type, spec.rows * spec.cols)
    return { spec: { ...spec, type }, read: readQuantized(spec, type, encode, read) }
  }

  /** For the log; undefined when nothing was asked for. */
  describe(): string | undefined {
    if (this.choice === 'none') return undefined
    if (this.#matrices === 0) {
      return `Nothing was quantized to ${this.choice}: no matrix is F32, F16 or BF16 with rows of whole blocks.`
    }
    const types = [...this.#types].sort().join(' and ')
    return `Quantized ${this.#matrices} matrices to ${types}: ${megabytes(this.#after)} instead of ${megabytes(this.#before)}.`
  }
}

const encoders: Partial<Record<TensorType, Encode>> = { q8_0: encodeQ8_0, q4_0: encodeQ4_0 }

/** Largest part of the stored matrix in memory at a time. */
const partBytes = 1 << 20

function readQuantized(spec: WeightSpec, type: TensorType, encode: Encode, read: ReadBytes): ReadBytes {
  const { label, rows: all, cols } = spec
  const { decode } = quants[spec.type]
  const stored = rowBytes(spec.type, cols)
  const stride = rowBytes(type, cols)
  const partRows = Math.max(1, Math.floor(partBytes / stored))
  const values = new Float32Array(cols)
  const part = new Uint8Array(Math.min(partRows, all) * stored)
  return async (offset, length, into) => {
    const first = offset / stride
    const count = length / stride
    if (!Number.isInteger(first) || !Number.isInteger(count)) {
      throw new EngineError('internal', `bytes ${offset} to ${offset + length} of ${label} are no whole rows`)
    }
    const out = into?.subarray(0, length) ?? new Uint8Array(length)
    for (let row = 0; row < count; row += partRows) {
      const rows = Math.min(partRows, count - row)
      const bytes = await read((first + row) * stored, rows * stored, part)
      for (let i = 0; i < rows; i++) {
        decode(bytes, i * stored, cols, values)
        encode(values, cols, out, (row + i) * stride)
      }
    }
    return out
  }
}

// Only these read a matrix through its type; every other operation reads weights value by value.
function matrixOf(operation: Operation): string[] {
  if (operation.op === 'matmul') return [operation.weight.weight]
  return operation.op === 'embed' ? [operation.table.weight] : []
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`
}
