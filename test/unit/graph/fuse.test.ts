// Fusion: what is found in a graph, what is left alone because it would change an answer, and what is stacked.
import assert from 'node:assert/strict'
import { fuse, type Fusion } from '../../../engine/graph/fuse'
import {
  GraphBuilder,
  outputOf,
  whole,
  type Graph,
  type RopeAxis,
  type StateType,
  type Value,
} from '../../../engine/graph/graph'
import { makePlan } from '../../../engine/graph/plan'

interface Block {
  readonly bias?: 'q k v' | 'v' | ''
  readonly layout?: (weight: string) => string | undefined
  /** A second reader of what q is turned from, or of what it is turned to. */
  readonly reader?: 'q' | 'turned q'
  readonly axis?: RopeAxis
  readonly keyTable?: string
  readonly wanted?: readonly Fusion[]
  readonly cache?: StateType
}

const plain = 'embed matmul matmul matmul rope append append rope attention'

// Every row is the block, what it becomes, and what is stacked.
const rows: readonly [string, Block, string, string][] = [
  ['all of it', {}, 'embed matmul rope-append attention', 'q k v'],
  ['nothing is wanted', { wanted: [] }, plain, ''],
  [
    'no stacking is wanted',
    { wanted: ['rope-append'] },
    'embed matmul matmul matmul rope-append attention',
    '',
  ],
  ['stacking has nothing to stack without the reader', { wanted: ['stacked'] }, plain, ''],
  ['biases are stacked, too', { bias: 'q k v' }, 'embed matmul rope-append attention', 'q k v, q.b k.b v.b'],
  ['a bias stands alone', { bias: 'v' }, 'embed matmul matmul rope-append attention', 'q k'],
  [
    'v has another type',
    { layout: (weight) => (weight === 'v' ? 'q6_k' : 'q4_k') },
    'embed matmul matmul rope-append attention',
    'q k',
  ],
  ['three types', { layout: (weight) => weight }, 'embed matmul matmul matmul rope-append attention', ''],
  [
    'a weight that is no part',
    { layout: (weight) => (weight === 'k' ? undefined : 'f16') },
    'embed matmul matmul rope-append attention',
    'q v',
  ],
  ['somebody else reads q', { reader: 'q' }, 'embed matmul matmul rope-append attention add', 'k v'],
  ['somebody else reads the turned q', { reader: 'turned q' }, `${plain} add`, ''],
  ['a way that is not the position', { axis: 'prefix' }, plain, ''],
  ['q and k turn by different tables', { keyTable: 'other' }, plain, ''],
  ['a cache of half floats', { cache: 'f16' }, 'embed matmul rope-append attention', 'q k v'],
  ['a cache of blocks', { cache: 'q8_0' }, 'embed matmul rope-append attention', 'q k v'],
]

interface GatedBlock {
  readonly cols?: number
  readonly bias?: 'gate up' | 'up'
  readonly upScale?: number
  /** A second reader of the product that is let through. */
  readonly reader?: true
  /** Columns of one product, as some files have it. */
  readonly packed?: true
  readonly layout?: (weight: string) => string | undefined
  readonly wanted?: readonly Fusion[]
}

// The same for a gate.
const gatedRows: readonly [string, GatedBlock, string, string][] = [
  ['a gate', {}, 'embed matmul', 'gate up by 8'],
  ['a gate with biases', { bias: 'gate up' }, 'embed matmul', 'gate up by 8, gate.b up.b'],
  ['stacking only', { wanted: ['stacked'] }, 'embed matmul gated', 'gate up'],
  ['turns that do not come out even', { cols: 20 }, 'embed matmul gated', 'gate up'],
  ['a bias of one', { bias: 'up' }, 'embed matmul matmul gated', ''],
  ['two scales', { upScale: 2 }, 'embed matmul matmul gated', ''],
  ['two types', { layout: (weight) => weight }, 'embed matmul matmul gated', ''],
  ['somebody else reads the product', { reader: true }, 'embed matmul matmul gated add', ''],
  ['a product that both are columns of', { packed: true }, 'embed matmul gated', ''],
]

interface NormedBlock {
  /** How many products read the norm. */
  readonly products?: number
  /** Columns of each product; the norm has 32. */
  readonly cols?: number
  /** What else reads it: an addition, or the addition of the product itself. */
  readonly reader?: 'add' | 'product'
  readonly group?: number
  readonly isResult?: true
  readonly layout?: (weight: string) => string | undefined
  readonly wanted?: readonly Fusion[]
}

// The same for a norm.
const normedRows: readonly [string, NormedBlock, string, string][] = [
  ['a norm', {}, 'embed matmul', ''],
  ['a norm that two products read', { products: 2 }, 'embed matmul matmul', ''],
  ['no norm is wanted', { wanted: ['stacked'] }, 'embed rms-norm matmul', ''],
  ['a narrow product', { wanted: ['normed-narrow-product'], cols: 96 }, 'embed matmul', ''],
  ['a wide product', { wanted: ['normed-narrow-product'], cols: 97 }, 'embed rms-norm matmul', ''],
  ['a norm of groups', { group: 16 }, 'embed rms-norm matmul', ''],
  ['a norm that is added, too', { reader: 'add' }, 'embed rms-norm matmul add', ''],
  ['a norm that its product is added to', { reader: 'product' }, 'embed rms-norm matmul', ''],
  ['a norm that is read back', { isResult: true }, 'embed rms-norm matmul', ''],
]

describe('fuse', () => {
  for (const [name, block, operations, stacks] of rows)
    it(name, () => check(build(block), block, operations, stacks))
  for (const [name, block, operations, stacks] of gatedRows)
    it(name, () => check(buildGated(block), block, operations, stacks))
  for (const [name, block, operations, stacks] of normedRows)
    it(name, () => check(buildNormed(block), block, operations, stacks))
})

function check(
  graph: Graph,
  {
    wanted = ['rope-append', 'gated-product', 'stacked', 'normed-product'],
    layout = () => 'q4_0',
  }: Block | GatedBlock | NormedBlock,
  operations: string,
  stacks: string,
): void {
  const fused = fuse(graph, new Set(wanted), layout)
  assert.equal(fused.graph.operations.map(({ op }) => op).join(' '), operations)
  const found = [...fused.stacks.values()].map(({ parts, inTurn }) =>
    [...parts, ...(inTurn === undefined ? [] : [`by ${inTurn}`])].join(' '),
  )
  assert.equal(found.join(', '), stacks)
  assert.equal(fused.graph.result, graph.result)
  // Throws nothing only when every value is computed before it is read.
  const { slotOf } = makePlan(fused.graph, { maxTokens: 4, outputs: 'last' })
  assert.ok(fused.graph.operations.every((operation) => slotOf.has(outputOf(operation)?.id ?? 0)))
}

function build({ bias = '', axis = 'position', keyTable = 'angles', reader, cache = 'f32' }: Block): Graph {
  const g = new GraphBuilder()
  const x = g.value('tokens', 32, 'x')
  g.push({ op: 'embed', table: { weight: 'table' }, scale: 1, out: x })
  const [q, k, v] = (['q', 'k', 'v'] as const).map((name) => {
    const out = g.value('tokens', name === 'q' ? 32 : 16, name)
    const ref = bias.includes(name) ? { weight: `${name}.b` } : undefined
    g.push({ op: 'matmul', weight: { weight: name }, bias: ref, scale: 1, x, add: undefined, out })
    return out
  })
  if (!q || !k || !v) throw new Error('three products')
  const turn = (from: Value, heads: number, table: string): Value => {
    const out = g.value('tokens', from.cols, `turned ${from.label}`)
    const shape = { headDim: 8, from: 0, rotaryDims: 8, pairs: 'half', axis } as const
    g.push({ op: 'rope', ...shape, x: from, table: { weight: table }, heads, out })
    return out
  }
  const [keys, values] = [
    { state: 'keys', type: cache },
    { state: 'values', type: cache },
  ]
  g.push({ op: 'append', x: turn(k, 2, keyTable), cache: keys })
  g.push({ op: 'append', x: v, cache: values })
  const turned = turn(q, 4, 'angles')
  const mixed = g.value('tokens', 32, 'mixed')
  g.push({
    op: 'attention',
    q: turned,
    k: keys,
    v: values,
    heads: 4,
    kvHeads: 2,
    headDim: 8,
    valueDim: 8,
    scale: 1,
    window: undefined,
    softcap: undefined,
    slopes: undefined,
    prefix: false,
    chunks: undefined,
    out: mixed,
  })
  if (!reader) return g.build(mixed)
  const sum = g.value('tokens', 32, 'sum')
  g.push({ op: 'add', x: mixed, scale: 1, y: reader === 'q' ? q : turned, out: sum })
  return g.build(sum)
}

function buildGated({ cols = 24, bias, upScale = 1, reader, packed }: GatedBlock): Graph {
  const g = new GraphBuilder()
  const x = g.value('tokens', 32, 'x')
  g.push({ op: 'embed', table: { weight: 'table' }, scale: 1, out: x })
  const multiply = (name: string, width: number, scale: number): Value => {
    const out = g.value('tokens', width, name)
    const ref = bias?.includes(name) ? { weight: `${name}.b` } : undefined
    g.push({ op: 'matmul', weight: { weight: name }, bias: ref, scale, x, add: undefined, out })
    return out
  }
  const out = g.value('tokens', cols, 'gated')
  if (packed) {
    const both = multiply('gate and up', 2 * cols, 1)
    const [gate, up] = [0, cols].map((from) => ({ value: both, from }))
    if (gate && up) g.push({ op: 'gated', activation: 'silu', gate, up, out })
    return g.build(out)
  }
  const gate = multiply('gate', cols, 1)
  const up = multiply('up', cols, upScale)
  g.push({ op: 'gated', activation: 'silu', gate: whole(gate), up: whole(up), out })
  if (!reader) return g.build(out)
  const sum = g.value('tokens', cols, 'sum')
  g.push({ op: 'add', x: up, scale: 1, y: out, out: sum })
  return g.build(sum)
}

function buildNormed({ products = 1, cols = 32, reader, group = 32, isResult }: NormedBlock): Graph {
  const g = new GraphBuilder()
  const x = g.value('tokens', 32, 'x')
  g.push({ op: 'embed', table: { weight: 'table' }, scale: 1, out: x })
  const normed = g.value('tokens', 32, 'normed')
  g.push({ op: 'rms-norm', x, weight: { weight: 'norm' }, group, eps: 1e-5, offset: 0, out: normed })
  const outs = Array.from({ length: products }, (_, i) => {
    const out = g.value('tokens', cols, `product ${i}`)
    const add = reader === 'product' ? normed : undefined
    g.push({ op: 'matmul', weight: { weight: `w${i}` }, bias: undefined, scale: 1, x: normed, add, out })
    return out
  })
  const [product = x] = outs
  if (isResult) return g.build(normed)
  if (reader !== 'add') return g.build(product)
  const sum = g.value('tokens', 32, 'sum')
  g.push({ op: 'add', x: product, scale: 1, y: normed, out: sum })
  return g.build(sum)
}
