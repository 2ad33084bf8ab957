// Where the processor's tensors lie, and the operations that read most of their bytes: what a faster way to compute replaces.
import type { Activation, StateType } from '../../graph/graph'
import { EngineError } from '../../protocol/errors'
import type { ReadBytes, Tensor, WeightSpec } from '../backend'
import type { AttentionShape } from './attention'
import type { ColumnsOf, Work } from './ops'

/** A weight or a state; only the storage that made it knows where its bytes are. */
export interface CpuTensor extends Tensor {
  /** Set for states of f32, vectors and f32 tables: operations read them value by value. */
  readonly values: Float32Array | undefined
  /** Set for states of other types: rows as in a file. */
  readonly packed?: Uint8Array
}

/** What is done to a product: (product + bias) * scale + add. */
export interface Epilogue {
  readonly bias: Float32Array | undefined
  readonly scale: number
  readonly add: Float32Array | undefined
}

export interface CpuStorage {
  /** As `Backend.createWeight`. */
  createWeight(spec: WeightSpec, read: ReadBytes): Promise<CpuTensor>
  /** As `Backend.createState`. */
  createState(label: string, rows: number, cols: number, type?: StateType): CpuTensor
  destroy(tensor: CpuTensor): void
  /** out[t] = table[token[t]] * scale; out [T, cols] */
  embed(table: CpuTensor, tokens: readonly number[], scale: number, out: Float32Array): Work
  /** out[t] = (weight * x[t] + bias) * scale + add[t]; x [T, cols], out and add [T, rows] */
  matmul(weight: CpuTensor, x: Float32Array, nTokens: number, epilogue: Epilogue, out: Float32Array): Work
  /** cache[position + t] = x[t]; x [T, cols] */
  append(x: Float32Array, nTokens: number, position: number, cache: CpuTensor): Work
  /** As the plain operations in elementwise-ops.ts. */
  activate(activation: Activation, x: Float32Array, count: number, out: Float32Array): Work
  gated(
    activation: Activation,
    gate: ColumnsOf,
    up: ColumnsOf,
    rows: number,
    cols: number,
    out: Float32Array,
  ): Work
  /** As `attention`, of the states k and v. */
  attention(
    q: Float32Array,
    k: CpuTensor,
    v: CpuTensor,
    nTokens: number,
    position: number,
    shape: AttentionShape,
    out: Float32Array,
  ): Work
  /** Ends threads, if there are any. What is under way ends on this one. */
  dispose(): void
}

/** The values of a state. */
export function valuesOf({ label, values }: CpuTensor): Float32Array {
  if (values) return values
  throw new EngineError('internal', `state "${label}" is not f32`)
}
