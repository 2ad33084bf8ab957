// Rows for attention: every shape of heads, and every way to choose and weigh the rows it looks at.
import { GraphBuilder, type StateType } from '../../engine/graph/graph'
import { input, inputRows, opCase, range, type OpCase } from './op-case'

/** The last and first rows of tiles, of parts and of windows, with tokens between. */
const farPositions = [0, 1, 62, 63, 64, 200, 1022, 1023, 1024, 1500, 2046, 2047, 2048, 3000, 4095, 4096, 4500]

/**
 * Tokens of each step of an attention: `long` makes every kernel go several rounds over the cache, and `far` is of one token here and
 * there behind rows of zeros, up to where parts of the rows have several rounds.
 */
const attentionSteps = {
  prefill: [33, 1, 7, 33, 2, 33, 32],
  decode: Array<number>(70).fill(1),
  long: [150, 150, 1, 30],
  far: Array<number>(farPositions.length).fill(1),
} as const

/** For kernels that read many rows in parts, and those that are chosen; the processor takes long for each. */
export const farAttentionCases: readonly OpCase[] = [
  ...(['f32', 'f16', 'q8_0'] as const).flatMap((cache) => [
    attentionCase(3, 3, 32, 'far', { cache }),
    attentionCase(9, 3, 64, 'far', { cache, window: 1100 }),
    attentionCase(7, 1, 96, 'far', { cache, valueDim: 64, softcap: 2 }),
  ]),
  attentionCase(11, 1, 256, 'far', { cache: 'f16' }),
]

export const attentionCases: readonly OpCase[] = [
  // heads, kv heads, head size: groups of 1, 3 and 7, sizes with and without a factor of 4, and the largest.
  ...(
    [
      [2, 2, 16],
      [9, 3, 64],
      [7, 1, 80],
      [4, 2, 128],
      [2, 1, 256],
      [3, 3, 18],
      [3, 1, 6],
      [2, 1, 254],
    ] as const
  ).flatMap(([heads, kvHeads, headDim]) => [
    attentionCase(heads, kvHeads, headDim, 'prefill'),
    attentionCase(heads, kvHeads, headDim, 'decode'),
  ]),
  // Windows that end inside a round of a kernel and at its border, and the narrowest.
  ...[1, 20, 64, 1000].flatMap((window) => [
    attentionCase(4, 2, 16, 'prefill', { window }),
    attentionCase(4, 2, 16, 'decode', { window }),
  ]),
  ...(['prefill', 'decode'] as const).flatMap((plan) => [
    attentionCase(4, 2, 96, plan, { valueDim: 64 }),
    attentionCase(2, 1, 16, plan, { valueDim: 6 }),
    attentionCase(2, 2, 6, plan, { valueDim: 256 }),
    attentionCase(4, 2, 16, plan, { softcap: 0.7 }),
    // So low a cap that most scores are far beyond it.
    attentionCase(4, 2, 64, plan, { softcap: 0.02 }),
    attentionCase(5, 5, 16, plan, { slopes: true }),
    attentionCase(4, 2, 16, plan, { chunks: 20 }),
    attentionCase(3, 1, 18, plan, { chunks: 32, valueDim: 10, window: 45, softcap: 2, slopes: true }),
  ]),
  attentionCase(4, 2, 16, 'prefill', { prefix: 20 }),
  attentionCase(3, 1, 18, 'prefill', { prefix: 33, slopes: true, softcap: 2 }),
  // Other types of caches: rows of an even and an odd number of blocks, and of a part of a word of scales.
  ...(
    [
      [2, 2, 16, 'f16'],
      [9, 3, 64, 'f16'],
      [7, 1, 80, 'f16'],
      [2, 1, 256, 'f16'],
      [9, 3, 64, 'q8_0'],
      [5, 1, 32, 'q8_0'],
      [2, 2, 32, 'q8_0'],
      [6, 3, 96, 'q8_0'],
      [2, 1, 256, 'q8_0'],
    ] as const
  ).flatMap(([heads, kvHeads, headDim, cache]) => [
    attentionCase(heads, kvHeads, headDim, 'prefill', { cache }),
    attentionCase(heads, kvHeads, headDim, 'decode', { cache }),
  ]),
  ...(['f16', 'q8_0'] as const).flatMap((cache) => [
    attentionCase(6, 2, 96, 'prefill', { cache, valueDim: 64, window: 20 }),
    attentionCase(3, 1, 32, 'prefill', { cache, chunks: 32, softcap: 2, slopes: true }),
    attentionCase(3, 1, 32, 'prefill', { cache, prefix: 33 }),
    attentionCase(4, 2, 64, 'long', { cache, window: 270 }),
  ]),
  attentionCase(4, 2, 16, 'long'),
  attentionCase(4, 2, 16, 'long', { window: 270 }),
  attentionCase(4, 2, 16, 'long', { chunks: 150 }),
]

interface AttentionOptions {
  readonly valueDim?: number
  readonly window?: number
  readonly softcap?: number
  readonly slopes?: boolean
  readonly prefix?: number
  readonly chunks?: number
  readonly cache?: StateType
}

// Also the test of append: what attention reads was appended by this step and the ones before.
function attentionCase(
  heads: number,
  kvHeads: number,
  headDim: number,
  plan: keyof typeof attentionSteps,
  options: AttentionOptions = {},
): OpCase {
  const { valueDim = headDim, window, softcap, slopes = false, prefix = 0, chunks, cache = 'f32' } = options
  const g = new GraphBuilder()
  const q = input(g, 'q', heads * headDim)
  const k = input(g, 'k', kvHeads * headDim)
  const v = input(g, 'v', kvHeads * valueDim)
  const others = chunks && {
    length: chunks,
    successive: input(g, 'successive', q.cols),
    inter: input(g, 'inter', q.cols),
  }
  const kCache = { state: 'k cache', type: cache }
  const vCache = { state: 'v cache', type: cache }
  g.push({ op: 'append', x: k, cache: kCache })
  g.push({ op: 'append', x: v, cache: vCache })
  const out = g.value('tokens', heads * valueDim, 'mixed')
  g.push({
    op: 'attention',
    q,
    k: kCache,
    v: vCache,
    heads,
    kvHeads,
    headDim,
    valueDim,
    scale: 4 / Math.sqrt(headDim),
    window,
    softcap,
    slopes: slopes ? { weight: 'slopes' } : undefined,
    prefix: prefix > 0,
    chunks: others || undefined,
    out,
  })
  const extra = Object.entries(options).map(([name, value]) => `, ${name} ${value}`)
  const name = `attention ${plan} ${heads} heads on ${kvHeads} of ${headDim}${extra.join('')}`
  const counts = attentionSteps[plan]
  const steps = counts.map((count, index) => ({
    tokens: range(count, count === 1 ? 5 * index : index),
    position:
      plan === 'far' ? (farPositions[index] ?? 0) : counts.slice(0, index).reduce((sum, n) => sum + n, 0),
    prefix,
  }))
  const weight = (cols: number): OpCase['weights'][string] => ({ type: 'f32', rows: inputRows, cols })
  const capacity = Math.max(150, ...steps.map(({ tokens, position }) => position + tokens.length))
  return opCase(name, 'attention', g, out, {
    weights: {
      q: weight(q.cols),
      k: weight(k.cols),
      v: weight(v.cols),
      ...(slopes ? { slopes: { type: 'f32', rows: 1, cols: heads } } : {}),
      ...(others ? { successive: weight(q.cols), inter: weight(q.cols) } : {}),
    },
    states: {
      'k cache': { rows: capacity, cols: k.cols, type: cache },
      'v cache': { rows: capacity, cols: v.cols, type: cache },
    },
    steps,
    // Where a value lies between two quants, one backend may take the one and another the other.
    ...(cache === 'q8_0' && { tolerance: 3e-6 }),
  })
}
