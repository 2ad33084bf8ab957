// One row of the tables that backends are compared on: a graph, its weights and states, and the steps to run.
import type { StepInput } from '../../engine/backend/backend'
import type { TensorType } from '../../engine/format/ggml-types'
import type { Graph, GraphBuilder, Operation, StateType, Value } from '../../engine/graph/graph'

export interface OpCase {
  readonly name: string
  readonly op: Operation['op']
  readonly weights: Readonly<Record<string, CaseWeight>>
  readonly states: Readonly<Record<string, { rows: number; cols: number; type?: StateType }>>
  readonly graph: Graph
  readonly maxTokens: number
  readonly outputs: 'last' | 'all'
  /** The result after each of them is compared. */
  readonly steps: readonly StepInput[]
  /** Largest mean square difference, relative to the mean square of the result. */
  readonly tolerance: number
}

export interface CaseWeight {
  readonly type: TensorType
  readonly rows: number
  readonly cols: number
  /** Of f32: whether each 32 values are multiples of a 127th of the largest, so that rounding them to 8 bits changes nothing. */
  readonly isRounded?: boolean
}

/** Rows of the tables that stand for inputs; a step's tokens choose among them. */
export const inputRows = 64

/** Steps of many tokens and of one, each after the one before. */
export const manySteps: readonly StepInput[] = [
  { tokens: range(7, 0), position: 0 },
  { tokens: range(33, 1), position: 7 },
  { tokens: range(1, 2), position: 40 },
  { tokens: range(2, 3), position: 41 },
]

/** A row with the values that most rows have: all outputs, no states, and the precision of sums in float32. */
export function opCase(
  name: string,
  op: Operation['op'],
  g: GraphBuilder,
  result: Value,
  rest: Pick<OpCase, 'weights' | 'steps'> & Partial<OpCase>,
): OpCase {
  const maxTokens = Math.max(...rest.steps.map((step) => step.tokens.length))
  return {
    name,
    op,
    graph: g.build(result),
    states: {},
    maxTokens,
    outputs: 'all',
    tolerance: 1e-11,
    ...rest,
  }
}

/** A value of one op's test: rows of the table `name`, chosen by the step's tokens, times `scale`. */
export function input(g: GraphBuilder, name: string, cols: number, scale = 1): Value {
  const out = g.value('tokens', cols, name)
  g.push({ op: 'embed', table: { weight: name }, scale, out })
  return out
}

/** Different rows of the tables that stand for inputs. */
export function range(count: number, shift: number): number[] {
  return [...Array(count).keys()].map((i) => (i * 3 + shift * 11) % inputRows)
}
