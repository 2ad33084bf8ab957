// What a model remembers of a sequence, so that a token is computed once.
import type { Backend, Tensor } from '../backend/backend'
import { byteLength } from '../format/ggml-types'
import type { StateType } from '../graph/graph'

/** A growing sequence's memory. A KV cache can go back to any length, a recurrent state only to a checkpoint. */
export interface State extends Disposable {
  /** Tokens remembered. */
  readonly length: number
  /** Most tokens it can remember. */
  readonly capacity: number
  /** Whether every length can be restored, as with a KV cache, or only those of checkpoints. */
  readonly rewindsAnywhere: boolean
  /** Whether the latest tokens, tried and found wrong, can be taken back by a rewind that costs nothing and loses no more. */
  readonly takesBack: boolean
  /** Forgets everything after `length` tokens, or more when only an earlier point can be restored; returns the new length. */
  rewind(length: number): number
  /** Marks the current length as a point to which a recurrent state can return; free for a KV cache. */
  checkpoint(): void
  /** Memory that it holds on the device, with all copies, in bytes. */
  readonly bytes: number
}

/** A state as a model's steps see it. */
export abstract class ModelState implements State {
  abstract readonly tensors: ReadonlyMap<string, Tensor>
  abstract readonly length: number
  abstract readonly capacity: number
  abstract readonly rewindsAnywhere: boolean
  abstract readonly takesBack: boolean
  /** Tokens at the start of the sequence that see each other both ways; 0 in all families but one. */
  get prefix(): number {
    return 0
  }

  /** How many of `tokens`, the next ones of the sequence, the next step takes; `most` unless they have to stay together. */
  stepLength(tokens: readonly number[], most: number): number {
    return Math.min(tokens.length, most)
  }

  /** Called before a step of `tokens`, which may fail halfway. */
  abstract begin(tokens: readonly number[]): void
  /** Called after a step that took `count` tokens. */
  abstract advance(count: number): void
  abstract rewind(length: number): number
  abstract checkpoint(): void
  abstract readonly bytes: number;
  abstract [Symbol.dispose](): void
}

/** What a KV cache holds for each token. */
export interface CacheShape {
  readonly cols: number
  readonly type: StateType
}

/** Keys and values of every token, [capacity, cols] per layer. */
export class KvCache extends ModelState {
  readonly rewindsAnywhere = true
  readonly takesBack = true
  readonly tensors: ReadonlyMap<string, Tensor>
  #length = 0

  constructor(
    private readonly backend: Backend,
    caches: ReadonlyMap<string, CacheShape>,
    readonly capacity: number,
  ) {
    super()
    const tensors = new Map<string, Tensor>()
    try {
      for (const [name, { cols, type }] of caches)
        tensors.set(name, backend.createState(name, capacity, cols, type))
    } catch (error) {
      for (const tensor of tensors.values()) backend.destroy(tensor)
      throw error
    }
    this.tensors = tensors
  }

  get length(): number {
    return this.#length
  }

  get bytes(): number {
    return bytesOf(this.tensors)
  }

  begin(): void {
    // Rows beyond the length are nobody's, whatever a failed step left there.
  }

  advance(count: number): void {
    this.#length += count
  }

  rewind(length: number): number {
    this.#length = Math.min(this.#length, Math.max(0, length))
    return this.#length
  }

  checkpoint(): void {
    // Every length of a KV cache can be restored, so there is nothing to save.
  }

  [Symbol.dispose](): void {
    for (const tensor of this.tensors.values()) this.backend.destroy(tensor)
  }
}

export function bytesOf(tensors: ReadonlyMap<string, Tensor>): number {
  let bytes = 0
  for (const { type, rows, cols } of tensors.values()) bytes += rows * byteLength(type, cols)
  return bytes
}
