// What a recurrent model remembers: a few numbers for each layer, however long the sequence. Copies of them are the only way back.
import type { Backend, Tensor } from '../backend/backend'
import { bytesOf as bytesOfTensors, ModelState } from './state'

export interface StateShape {
  readonly rows: number
  readonly cols: number
}

/** Bytes of one sequence's state, with the copies that are kept of it. */
export function recurrentStateBytes(shapes: ReadonlyMap<string, StateShape>): number {
  const bytes = bytesOf(shapes)
  return bytes * (2 + snapshotCount(bytes))
}

/** Rewinds to the longest checkpoint that is not longer than asked for: the newest ones, older ones further apart, and the start. */
export class RecurrentState extends ModelState {
  readonly rewindsAnywhere = false
  readonly takesBack = false
  readonly tensors: TensorSet
  /** By growing length; the first is the start of every sequence. */
  readonly #snapshots: Snapshot[] = []
  readonly #free: TensorSet[] = []
  #length = 0
  /** A step began and did not end, so the tensors are of no known length. */
  #torn = false

  constructor(
    private readonly backend: Backend,
    shapes: ReadonlyMap<string, StateShape>,
    readonly capacity: number,
  ) {
    super()
    const create = (): TensorSet => createSet(backend, shapes)
    this.tensors = create()
    try {
      this.#snapshots.push({ length: 0, tensors: create() })
      for (let i = 0; i < snapshotCount(bytesOf(shapes)); i++) this.#free.push(create())
    } catch (error) {
      this[Symbol.dispose]()
      throw error
    }
  }

  get length(): number {
    return this.#length
  }

  get bytes(): number {
    return this.#sets.reduce((sum, set) => sum + bytesOfTensors(set), 0)
  }

  begin(): void {
    this.#torn = true
  }

  advance(count: number): void {
    this.#torn = false
    this.#length += count
  }

  rewind(length: number): number {
    if (length >= this.#length && !this.#torn) return this.#length
    while (this.#newest.length > Math.max(0, length)) {
      const gone = this.#snapshots.pop()
      if (gone) this.#free.push(gone.tensors)
    }
    this.#copy(this.#newest.tensors, this.tensors)
    this.#torn = false
    this.#length = this.#newest.length
    return this.#length
  }

  checkpoint(): void {
    if (this.#torn || this.#newest.length === this.#length) return
    const tensors = this.#free.pop() ?? this.#takeLeastUseful()
    if (tensors === undefined) return
    this.#copy(this.tensors, tensors)
    this.#snapshots.push({ length: this.#length, tensors })
  }

  [Symbol.dispose](): void {
    for (const set of this.#sets) for (const tensor of set.values()) this.backend.destroy(tensor)
  }

  get #sets(): readonly TensorSet[] {
    return [this.tensors, ...this.#free, ...this.#snapshots.map(({ tensors }) => tensors)]
  }

  get #newest(): Snapshot {
    return this.#snapshots.at(-1) ?? { length: 0, tensors: this.tensors }
  }

  #copy(from: TensorSet, to: TensorSet): void {
    for (const [name, tensor] of from) {
      const target = to.get(name)
      if (target) this.backend.copyState(tensor, target)
    }
  }

  // What the next rewind loses without a checkpoint is the distance of its neighbors, and the longer ago, the rarer the rewind.
  #takeLeastUseful(): TensorSet | undefined {
    const loss = (i: number): number => {
      const before = this.#snapshots[i - 1]?.length ?? 0
      const after = this.#snapshots[i + 1]?.length ?? this.#length
      return (after - before) / (this.#length - (this.#snapshots[i]?.length ?? 0))
    }
    let least = 1
    for (let i = 2; i < this.#snapshots.length; i++) if (loss(i) < loss(least)) least = i
    return this.#snapshots.splice(least, 1)[0]?.tensors
  }
}

type TensorSet = ReadonlyMap<string, Tensor>

interface Snapshot {
  readonly length: number
  readonly tensors: TensorSet
}

const mostSnapshots = 8
const fewestSnapshots = 3
const snapshotBudgetBytes = 96_000_000

// A model of 1.5 billion parameters has 13 MB of state, one of 7 billion 35 MB.
function snapshotCount(bytes: number): number {
  return Math.max(fewestSnapshots, Math.min(mostSnapshots, Math.floor(snapshotBudgetBytes / bytes)))
}

function bytesOf(shapes: ReadonlyMap<string, StateShape>): number {
  let values = 0
  for (const { rows, cols } of shapes.values()) values += rows * cols
  return values * 4
}

function createSet(backend: Backend, shapes: ReadonlyMap<string, StateShape>): TensorSet {
  const tensors = new Map<string, Tensor>()
  try {
    for (const [name, { rows, cols }] of shapes) tensors.set(name, backend.createState(name, rows, cols))
  } catch (error) {
    for (const tensor of tensors.values()) backend.destroy(tensor)
    throw error
  }
  return tensors
}
