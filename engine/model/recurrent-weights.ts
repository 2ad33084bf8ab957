// Names the weights of a recurrent graph and says where each comes from: matrices as they are, vectors computed from those of the file.
import type { TensorInfo } from '../format/checkpoint'
import type { WeightRef } from '../graph/graph'
import { wrongShape } from './check-shapes'
import { missingTensor } from './config'
import type { RowRange, WeightSource } from './weights'

export interface VectorOptions {
  /** Tells apart several vectors of one tensor. */
  key?: string
  /** Values of the tensor in the file, when they are not as many as columns. */
  length?: number
  /** What becomes of the file's values. */
  change?: (values: Float32Array) => Float32Array
}

export class RecurrentWeights {
  readonly sources = new Map<string, WeightSource>()

  constructor(private readonly tensor: (name: string) => TensorInfo | undefined) {}

  has(name: string): boolean {
    return this.tensor(name) !== undefined
  }

  /** A matrix [out, in] as the file has it. */
  matrix(name: string): WeightRef {
    this.info(name)
    return this.#add(name, { kind: 'stored', tensor: name })
  }

  /** Numbers [1, cols] from a tensor of any shape. Throws `bad-file` when it has another number of values. */
  vector(name: string, cols: number, { key, length = cols, change = same }: VectorOptions = {}): WeightRef {
    const info = this.info(name)
    if (sizeOf(info) !== length) throw wrongShape(name, info.shape, [length])
    return this.#add(key === undefined ? name : `${name} ${key}`, {
      kind: 'computed',
      rows: 1,
      cols,
      from: [name],
      values: ([values = new Float32Array(0)]) => change(values),
    })
  }

  /**
   * One narrow matrix [rows, cols] out of `count` that lie in a tensor: below each other, or, where the file has them transposed,
   * [cols, count * rows] or [count, cols, rows] by its shape.
   */
  narrow(
    name: string,
    { rows, cols, transposed, index = 0, count = 1 }: NarrowShape & { transposed: boolean },
  ): WeightRef {
    const info = this.info(name)
    if (sizeOf(info) !== rows * cols * count) {
      throw wrongShape(name, info.shape, transposed ? [count, cols, rows] : [count, rows, cols])
    }
    const label = count === 1 ? name : `${name} ${index}`
    const part = (length: number): RowRange => ({ from: index * length, to: (index + 1) * length })
    if (!transposed) {
      if (count === 1) return this.#add(label, { kind: 'stored', tensor: name })
      return this.#add(label, { kind: 'stored', tensor: name, rows: [part(rows)] })
    }
    const stacked = info.shape.length > 2
    return this.#add(label, {
      kind: 'transposed',
      tensor: name,
      rows: stacked ? part(cols) : { from: 0, to: cols },
      cols: stacked ? { from: 0, to: rows } : part(rows),
    })
  }

  /** Throws `bad-file` for a tensor that is not there. */
  info(name: string): TensorInfo {
    const info = this.tensor(name)
    if (info === undefined) throw missingTensor(name)
    return info
  }

  #add(label: string, source: WeightSource): WeightRef {
    this.sources.set(label, source)
    return { weight: label }
  }
}

interface NarrowShape {
  rows: number
  cols: number
  index?: number
  count?: number
}

export function sizeOf(info: TensorInfo): number {
  return info.shape.reduce((product, extent) => product * extent, 1)
}

function same(values: Float32Array): Float32Array {
  return values
}
