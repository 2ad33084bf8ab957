// A model on disk, whatever its format: metadata under GGUF's key names, and tensors read by name.
import type { TensorType } from './ggml-types'

export type MetadataValue = number | bigint | boolean | string | readonly MetadataValue[] | MetadataNumbers

/** A list of numbers as wide as they are in the file. */
export type MetadataNumbers =
  Float32Array | Int32Array | Uint32Array | Int16Array | Uint16Array | Int8Array | Uint8Array

export interface TensorInfo {
  name: string
  type: TensorType
  /** Outermost dimension first, as in PyTorch: a matrix is [rows, columns], and a row is contiguous. */
  shape: readonly number[]
  bytes: number
}

/** Whose names the tensors have; `rwkv` are those of RWKV-LM. In `gguf` files some families' q and k are permuted, too. */
export type CheckpointLayout = 'gguf' | 'huggingface' | 'rwkv'

export interface Checkpoint {
  readonly path: string
  readonly layout: CheckpointLayout
  readonly metadata: ReadonlyMap<string, MetadataValue>
  readonly tensors: ReadonlyMap<string, TensorInfo>
  /**
   * Bytes `offset` to `offset + length` of one tensor. They may lie in `into`, which is at least as long, until that is read into
   * again. Throws EngineError `bad-file` when the file is shorter.
   */
  read(tensor: string, offset: number, length: number, into?: Uint8Array): Promise<Uint8Array>
  close(): Promise<void>
}
