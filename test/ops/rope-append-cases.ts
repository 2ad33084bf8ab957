// Rows for turning and appending at once: the result of an attention over what was appended.
import { GraphBuilder, type Columns, type StateType } from '../../engine/graph/graph'
import { input, inputRows, manySteps, opCase, type OpCase } from './op-case'

interface Heads {
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
  readonly valueDim: number
  readonly from: number
  readonly rotaryDims: number
}

/** Which of q, k and v are columns of one value. */
type Stack = 'none' | 'q k' | 'q k v'

/** Of which heads take whole units. */
const cacheTypes = [
  { type: 'f32', unit: 1 },
  { type: 'f16', unit: 8 },
  { type: 'q8_0', unit: 32 },
] as const

export const ropeAppendCases: readonly OpCase[] = [
  // All of a head turns, half of it, its end, and a middle part; groups of 1, 3 and 2 heads.
  ...[
    { heads: 3, kvHeads: 3, headDim: 16, valueDim: 16, from: 0, rotaryDims: 16 },
    { heads: 9, kvHeads: 3, headDim: 64, valueDim: 64, from: 0, rotaryDims: 64 },
    { heads: 2, kvHeads: 1, headDim: 80, valueDim: 80, from: 0, rotaryDims: 40 },
    { heads: 3, kvHeads: 1, headDim: 32, valueDim: 32, from: 0, rotaryDims: 32 },
    { heads: 4, kvHeads: 2, headDim: 96, valueDim: 64, from: 64, rotaryDims: 32 },
    { heads: 2, kvHeads: 1, headDim: 18, valueDim: 10, from: 4, rotaryDims: 6 },
  ].flatMap((heads) =>
    (['half', 'interleaved'] as const).flatMap((pairs) =>
      (['none', 'q k', 'q k v'] as const).flatMap((stack) =>
        cacheTypes
          .filter(({ unit }) => heads.headDim % unit === 0 && heads.valueDim % unit === 0)
          .map(({ type }) => ropeAppendCase(heads, pairs, stack, type)),
      ),
    ),
  ),
]

function ropeAppendCase(heads: Heads, pairs: 'half' | 'interleaved', stack: Stack, cache: StateType): OpCase {
  const g = new GraphBuilder()
  const { headDim, valueDim, rotaryDims } = heads
  const widths = { q: heads.heads * headDim, k: heads.kvHeads * headDim, v: heads.kvHeads * valueDim }
  const tables = new Map<string, number>()
  const columns = (name: keyof typeof widths): Columns => {
    const parts = (['q', 'k', 'v'] as const).filter((part) => stack.includes(part))
    const inputs = parts.includes(name) ? parts : [name]
    const label = inputs.join(' ')
    const sum = (count: number): number => inputs.slice(0, count).reduce((all, part) => all + widths[part], 0)
    tables.set(label, sum(inputs.length))
    return { value: values.get(label) ?? made(label, sum(inputs.length)), from: sum(inputs.indexOf(name)) }
  }
  const values = new Map<string, Columns['value']>()
  const made = (label: string, cols: number): Columns['value'] => {
    const value = input(g, label, cols)
    values.set(label, value)
    return value
  }
  const [q, k, v] = [columns('q'), columns('k'), columns('v')]
  const turned = g.value('tokens', widths.q, 'turned')
  const [keys, cached] = [
    { state: 'keys', type: cache },
    { state: 'values', type: cache },
  ]
  const table = { weight: 'angles' }
  g.push({ op: 'rope-append', ...heads, q, k, v, table, pairs, keys, values: cached, out: turned })
  const out = g.value('tokens', heads.heads * valueDim, 'attention')
  g.push({
    op: 'attention',
    ...heads,
    q: turned,
    k: keys,
    v: cached,
    scale: 1 / Math.sqrt(headDim),
    window: undefined,
    softcap: undefined,
    slopes: undefined,
    prefix: false,
    chunks: undefined,
    out,
  })
  const { from } = heads
  const name = `rope-append ${pairs} ${heads.heads}/${heads.kvHeads}x${headDim}, ${rotaryDims} rotary from ${from}, stacked: ${stack}, ${cache}`
  return opCase(name, 'rope-append', g, out, {
    weights: {
      ...Object.fromEntries(
        [...tables].map(([label, cols]) => [label, { type: 'f32', rows: inputRows, cols }]),
      ),
      angles: { type: 'f32', rows: 128, cols: rotaryDims },
    },
    states: {
      keys: { rows: 128, cols: widths.k, type: cache },
      values: { rows: 128, cols: widths.v, type: cache },
    },
    steps: manySteps,
    // Where a value lies between two quants, one backend may take the one and another the other.
    tolerance: cache === 'q8_0' ? 3e-6 : 1e-10,
  })
}
