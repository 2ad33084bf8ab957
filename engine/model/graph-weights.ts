// Collects the weights a graph reads while it is being built, and where in the file each of them lies.
import type { PackedPart, PackedRows, Presence, TensorName } from '../arch/spec'
import type { WeightRef } from '../graph/graph'
import { missingTensor, type ModelConfig } from './config'
import type { RowRange, WeightSource } from './weights'

/** Methods that name a tensor throw EngineError `bad-file` when the file lacks one that it must have. */
export class GraphWeights {
  readonly sources = new Map<string, WeightSource>()
  readonly #rows: Readonly<Record<PackedPart, number>>

  constructor(
    private readonly config: ModelConfig,
    /** Whether the file has a tensor. */
    readonly has: (tensor: string) => boolean,
  ) {
    this.#rows = {
      q: config.heads * config.headDim,
      k: config.kvHeads * config.headDim,
      v: config.kvHeads * config.valueDim,
      gate: config.ffn,
      up: config.ffn,
    }
  }

  add(name: string, source: WeightSource): WeightRef {
    this.sources.set(name, source)
    return { weight: name }
  }

  weight(name: TensorName): WeightRef {
    return this.#stored(this.#pick(name), 'weight')
  }

  bias(name: TensorName, presence: Presence): WeightRef | undefined {
    const choice = this.#pick(name)
    if (presence === 'absent') return undefined
    if (presence === 'optional' && !this.has(`${tensorOf(choice)}.bias`)) return undefined
    return this.#stored(choice, 'bias')
  }

  /** Rows of a tensor that the spec does not name as a part. */
  rows(tensor: string, part: string, rows: readonly RowRange[]): WeightRef {
    const name = `${tensor}.weight`
    if (!this.has(name)) throw missingTensor(name)
    return this.add(`${name}:${part}`, { kind: 'stored', tensor: name, rows })
  }

  #stored(choice: string | PackedRows, kind: 'weight' | 'bias'): WeightRef {
    const tensor = `${tensorOf(choice)}.${kind}`
    if (!this.has(tensor)) throw missingTensor(tensor)
    if (typeof choice === 'string') return this.add(tensor, { kind: 'stored', tensor })
    return this.add(`${tensor}:${choice.part}`, { kind: 'stored', tensor, rows: this.#rowsOf(choice) })
  }

  #pick(name: TensorName): string | PackedRows {
    if (typeof name === 'string' || 'tensor' in name) return name
    const found = name.find((choice) => this.has(`${tensorOf(choice)}.weight`))
    if (found !== undefined) return found
    throw missingTensor(name.map((choice) => `${tensorOf(choice)}.weight`).join('" or "'))
  }

  #rowsOf({ order, part, byHead }: PackedRows): RowRange[] {
    const heads = byHead ? this.config.heads : 1
    const widths = order.map((name) => this.#rows[name] / heads)
    const sum = (count: number): number => widths.slice(0, count).reduce((total, width) => total + width, 0)
    return rowsOfHeads(heads, sum(order.length), sum(order.indexOf(part)), this.#rows[part] / heads)
  }
}

/** `count` rows from row `first` of each of `heads` blocks of `height` rows. */
export function rowsOfHeads(heads: number, height: number, first: number, count: number): RowRange[] {
  return Array.from({ length: heads }, (_, head) => {
    const from = head * height + first
    return { from, to: from + count }
  })
}

function tensorOf(name: string | PackedRows): string {
  return typeof name === 'string' ? name : name.tensor
}
