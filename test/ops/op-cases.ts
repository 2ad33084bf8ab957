// The table of operations and shapes that every backend is compared on. To cover a new operation, add rows here.
import { tensorTypes, type TensorType } from '../../engine/format/ggml-types'
import { GraphBuilder, type Activation, type RopeAxis, type RowNorm } from '../../engine/graph/graph'
import { attentionCases, farAttentionCases } from './attention-cases'
import { elementwiseCases } from './elementwise-cases'
import { input, inputRows, manySteps, opCase, range, type OpCase } from './op-case'
import { ropeAppendCases } from './rope-append-cases'
import { recurrentCases } from './recurrent-cases'

export const types = Object.keys(tensorTypes) as TensorType[]

/** Rows of matrices, and the steps of many tokens they meet: plans for two and for a few have kernels of their own. */
const heights: readonly { rows: number; steps: number[] }[] = [
  { rows: 1, steps: [2, 7, 33] },
  { rows: 37, steps: [2, 7, 33] },
  { rows: 83, steps: [2, 7, 8] },
  { rows: 45, steps: [2, 1] },
]

/** Shapes of matrices: rows that are no multiple of anything, columns that are a multiple of the block only. */
export function matmulCases(type: TensorType, tokens: 'one' | 'many'): OpCase[] {
  const { block } = tensorTypes[type]
  const widths = { 1: [32, 576, 50, 3], 32: [32, 96, 576], 256: [256, 768] }[block]
  return widths.flatMap((cols, i) =>
    heights.map(({ rows, steps }, j) => {
      const variant = (i + j) % 4
      return matmulCase(type, rows, cols, tokens === 'one' ? [1, 1, 1, 1] : steps, {
        bias: variant % 2 === 1,
        add: variant >= 2,
        scale: j === 1 ? 0.3 : 1,
      })
    }),
  )
}

/**
 * Those for kernels that round activations to 8 bits: with activations that this does not change, as exact as the others, and with
 * others, within the 0.4 % that values between -1 and 1 lose.
 */
export function roundingCases(type: TensorType, tokens: 'one' | 'many'): OpCase[] {
  const rows = matmulCases(type, tokens).filter(({ weights }) => (weights['x']?.cols ?? 0) % 32 === 0)
  return [
    ...rows.map((row) => {
      const x = { type: 'f32', rows: inputRows, cols: row.weights['x']?.cols ?? 0, isRounded: true } as const
      return { ...row, name: `${row.name}, rounded activations`, weights: { ...row.weights, x } }
    }),
    ...rows.map((row) => ({ ...row, name: `${row.name}, activations to round`, tolerance: 4e-5 })),
  ]
}

/** Products that norm what they multiply. */
export function normedMatmulCases(type: TensorType, tokens: 'one' | 'many'): OpCase[] {
  const { block } = tensorTypes[type]
  const widths = { 1: [576, 50, 3], 32: [32, 576], 256: [768] }[block]
  return widths.map((cols, i) =>
    matmulCase(type, 37, cols, tokens === 'one' ? [1, 1] : i === 0 ? [2, 1] : [33, 2, 7], {
      bias: i === 1,
      add: i === 0,
      scale: 0.3,
      norm: rowNorm,
    }),
  )
}

const rowNorm: RowNorm = { weight: { weight: 'norm' }, eps: 1e-2, offset: 0.5 }

/** Two matrices in one, whose products are gated: the shapes of `matmulCases` with rows in whole turns. */
export function gatedMatmulCases(type: TensorType, tokens: 'one' | 'many'): OpCase[] {
  const cols = { 1: 50, 32: 96, 256: 256 }[tensorTypes[type].block]
  return [
    gatedMatmulCase(type, 8, cols, tokens === 'one' ? [1] : [2, 1, 7], { gate: 'silu', bias: false }),
    gatedMatmulCase(type, 40, 768, tokens === 'one' ? [1] : [2, 7, 33], { gate: 'gelu-tanh', bias: true }),
    gatedMatmulCase(type, 24, 768, tokens === 'one' ? [1] : [2, 1], { gate: 'gelu', bias: true, norm: true }),
  ]
}

/** A gated product that needs several bands when a binding holds 64 KiB. */
export function gatedBandCase(type: TensorType, tokens: number[]): OpCase {
  return gatedMatmulCase(type, 248, 768, tokens, { gate: 'silu', bias: true })
}

/** A matrix that needs several bands when a binding holds 64 KiB. */
export function bandCase(type: TensorType, tokens: number[]): OpCase {
  const cols = tensorTypes[type].block === 256 ? 768 : 576
  return matmulCase(type, 501, cols, tokens, { bias: true, add: true, scale: 0.3 })
}

export function embedCase(type: TensorType, rows: number, cols: number, scale = 1): OpCase {
  const g = new GraphBuilder()
  const out = g.value('tokens', cols, 'rows')
  g.push({ op: 'embed', table: { weight: 'table' }, scale, out })
  const tokens = [0, rows - 1, Math.floor(rows / 2), 1, Math.floor(rows / 3), rows - 2, 3]
  return opCase(`embed ${type} ${rows}x${cols}${scale === 1 ? '' : ' scaled'}`, 'embed', g, out, {
    weights: { table: { type, rows, cols } },
    steps: [
      { tokens, position: 0 },
      { tokens: [rows - 1], position: 7 },
    ],
    tolerance: 1e-13,
  })
}

export const otherCases: readonly OpCase[] = [
  ...[16, 64, 576, 77, 1].map((cols) => normCase(cols, cols)),
  normCase(9 * 64, 64),
  normCase(3 * 80, 80),
  normCase(77, 77, 1),
  ...[64, 576, 77, 1].map((cols) => layerNormCase(cols, cols, true)),
  layerNormCase(77, 77, false),
  layerNormCase(9 * 64, 64, true),
  layerNormCase(3 * 80, 80, false),
  embedCase('f16', 83, 50, Math.sqrt(50)),
  embedCase('q4_0', 83, 96, 12),
  ...(['half', 'interleaved'] as const).flatMap((pairs) => [
    ropeCase(3, 16, 16, pairs),
    ropeCase(9, 64, 64, pairs),
    ropeCase(2, 80, 40, pairs),
    ropeCase(5, 18, 6, pairs),
    ropeCase(3, 96, 32, pairs, { from: 64 }),
    ropeCase(2, 18, 6, pairs, { from: 4 }),
    ropeCase(2, 64, 32, pairs, { axis: 'prefix' }),
    ropeCase(2, 64, 32, pairs, { from: 32, axis: 'after-prefix' }),
  ]),
  ...ropeAppendCases,
  ...elementwiseCases,
  ...recurrentCases,
  selectCase('last'),
  selectCase('all'),
  ...attentionCases,
  ...farAttentionCases,
]

function matmulCase(
  type: TensorType,
  rows: number,
  cols: number,
  tokens: number[],
  extra: { bias: boolean; add: boolean; scale: number; norm?: RowNorm },
): OpCase {
  const g = new GraphBuilder()
  const x = input(g, 'x', cols)
  const add = extra.add ? input(g, 'add', rows) : undefined
  const out = g.value('tokens', rows, 'product')
  g.push({
    op: 'matmul',
    weight: { weight: 'w' },
    bias: extra.bias ? { weight: 'bias' } : undefined,
    scale: extra.scale,
    x,
    add,
    ...(extra.norm && { norm: extra.norm }),
    out,
  })
  const name = `matmul ${type} ${rows}x${cols}${extra.bias ? ' +bias' : ''}${extra.scale === 1 ? '' : ' scaled'}${extra.add ? ' +add' : ''}${extra.norm ? ' normed' : ''}`
  return opCase(name, 'matmul', g, out, {
    weights: {
      w: { type, rows, cols },
      x: { type: 'f32', rows: inputRows, cols },
      ...(extra.add ? { add: { type: 'f32', rows: inputRows, cols: rows } } : {}),
      ...(extra.bias ? { bias: { type: 'f32', rows: 1, cols: rows } } : {}),
      norm: { type: 'f16', rows: 1, cols },
    },
    maxTokens: Math.max(...tokens),
    steps: tokens.map((count, index) => ({ tokens: range(count, index), position: 0 })),
  })
}

/** `rows` of the result; the matrix has twice as many. */
function gatedMatmulCase(
  type: TensorType,
  rows: number,
  cols: number,
  tokens: number[],
  { gate, bias, norm = false }: { gate: Activation; bias: boolean; norm?: boolean },
): OpCase {
  const g = new GraphBuilder()
  const x = input(g, 'x', cols, 0.2)
  const out = g.value('tokens', rows, 'gated')
  g.push({
    op: 'matmul',
    weight: { weight: 'w' },
    bias: bias ? { weight: 'bias' } : undefined,
    scale: bias ? 0.7 : 1,
    x,
    add: undefined,
    gate,
    ...(norm && { norm: rowNorm }),
    out,
  })
  return opCase(
    `matmul ${type} ${rows}x${cols} gated by ${gate}${bias ? ' +bias' : ''}${norm ? ' normed' : ''}`,
    'matmul',
    g,
    out,
    {
      weights: {
        w: { type, rows: 2 * rows, cols },
        x: { type: 'f32', rows: inputRows, cols },
        ...(bias ? { bias: { type: 'f32', rows: 1, cols: 2 * rows } } : {}),
        norm: { type: 'f16', rows: 1, cols },
      },
      maxTokens: Math.max(...tokens),
      steps: tokens.map((count, index) => ({ tokens: range(count, index), position: 0 })),
    },
  )
}

function normCase(cols: number, group: number, offset = 0): OpCase {
  const g = new GraphBuilder()
  const x = input(g, 'x', cols)
  const out = g.value('tokens', cols, 'normed')
  g.push({ op: 'rms-norm', x, weight: { weight: 'w' }, group, eps: 1e-5, offset, out })
  return opCase(
    `rms-norm ${cols} in groups of ${group}${offset === 0 ? '' : ` plus ${offset}`}`,
    'rms-norm',
    g,
    out,
    {
      weights: { x: { type: 'f32', rows: inputRows, cols }, w: { type: 'f16', rows: 1, cols: group } },
      steps: manySteps,
    },
  )
}

function layerNormCase(cols: number, group: number, hasBias: boolean): OpCase {
  const g = new GraphBuilder()
  const x = input(g, 'x', cols)
  const out = g.value('tokens', cols, 'normed')
  const bias = hasBias ? { weight: 'bias' } : undefined
  g.push({ op: 'layer-norm', x, weight: { weight: 'w' }, bias, group, eps: 1e-5, out })
  return opCase(`layer-norm ${cols} in groups of ${group}${hasBias ? ' +bias' : ''}`, 'layer-norm', g, out, {
    weights: {
      x: { type: 'f32', rows: inputRows, cols },
      w: { type: 'f16', rows: 1, cols },
      ...(hasBias ? { bias: { type: 'f32', rows: 1, cols } } : {}),
    },
    steps: manySteps,
  })
}

function ropeCase(
  heads: number,
  headDim: number,
  rotaryDims: number,
  pairs: 'half' | 'interleaved',
  { from = 0, axis = 'position' }: { from?: number; axis?: RopeAxis } = {},
): OpCase {
  const g = new GraphBuilder()
  const cols = heads * headDim
  const x = input(g, 'x', cols)
  const out = g.value('tokens', cols, 'rotated')
  g.push({ op: 'rope', x, table: { weight: 'angles' }, heads, headDim, from, rotaryDims, pairs, axis, out })
  const name = `rope ${pairs} ${heads}x${headDim}, ${rotaryDims} rotary from ${from} by ${axis}`
  return opCase(name, 'rope', g, out, {
    weights: {
      x: { type: 'f32', rows: inputRows, cols },
      angles: { type: 'f32', rows: 128, cols: rotaryDims },
    },
    steps:
      axis === 'position'
        ? manySteps
        : [0, 20].flatMap((prefix) => manySteps.map((step) => ({ ...step, prefix }))),
  })
}

function selectCase(outputs: 'last' | 'all'): OpCase {
  const g = new GraphBuilder()
  const x = input(g, 'x', 70)
  const selected = g.value('outputs', 70, 'selected')
  g.push({ op: 'select-outputs', x, out: selected })
  const out = g.value('outputs', 83, 'product')
  // A matrix after it, because its kernel depends on the number of outputs.
  g.push({
    op: 'matmul',
    weight: { weight: 'w' },
    bias: undefined,
    scale: 1,
    x: selected,
    add: undefined,
    out,
  })
  return opCase(`select-outputs ${outputs}`, 'select-outputs', g, out, {
    weights: { x: { type: 'f32', rows: inputRows, cols: 70 }, w: { type: 'f16', rows: 83, cols: 70 } },
    steps: manySteps,
    outputs,
  })
}
