// Rows for operations with a state of fixed size: steps of many tokens and of one, each going on from the state of the one before.
import { GraphBuilder, type Activation, type Value } from '../../engine/graph/graph'
import { input, inputRows, manySteps, opCase, type OpCase } from './op-case'

export const recurrentCases: readonly OpCase[] = [
  shiftCase(false),
  shiftCase(true),
  wkv4Case(70, 4),
  wkv4Case(129, 4),
  wkv4Case(70, 200),
  // heads and head size: odd sizes, the usual one, one above it, and the largest.
  ...(
    [
      [2, 8],
      [3, 10],
      [2, 64],
      [1, 65],
      [2, 128],
    ] as const
  ).flatMap(([heads, headDim]) => [
    wkv5Case(heads, headDim, 'weight'),
    wkv5Case(heads, headDim, 'value'),
    wkv7Case(heads, headDim),
  ]),
  bonusCase(5, 10),
  bonusCase(2, 65),
]

function shiftCase(hasDynamic: boolean): OpCase {
  const cols = 70
  const g = new GraphBuilder()
  const x = input(g, 'x', cols)
  const dynamic = hasDynamic ? input(g, 'dynamic', cols) : undefined
  const out = g.value('tokens', cols, 'mixed')
  g.push({ op: 'shift-mix', x, previous: { state: 'last' }, weight: { weight: 'w' }, dynamic, out })
  g.push({ op: 'keep-last', x, state: { state: 'last' } })
  return opCase(`shift-mix${hasDynamic ? ' +dynamic' : ''}`, 'shift-mix', g, out, {
    weights: {
      ...tables(cols, hasDynamic ? ['x', 'dynamic'] : ['x']),
      w: { type: 'f16', rows: 1, cols },
    },
    states: { last: { rows: 1, cols } },
    steps: manySteps,
  })
}

/** Keys are between -reach and reach. */
function wkv4Case(cols: number, reach: number): OpCase {
  const g = new GraphBuilder()
  const k = input(g, 'k', cols, reach)
  const v = input(g, 'v', cols)
  const out = g.value('tokens', cols, 'mixed')
  const state = { state: 'sums' }
  g.push({ op: 'wkv-4', k, v, decay: { weight: 'decay' }, first: { weight: 'first' }, state, out })
  return opCase(`wkv-4 of ${cols} columns, keys to ${reach}`, 'wkv-4', g, out, {
    weights: {
      ...tables(cols, ['k', 'v']),
      decay: { type: 'f32', rows: 1, cols },
      first: { type: 'f32', rows: 1, cols },
    },
    states: { sums: { rows: 3, cols } },
    steps: manySteps,
    // What float32 rounds off a large key changes its exponential as much.
    tolerance: reach > 100 ? 1e-9 : 1e-11,
  })
}

function wkv5Case(heads: number, headDim: number, decayIs: 'weight' | 'value'): OpCase {
  const cols = heads * headDim
  const g = new GraphBuilder()
  const [r, k, v] = [input(g, 'r', cols), input(g, 'k', cols), input(g, 'v', cols)]
  const decay =
    decayIs === 'weight' ? { weight: 'decay' } : activated(g, input(g, 'decays', cols, 4), 'exp-neg-exp')
  const out = g.value('tokens', cols, 'mixed')
  const state = { state: 'heads' }
  g.push({ op: 'wkv-5', r, k, v, decay, first: { weight: 'first' }, heads, state, out })
  return opCase(`wkv-5 ${heads}x${headDim}, decay a ${decayIs}`, 'wkv-5', g, out, {
    weights: {
      ...tables(cols, ['r', 'k', 'v', 'decays']),
      decay: { type: 'f32', rows: 1, cols },
      first: { type: 'f32', rows: 1, cols },
    },
    states: { heads: { rows: cols, cols: headDim } },
    steps: manySteps,
  })
}

function wkv7Case(heads: number, headDim: number): OpCase {
  const cols = heads * headDim
  const g = new GraphBuilder()
  const [r, k, v] = [input(g, 'r', cols), input(g, 'k', cols), input(g, 'v', cols)]
  const decay = activated(g, input(g, 'decay', cols, 4), 'sigmoid')
  const rate = activated(g, input(g, 'rate', cols, 4), 'sigmoid')
  const removal = g.value('tokens', cols, 'removal')
  g.push({ op: 'l2-norm', x: input(g, 'removal', cols), group: headDim, eps: 1e-12, out: removal })
  const out = g.value('tokens', cols, 'mixed')
  g.push({ op: 'wkv-7', r, decay, k, v, removal, rate, heads, state: { state: 'heads' }, out })
  return opCase(`wkv-7 ${heads}x${headDim}`, 'wkv-7', g, out, {
    weights: tables(cols, ['r', 'decay', 'k', 'v', 'removal', 'rate']),
    states: { heads: { rows: cols, cols: headDim } },
    steps: manySteps,
  })
}

function bonusCase(heads: number, headDim: number): OpCase {
  const cols = heads * headDim
  const g = new GraphBuilder()
  const [x, r, k, v] = [input(g, 'x', cols), input(g, 'r', cols), input(g, 'k', cols), input(g, 'v', cols)]
  const out = g.value('tokens', cols, 'result')
  g.push({ op: 'add-bonus', x, r, k, v, weight: { weight: 'w' }, group: headDim, out })
  return opCase(`add-bonus ${heads}x${headDim}`, 'add-bonus', g, out, {
    weights: { ...tables(cols, ['x', 'r', 'k', 'v']), w: { type: 'f32', rows: 1, cols } },
    steps: manySteps,
  })
}

function activated(g: GraphBuilder, x: Value, activation: Activation): Value {
  const out = g.value('tokens', x.cols, activation)
  g.push({ op: 'activate', activation, x, out })
  return out
}

function tables(cols: number, names: readonly string[]): OpCase['weights'] {
  return Object.fromEntries(names.map((name) => [name, { type: 'f32', rows: inputRows, cols }]))
}
