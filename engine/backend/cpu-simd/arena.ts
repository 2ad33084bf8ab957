// Memory that the kernels reach: one WebAssembly memory, its pieces handed out and taken back.
import { maxPages } from './assembler'
import { bindKernels, instantiate, type Kernel, type Kernels } from './kernels'

const pageBytes = 65536
/** A cache line; kernels need 16. */
const alignment = 64

interface Piece {
  readonly at: number
  readonly bytes: number
}

export class Arena {
  readonly memory: WebAssembly.Memory
  readonly kernels: Kernels
  readonly #exports: Readonly<Record<string, Kernel>>
  /** In order, never two that touch. Address 0 stays unused. */
  #free: Piece[] = []
  #end = alignment
  readonly #used = new Map<number, number>()
  readonly #scratch = new Map<string, Piece>()
  #floats: Float32Array

  /** Throws a RangeError where no address space is left. */
  constructor(module: WebAssembly.Module) {
    this.memory = new WebAssembly.Memory({ initial: 1, maximum: maxPages, shared: true })
    this.#exports = instantiate(module, this.memory)
    this.kernels = bindKernels(this.#exports)
    this.#floats = new Float32Array(this.memory.buffer)
  }

  /** Calls a kernel by the name of its export. */
  call(kernel: string, numbers: readonly number[]): void {
    this.#exports[kernel]!(...numbers)
  }

  /** All of the memory; the view is replaced when it grows, and older views keep showing what they showed. */
  get floats(): Float32Array {
    return this.#floats
  }

  /** Whether nothing but scratch is in it. */
  get isEmpty(): boolean {
    return this.#used.size === this.#scratch.size
  }

  /** Part of the memory as bytes. */
  bytes(at: number, length: number): Uint8Array {
    return new Uint8Array(this.memory.buffer, at, length)
  }

  /** The address of a zero-filled piece, undefined when there is no room. */
  allocate(bytes: number): number | undefined {
    const size = Math.ceil(bytes / alignment) * alignment
    const index = this.#free.findIndex((piece) => piece.bytes >= size)
    const piece = this.#free[index]
    if (piece) {
      const rest = { at: piece.at + size, bytes: piece.bytes - size }
      this.#free.splice(index, 1, ...(rest.bytes > 0 ? [rest] : []))
      this.#used.set(piece.at, size)
      this.bytes(piece.at, size).fill(0)
      return piece.at
    }
    // New pages are zeros.
    if (!this.#grow(this.#end + size)) return undefined
    const at = this.#end
    this.#end += size
    this.#used.set(at, size)
    return at
  }

  free(at: number): void {
    const bytes = this.#used.get(at)
    if (bytes === undefined) return
    this.#used.delete(at)
    const merged: Piece[] = []
    for (const piece of [...this.#free, { at, bytes }].sort((a, b) => a.at - b.at)) {
      const last = merged.at(-1)
      if (last && last.at + last.bytes === piece.at)
        merged[merged.length - 1] = { at: last.at, bytes: last.bytes + piece.bytes }
      else merged.push(piece)
    }
    this.#free = merged
  }

  /** The address of at least so many bytes under a name; what was there before is lost when it must grow. Throws a RangeError. */
  scratch(name: string, needed: number): number {
    const piece = this.#scratch.get(name)
    if (piece && piece.bytes >= needed) return piece.at
    // Some need a little more with every token.
    const bytes = 2 ** Math.ceil(Math.log2(needed))
    if (piece) this.free(piece.at)
    this.#scratch.delete(name)
    const at = this.allocate(bytes)
    if (at === undefined) throw new RangeError('no memory for a step')
    this.#scratch.set(name, { at, bytes })
    return at
  }

  #grow(bytes: number): boolean {
    const pages = Math.ceil(bytes / pageBytes) - this.memory.buffer.byteLength / pageBytes
    if (pages <= 0) return true
    if (bytes > maxPages * pageBytes) return false
    try {
      this.memory.grow(pages)
    } catch (error) {
      if (error instanceof RangeError) return false
      throw error
    }
    this.#floats = new Float32Array(this.memory.buffer)
    return true
  }
}
