// Turns a graph into a plan: which buffer each value lives in, so that a long chain of values needs a handful of buffers.
import { inputsOf, outputOf, type Graph, type Operation, type Value } from './graph'

export interface PlanOptions {
  /** Most tokens a step may carry. 1 is the decode plan; backends may pick other kernels for it. */
  maxTokens: number
  /** Whether logits are wanted for the last position only, or for every token of the step. */
  outputs: 'last' | 'all'
}

export interface Plan {
  readonly maxTokens: number
  readonly outputs: 'last' | 'all'
  readonly operations: readonly Operation[]
  readonly result: Value
  /** Slot of each value, by value id. Two values share a slot when their lives do not overlap. */
  readonly slotOf: ReadonlyMap<number, number>
  /** Size of each slot in f32 elements. */
  readonly slotSizes: readonly number[]
}

/** Lays out a graph. An operation's output never shares a slot with one of its inputs, so kernels may read while writing. */
export function makePlan(graph: Graph, options: PlanOptions): Plan {
  const lastUse = new Map<number, number>()
  graph.operations.forEach((operation, index) => {
    for (const input of inputsOf(operation)) lastUse.set(input.id, index)
  })
  lastUse.set(graph.result.id, graph.operations.length)

  const slotOf = new Map<number, number>()
  const slotSizes: number[] = []
  const free: number[] = []
  graph.operations.forEach((operation, index) => {
    const out = outputOf(operation)
    if (out) {
      const size = rowCount(out, options) * out.cols
      const slot = takeSlot(free, slotSizes, size)
      slotOf.set(out.id, slot)
      // A value nobody reads would keep its slot for ever.
      if (!lastUse.has(out.id)) free.push(slot)
    }
    for (const input of new Set(inputsOf(operation))) {
      const slot = slotOf.get(input.id)
      if (slot !== undefined && lastUse.get(input.id) === index) free.push(slot)
    }
  })
  return { ...options, operations: graph.operations, result: graph.result, slotOf, slotSizes }
}

function rowCount(value: Value, options: PlanOptions): number {
  return value.rows === 'outputs' && options.outputs === 'last' ? 1 : options.maxTokens
}

// Best fit, so that the one wide value of a layer does not make every slot wide.
function takeSlot(free: number[], slotSizes: number[], size: number): number {
  const fitting = free.filter((slot) => (slotSizes[slot] ?? 0) >= size)
  const pick = fitting.length > 0 ? smallest(fitting, slotSizes) : largest(free, slotSizes)
  if (pick === undefined) return slotSizes.push(size) - 1
  free.splice(free.indexOf(pick), 1)
  slotSizes[pick] = Math.max(slotSizes[pick] ?? 0, size)
  return pick
}

function smallest(slots: number[], sizes: number[]): number | undefined {
  return slots.toSorted((a, b) => (sizes[a] ?? 0) - (sizes[b] ?? 0))[0]
}

function largest(slots: number[], sizes: number[]): number | undefined {
  return smallest(
    slots.toReversed(),
    sizes.map((size) => -size),
  )
}
