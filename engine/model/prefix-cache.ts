// The state of a prefix language model, whose prompt sees itself both ways up to the token that starts the answer.
import type { Tensor } from '../backend/backend'
import { ModelState, type KvCache } from './state'

/**
 * Keys and values that depend on the whole prefix: it comes in one step with the token after it, and whoever changes a token of it
 * starts again. A sequence without `answerStart` in its first step has no prefix and is causal throughout.
 */
export class PrefixCache extends ModelState {
  // In the answer, that is; checkpoints would not help in the prefix.
  readonly rewindsAnywhere = true
  #prefix = 0

  constructor(
    private readonly cache: KvCache,
    private readonly answerStart: number,
  ) {
    super()
  }

  get tensors(): ReadonlyMap<string, Tensor> {
    return this.cache.tensors
  }

  get length(): number {
    return this.cache.length
  }

  get capacity(): number {
    return this.cache.capacity
  }

  get bytes(): number {
    return this.cache.bytes
  }

  // Without a prefix every rewind goes back to nothing, see below.
  get takesBack(): boolean {
    return this.#prefix > 0
  }

  override get prefix(): number {
    return this.#prefix
  }

  override stepLength(tokens: readonly number[], most: number): number {
    return Math.max(super.stepLength(tokens, most), this.#startOf(tokens) + 1)
  }

  begin(tokens: readonly number[]): void {
    if (this.length === 0) this.#prefix = Math.max(this.#startOf(tokens), 0)
  }

  advance(count: number): void {
    this.cache.advance(count)
  }

  // The token that starts the answer is kept only if one more is: another one in its place would lengthen the prefix. Without a
  // prefix the next tokens may bring one.
  rewind(length: number): number {
    return this.cache.rewind(this.#prefix > 0 && length > this.#prefix ? length : 0)
  }

  checkpoint(): void {
    this.cache.checkpoint()
  }

  [Symbol.dispose](): void {
    this.cache[Symbol.dispose]()
  }

  #startOf(tokens: readonly number[]): number {
    return this.length === 0 ? tokens.indexOf(this.answerStart) : -1
  }
}
