// One row per kernel: which operation it computes, on which shapes and devices it is chosen, and how it is launched.
import type { TensorType } from '../../../format/ggml-types'
import type { Activation, Operation, StateType } from '../../../graph/graph'
import activateText from './activate.wgsl'
import { activations } from './activations'
import noActivation from './activation-none.wgsl'
import addBonusText from './add-bonus.wgsl'
import addText from './add.wgsl'
import appendF16Text from './append-f16.wgsl'
import appendQ8Text from './append-q8_0.wgsl'
import appendText from './append.wgsl'
import attentionLanesText from './attention-lanes.wgsl'
import attentionPartsText from './attention-parts.wgsl'
import attentionTileText from './attention-tile.wgsl'
import attentionText from './attention.wgsl'
import cacheF16 from './cache-f16.wgsl'
import cacheF32 from './cache-f32.wgsl'
import cacheF32Units2 from './cache-f32-units-2.wgsl'
import cacheQ8 from './cache-q8_0.wgsl'
import betterText from './better.wgsl'
import chooseBestText from './choose-best.wgsl'
import chooseLeastText from './choose-least.wgsl'
import chooseTokenText from './choose-token.wgsl'
import embedText from './embed.wgsl'
import gatedText from './gated.wgsl'
import joinHeadsText from './join-heads.wgsl'
import joinPartsText from './join-parts.wgsl'
import joinSumsText from './join-sums.wgsl'
import keepLastText from './keep-last.wgsl'
import l2NormText from './l2-norm.wgsl'
import layerNormText from './layer-norm.wgsl'
import lanes4 from './lanes-4.wgsl'
import lanes8 from './lanes-8.wgsl'
import lanesSum from './lanes-sum.wgsl'
import logProbabilityText from './log-probability.wgsl'
import matmulInterface from './matmul.wgsl'
import matmulIntegers from './matmul-integers.wgsl'
import matmulLanes from './matmul-lanes.wgsl'
import matmulLanes2 from './matmul-lanes-2.wgsl'
import matmulLanes16 from './matmul-lanes-16.wgsl'
import matmulInput from './matmul-input.wgsl'
import matmulStore from './matmul-store.wgsl'
import matmulTile from './matmul-tile.wgsl'
import matvecIntegers from './matvec-integers.wgsl'
import matvecLanes from './matvec-lanes.wgsl'
import matvecSubgroups from './matvec-subgroups.wgsl'
import matvecWorkgroup from './matvec-workgroup.wgsl'
import multiplyText from './multiply.wgsl'
import orderKeyText from './order-key.wgsl'
import pairF16 from './pair-f16.wgsl'
import pairF32 from './pair-f32.wgsl'
import rmsNormText from './rms-norm.wgsl'
import quantizeText from './quantize.wgsl'
import ropeAppendText from './rope-append.wgsl'
import ropeAppendQ8Text from './rope-append-q8_0.wgsl'
import ropeText from './rope.wgsl'
import partsText from './parts.wgsl'
import roundingText from './round-half.wgsl'
import roundUnitText from './round-unit.wgsl'
import rowsBesideText from './rows-beside.wgsl'
import scaleByPositionText from './scale-by-position.wgsl'
import scaleColumnsText from './scale-columns.wgsl'
import selectOutputsText from './select-outputs.wgsl'
import shiftMixText from './shift-mix.wgsl'
import softcapText from './softcap.wgsl'
import stepText from './step.wgsl'
import sumExponentialsText from './sum-exponentials.wgsl'
import turnColumnsText from './turn-columns.wgsl'
import wkv4Text from './wkv-4.wgsl'
import wkv5LanesText from './wkv-5-lanes.wgsl'
import wkv5Text from './wkv-5.wgsl'
import wkv7LanesText from './wkv-7-lanes.wgsl'
import wkv7Text from './wkv-7.wgsl'

/**
 * What kernels compute: operations of a graph, activations for those that take integers, the parts that an attention leaves, the
 * choice of a token after a step, and how likely it was.
 */
export type OpName =
  | Operation['op']
  | 'quantize'
  | 'join-parts'
  | 'choose-least'
  | 'choose-best'
  | 'choose-token'
  | 'sum-exponentials'
  | 'log-probability'

/** What kernels are chosen by and grids are made of. Sizes that an operation has not are 0. */
export interface Shape {
  /** Most rows of activations a step brings: 1 in a decode plan and after select-outputs. */
  readonly maxTokens: number
  /** Rows of the band of a matrix; of an attention, its query heads; of a norm, its groups. */
  readonly rows: number
  /** Values of one row of activations that the kernel reads. */
  readonly cols: number
  /** Of an attention, the values of one head's key, and of its value. */
  readonly headDim: number
  readonly valueDim: number
  /** Of an attention, the heads of keys and values. */
  readonly kvHeads: number
  /** The type of the cache, where an operation has one. */
  readonly cache: StateType
  /** Whether an attention has chunks. */
  readonly chunked: boolean
  /** Whether an attention of one token sees as many rows of keys as one workgroup for each head would be slow with. */
  readonly manyRows: boolean
  /** Products without one have that of others in their plan, so that they share a text with them. */
  readonly activation: Activation | ''
  /** Whether a matrix can be read as integers: see `integers` in quants/table.ts. */
  readonly integers: boolean
  /** Whether a product gates its results. */
  readonly gated: boolean
  /** Whether it does, or norms what it multiplies. */
  readonly hasEdges: boolean
}

/** The shape of an operation that has none of these. */
export const noShape: Shape = {
  maxTokens: 0,
  rows: 0,
  cols: 0,
  headDim: 0,
  valueDim: 0,
  kvHeads: 0,
  cache: 'f32',
  chunked: false,
  manyRows: false,
  activation: '',
  integers: false,
  gated: false,
  hasEdges: false,
}

/** The side of a device that kernels are chosen by. */
export interface DeviceTraits {
  /** Lane counts, undefined without the feature `subgroups`. */
  readonly subgroups: { readonly min: number; readonly max: number } | undefined
  /** Whether WGSL has the builtins subgroup_id and num_subgroups. */
  readonly subgroupId: boolean
  /** Whether WGSL multiplies four bytes by four in one instruction. */
  readonly packedDot: boolean
}

export interface Kernel {
  readonly name: string
  readonly op: OpName
  /** WGSL after the step and, for `quant` operations, the type's file. */
  readonly wgsl: string
  /** Chosen when `can` and `when` hold; exactly one kernel of an operation must be. */
  when(shape: Shape, device: DeviceTraits): boolean
  /** Whether the result is right here at all; tests force a kernel wherever it can run. */
  can(shape: Shape, device: DeviceTraits): boolean
  /** Whether activations are rounded to 8 bits before: never chosen by the table, since the result is less exact. */
  readonly rounds: boolean
  /** Parts of the rows that an attention reads apart and leaves for a kernel that joins them; 0 for all others. */
  readonly parts: number
  /** Whether the text multiplies by the type's chunk_dot. */
  readonly dots: boolean
  /** WGSL extensions to enable. */
  readonly enable: readonly string[]
  /** Values of the text's override constants. */
  readonly constants: Readonly<Record<string, number>>
  /** Workgroups in x and y for a step of `tokens`. */
  grid(shape: Shape, tokens: number): readonly [number, number]
}

/**
 * Storage bindings of an operation in order, after step (0) and params (1); `quant` ones start with quants and scales, `edges` ones
 * end with edgesText.
 */
export const interfaces: Readonly<
  Record<OpName, { quant: boolean; edges?: true; bind: Readonly<Record<string, 'read' | 'write'>> }>
> = {
  embed: { quant: true, bind: { tokens: 'read', y: 'write' } },
  matmul: {
    quant: true,
    edges: true,
    bind: { x: 'read', bias: 'read', add: 'read', y: 'write', norm: 'read' },
  },
  quantize: { quant: false, bind: { x: 'read', quantized: 'write' } },
  'rms-norm': { quant: false, bind: { x: 'read', weight: 'read', y: 'write' } },
  'layer-norm': { quant: false, bind: { x: 'read', weight: 'read', bias: 'read', y: 'write' } },
  rope: { quant: false, bind: { x: 'read', table: 'read', y: 'write' } },
  'rope-append': {
    quant: false,
    bind: { q: 'read', k: 'read', v: 'read', table: 'read', keys: 'write', values: 'write', y: 'write' },
  },
  append: { quant: false, bind: { x: 'read', cache: 'write' } },
  attention: {
    quant: false,
    bind: {
      q: 'read',
      k: 'read',
      v: 'read',
      slopes: 'read',
      successive: 'read',
      inter: 'read',
      y: 'write',
    },
  },
  'join-parts': { quant: false, bind: { parts: 'read', y: 'write' } },
  'scale-by-position': { quant: false, bind: { x: 'read', table: 'read', y: 'write' } },
  'join-heads': { quant: false, bind: { x: 'read', tail: 'read', y: 'write' } },
  activate: { quant: false, bind: { x: 'read', y: 'write' } },
  gated: { quant: false, bind: { gate: 'read', up: 'read', y: 'write' } },
  add: { quant: false, bind: { x: 'read', y: 'read', sum: 'write' } },
  multiply: { quant: false, bind: { x: 'read', y: 'read', product: 'write' } },
  'scale-columns': { quant: false, bind: { x: 'read', weight: 'read', bias: 'read', y: 'write' } },
  softcap: { quant: false, bind: { x: 'read', y: 'write' } },
  'l2-norm': { quant: false, bind: { x: 'read', y: 'write' } },
  'shift-mix': {
    quant: false,
    bind: { x: 'read', previous: 'read', weight: 'read', dynamic: 'read', y: 'write' },
  },
  'keep-last': { quant: false, bind: { x: 'read', state: 'write' } },
  'wkv-4': {
    quant: false,
    bind: { k: 'read', v: 'read', decay: 'read', first: 'read', state: 'write', y: 'write' },
  },
  'wkv-5': {
    quant: false,
    bind: {
      r: 'read',
      k: 'read',
      v: 'read',
      decay: 'read',
      first: 'read',
      state: 'write',
      y: 'write',
    },
  },
  'wkv-7': {
    quant: false,
    bind: {
      r: 'read',
      decay: 'read',
      k: 'read',
      v: 'read',
      removal: 'read',
      rate: 'read',
      state: 'write',
      y: 'write',
    },
  },
  'add-bonus': {
    quant: false,
    bind: { x: 'read', r: 'read', k: 'read', v: 'read', weight: 'read', y: 'write' },
  },
  'select-outputs': { quant: false, bind: { x: 'read', y: 'write' } },
  'choose-least': { quant: false, bind: { logits: 'read', kept: 'write' } },
  'choose-best': { quant: false, bind: { logits: 'read', kept: 'read', best: 'write' } },
  'choose-token': { quant: false, bind: { best: 'read', chosen: 'write' } },
  'sum-exponentials': { quant: false, bind: { logits: 'read', sums: 'write' } },
  'log-probability': { quant: false, bind: { logits: 'read', sums: 'read', chosen: 'write' } },
}

/** What kernels of matrices end with: how x becomes what is multiplied, and sums become results. */
export function edgesText(activation: Shape['activation']): string {
  return matmulInput + (activation === '' ? noActivation : activations[activation]) + matmulStore
}

/** How kernels find the chunks of a matrix, of which `side` rows lie side by side in blocks of `unit` chunks. */
export function placeText(side: number, unit: number): string {
  return `const side = ${side}u;\nconst unit = ${unit}u;\n${rowsBesideText}`
}

/**
 * Rows of a matrix that lie side by side: where each lane has a row, what the lanes read at once should lie together. f32 are also
 * tables that other kernels read row by row.
 */
export function rowsBeside(device: DeviceTraits, type: TensorType): number {
  return isFewLanes(device) && type !== 'f32' ? 32 : 1
}

/** How attention reads each type of cache, four values at a time. */
const caches: Readonly<Record<StateType, string>> = { f32: cacheF32, f16: cacheF16, q8_0: cacheQ8 }

/** How many queries the lanes share loads among: in a decode plan, where there are the heads of one token, no more than those need. */
const sharedQueries: readonly { lanes: 4 | 8; queries: number; when: (shape: Shape) => boolean }[] = [
  { lanes: 4, queries: 1, when: (s) => sharedBy(s) === 1 },
  { lanes: 4, queries: 4, when: (s) => sharedBy(s) > 1 },
  { lanes: 8, queries: 1, when: (s) => sharedBy(s) === 1 },
  { lanes: 8, queries: 4, when: (s) => sharedBy(s) > 1 && sharedBy(s) <= 4 },
  { lanes: 8, queries: 8, when: (s) => sharedBy(s) > 4 },
]

/** How many heads of queries share loads of one part: no more than share a head of keys and values. */
const partQueries: readonly { queries: number; when: (shape: Shape) => boolean }[] = [
  { queries: 1, when: (s) => sharedBy(s) === 1 },
  { queries: 4, when: (s) => sharedBy(s) > 1 && sharedBy(s) <= 4 },
  { queries: 8, when: (s) => sharedBy(s) > 4 },
]

/** Enough for the workgroups that a large GPU runs at once, with two heads of keys and values. */
const gpuParts = 32

const laneTexts = { 4: lanes4, 8: lanes8 } as const

/** How caches of q8_0 are written. */
const q8Text = roundingText + roundUnitText

/** Logits that one workgroup of choose-best takes the best of, and one of sum-exponentials the sum. */
export const chooseBlock = 1024

export const kernels: readonly Kernel[] = [
  kernel('matvec-lanes-4', 'matmul', matmulInterface + lanes4 + lanesSum + matvecLanes, {
    when: (_, d) => isFewLanes(d) && !hasLanes(d, 8),
    can: (s, d) => s.maxTokens === 1 && s.cols % 32 === 0 && hasLanes(d, 4),
    dots: true,
    enable: ['subgroups'],
    grid: (s) => fold(s.rows / 32),
  }),
  kernel('matvec-lanes-8', 'matmul', matmulInterface + lanes8 + lanesSum + matvecLanes, {
    when: (_, d) => isFewLanes(d),
    can: (s, d) => s.maxTokens === 1 && s.cols % 32 === 0 && hasLanes(d, 8),
    dots: true,
    enable: ['subgroups'],
    grid: (s) => fold(s.rows / 32),
  }),
  kernel('matvec-subgroups', 'matmul', matmulInterface + matvecSubgroups, {
    when: (_, d) => !isFewLanes(d),
    can: (s, d) => s.maxTokens === 1 && s.cols % 32 === 0 && hasLanes(d, 4) && d.subgroupId,
    enable: ['subgroups'],
    grid: (s) => fold(Math.ceil(s.rows / 16) * 4),
  }),
  kernel('matvec-workgroup', 'matmul', matmulInterface + matvecWorkgroup, {
    when: (s, d) => s.cols % 32 !== 0 || !hasLanes(d, 4) || (!isFewLanes(d) && !d.subgroupId),
    can: (s) => s.maxTokens === 1,
    grid: (s) => fold(Math.ceil(s.rows / 16) * 8),
  }),
  kernel('matmul-2-lanes-4', 'matmul', matmulInterface + lanes4 + lanesSum + matmulLanes2, {
    when: (_, d) => isFewLanes(d) && !hasLanes(d, 8),
    can: (s, d) => s.maxTokens === 2 && s.cols % 32 === 0 && hasLanes(d, 4),
    enable: ['subgroups'],
    grid: (s) => fold(s.rows / 16),
  }),
  kernel('matmul-2-lanes-8', 'matmul', matmulInterface + lanes8 + lanesSum + matmulLanes2, {
    when: (_, d) => isFewLanes(d),
    can: (s, d) => s.maxTokens === 2 && s.cols % 32 === 0 && hasLanes(d, 8),
    enable: ['subgroups'],
    grid: (s) => fold(s.rows / 16),
  }),
  kernel('matmul-lanes-4', 'matmul', matmulInterface + lanes4 + matmulLanes, {
    when: (s, d) => isFewLanes(d) && !hasLanes(d, 8) && s.maxTokens > 2,
    can: (s, d) => s.maxTokens > 1 && s.cols % 32 === 0 && hasLanes(d, 4),
    enable: ['subgroups'],
    grid: (s, tokens) => [Math.ceil(s.rows / 32), Math.ceil(tokens / 8)],
  }),
  kernel('matmul-16-lanes-8', 'matmul', matmulInterface + matmulLanes16, {
    when: (s, d) => isFewLanes(d) && s.maxTokens > 8,
    can: (s, d) => s.maxTokens > 1 && s.cols % 32 === 0 && hasLanes(d, 8),
    enable: ['subgroups'],
    grid: (s, tokens) => [Math.ceil(s.rows / 32), Math.ceil(tokens / 16)],
  }),
  kernel('matmul-lanes-8', 'matmul', matmulInterface + lanes8 + matmulLanes, {
    when: (s, d) => isFewLanes(d) && s.maxTokens > 2 && s.maxTokens <= 8,
    can: (s, d) => s.maxTokens > 1 && s.cols % 32 === 0 && hasLanes(d, 8),
    enable: ['subgroups'],
    grid: (s, tokens) => [Math.ceil(s.rows / 32), Math.ceil(tokens / 8)],
  }),
  kernel('matmul-tile', 'matmul', matmulInterface + matmulTile, {
    when: (s, d) => s.cols % 32 !== 0 || !isFewLanes(d),
    can: (s) => s.maxTokens > 1,
    grid: (s, tokens) => [Math.ceil(s.rows / 64), Math.ceil(tokens / 32)],
  }),
  kernel('matvec-integers', 'matmul', matmulInterface + matvecIntegers, {
    when: () => false,
    can: (s, d) => s.maxTokens === 1 && takesIntegers(s, d) && hasLanes(d, 4) && d.subgroupId,
    rounds: true,
    enable: ['subgroups'],
    grid: (s) => fold(s.rows / 4),
  }),
  kernel('matmul-integers', 'matmul', matmulInterface + matmulIntegers, {
    when: () => false,
    can: (s, d) => s.maxTokens > 1 && takesIntegers(s, d),
    rounds: true,
    grid: (s, tokens) => [Math.ceil(s.rows / 64), Math.ceil(tokens / 32)],
  }),
  kernel('quantize', 'quantize', quantizeText, {
    grid: (s, tokens) => [Math.ceil(s.cols / 32 / 64), tokens],
  }),
  kernel('embed', 'embed', embedText, { grid: (s, tokens) => [Math.ceil(s.cols / 32 / 64), tokens] }),
  kernel('rms-norm', 'rms-norm', rmsNormText, { grid: (s, tokens) => [s.rows, tokens] }),
  kernel('layer-norm', 'layer-norm', layerNormText, { grid: (s, tokens) => [s.rows, tokens] }),
  kernel('rope', 'rope', ropeText, { grid: perValue }),
  kernel('rope-append', 'rope-append', turnColumnsText + pairF32 + ropeAppendText, {
    can: (s) => s.cache === 'f32',
    grid: perPair,
  }),
  kernel('rope-append-f16', 'rope-append', turnColumnsText + roundingText + pairF16 + ropeAppendText, {
    can: (s) => s.cache === 'f16',
    grid: perPair,
  }),
  kernel('rope-append-q8_0', 'rope-append', turnColumnsText + q8Text + ropeAppendQ8Text, {
    can: (s) => s.cache === 'q8_0',
    // q and k may end with a part of 16 threads that nobody uses.
    grid: (s, tokens) => [Math.ceil((s.cols / 4 + 32) / 64), tokens],
  }),
  kernel('append', 'append', appendText, { can: (s) => s.cache === 'f32', grid: perValue }),
  kernel('append-f16', 'append', roundingText + appendF16Text, {
    can: (s) => s.cache === 'f16',
    grid: perPair,
  }),
  kernel('append-q8_0', 'append', q8Text + appendQ8Text, {
    can: (s) => s.cache === 'q8_0',
    grid: (s, tokens) => [Math.ceil(s.cols / 64 / 64), tokens],
  }),
  // 16 threads are two vector registers of a CPU, where a barrier costs by the thread.
  ...Object.entries(caches).flatMap(([type, text]) => [
    ...sharedQueries.map(({ lanes, queries, when }) => {
      const sizes = `${laneTexts[lanes]}const queries = ${queries}u;\n`
      return kernel(
        `attention-lanes-${lanes}x${queries}-${type}`,
        'attention',
        text + sizes + attentionLanesText,
        {
          when: (s, d) => takesLanes(d, lanes) && when(s),
          can: (s, d) => s.cache === type && isWholeUnits(s) && !s.chunked && hasLanes(d, lanes),
          enable: ['subgroups'],
          grid: (s, tokens) => [s.kvHeads, Math.ceil((tokens * s.rows) / s.kvHeads / queries)],
        },
      )
    }),
    kernel(`attention-16x4-${type}`, 'attention', text + attentionText, {
      when: (s, d) => isFewLanes(d) && s.chunked,
      can: (s) => s.cache === type && isWholeUnits(s),
      constants: { threads: 16 },
      grid: (s, tokens) => [s.rows, tokens],
    }),
    ...[64, 128].map((most) =>
      kernel(
        `attention-tile-${most}-${type}`,
        'attention',
        `${text}const value_units = ${most / 32}u;\n${attentionTileText}`,
        {
          when: (s, d) => !isFewLanes(d) && tileOf(s) === most,
          can: (s) => s.cache === type && tileOf(s) <= most,
          grid: (s, tokens) => [s.kvHeads, Math.ceil((tokens * s.rows) / s.kvHeads / 32)],
        },
      ),
    ),
    ...partQueries.map(({ queries, when }) =>
      kernel(
        `attention-parts-${queries}-${type}`,
        'attention',
        `${text}const queries = ${queries}u;\n${partsText}${attentionPartsText}`,
        {
          when: (s, d) => !isFewLanes(d) && when(s),
          can: (s) => s.cache === type && takesParts(s),
          parts: gpuParts,
          constants: { parts: gpuParts },
          grid: (s) => [s.kvHeads, Math.ceil(s.rows / s.kvHeads / queries) * gpuParts],
        },
      ),
    ),
    kernel(`attention-64x4-${type}`, 'attention', text + attentionText, {
      when: (s, d) => !isFewLanes(d) && tileOf(s) === Infinity && !takesParts(s),
      can: (s) => s.cache === type && isWholeUnits(s),
      constants: { threads: 64 },
      grid: (s, tokens) => [s.rows, tokens],
    }),
  ]),
  kernel('attention-64x2-f32', 'attention', cacheF32Units2 + attentionText, {
    when: (s) => !isWholeUnits(s),
    can: (s) => s.cache === 'f32',
    constants: { threads: 64 },
    grid: (s, tokens) => [s.rows, tokens],
  }),
  kernel('join-parts', 'join-parts', partsText + joinPartsText, {
    constants: { parts: gpuParts },
    grid: (s) => [s.rows, 1],
  }),
  kernel('scale-by-position', 'scale-by-position', scaleByPositionText, { grid: perValue }),
  kernel('join-heads', 'join-heads', joinHeadsText, { grid: perValue }),
  ...Object.entries(activations).flatMap(([name, text]) => [
    kernel(`activate-${name}`, 'activate', text + activateText, {
      can: (s) => s.activation === name,
      grid: perValue,
    }),
    kernel(`gated-${name}`, 'gated', text + gatedText, { can: (s) => s.activation === name, grid: perValue }),
  ]),
  kernel('add', 'add', addText, { grid: perValue }),
  kernel('multiply', 'multiply', multiplyText, { grid: perValue }),
  kernel('scale-columns', 'scale-columns', scaleColumnsText, { grid: perValue }),
  kernel('softcap', 'softcap', softcapText, { grid: perValue }),
  kernel('l2-norm', 'l2-norm', l2NormText, { grid: (s, tokens) => [s.rows, tokens] }),
  kernel('shift-mix', 'shift-mix', shiftMixText, { grid: perValue }),
  kernel('keep-last', 'keep-last', keepLastText, { grid: (s) => perValue(s, 1) }),
  kernel('wkv-4', 'wkv-4', wkv4Text, { grid: (s) => perValue(s, 1) }),
  ...([4, 8] as const).flatMap((lanes) => [
    kernel(`wkv-5-lanes-${lanes}`, 'wkv-5', laneTexts[lanes] + wkv5LanesText, {
      when: (_, d) => takesLanes(d, lanes),
      can: (s, d) => s.headDim % (4 * lanes) === 0 && hasLanes(d, lanes),
      enable: ['subgroups'],
      grid: (s) => [s.cols / (4 * lanes), 1],
    }),
    kernel(`wkv-7-lanes-${lanes}`, 'wkv-7', laneTexts[lanes] + wkv7LanesText, {
      when: (_, d) => takesLanes(d, lanes),
      can: (s, d) => s.headDim === 64 && hasLanes(d, lanes),
      enable: ['subgroups'],
      grid: (s) => [s.cols / lanes, 1],
    }),
  ]),
  kernel('wkv-5', 'wkv-5', wkv5Text, {
    when: (s, d) => !isFewLanes(d) || s.headDim % (hasLanes(d, 8) ? 32 : 16) !== 0,
    grid: (s) => [Math.ceil(s.cols / 32), 1],
  }),
  kernel('wkv-7', 'wkv-7', wkv7Text, {
    when: (s, d) => !isFewLanes(d) || s.headDim !== 64,
    grid: (s) => [Math.ceil(s.cols / 32), 1],
  }),
  kernel('add-bonus', 'add-bonus', addBonusText, { grid: (s, tokens) => [s.rows, tokens] }),
  kernel('select-outputs', 'select-outputs', selectOutputsText, { grid: perValue }),
  kernel('choose-least', 'choose-least', orderKeyText + chooseLeastText, { grid: () => [1, 1] }),
  kernel('choose-best', 'choose-best', orderKeyText + betterText + chooseBestText, {
    grid: (s) => [Math.ceil(s.cols / chooseBlock), 1],
  }),
  kernel('choose-token', 'choose-token', betterText + chooseTokenText, { grid: () => [1, 1] }),
  kernel('sum-exponentials', 'sum-exponentials', orderKeyText + joinSumsText + sumExponentialsText, {
    grid: (s) => [Math.ceil(s.cols / chooseBlock), 1],
  }),
  kernel('log-probability', 'log-probability', joinSumsText + logProbabilityText, { grid: () => [1, 1] }),
]

function kernel(
  name: string,
  op: OpName,
  wgsl: string,
  row: Pick<Kernel, 'grid'> &
    Partial<Pick<Kernel, 'when' | 'can' | 'rounds' | 'parts' | 'dots' | 'enable' | 'constants'>>,
): Kernel {
  const always = (): boolean => true
  const usual = { when: always, can: always, rounds: false, parts: 0, dots: false, enable: [], constants: {} }
  return { ...usual, ...row, name, op, wgsl: stepText + wgsl }
}

function perValue(shape: Shape, tokens: number): readonly [number, number] {
  return [Math.ceil(shape.cols / 64), tokens]
}

function perPair(shape: Shape, tokens: number): readonly [number, number] {
  return [Math.ceil(shape.cols / 2 / 64), tokens]
}

// How wide a tile of values attention takes; none for one token, for chunks, and for heads whose sums no thread has registers for.
function tileOf(shape: Shape): number {
  const { maxTokens, chunked, valueDim } = shape
  if (maxTokens === 1 || chunked || valueDim > 128 || !isWholeUnits(shape)) return Infinity
  return valueDim <= 64 ? 64 : 128
}

function takesParts(shape: Shape): boolean {
  return shape.manyRows && shape.maxTokens === 1 && !shape.chunked && isWholeUnits(shape)
}

// Queries that see the same head of keys and values, at most.
function sharedBy({ maxTokens, rows, kvHeads }: Shape): number {
  return (maxTokens * rows) / kvHeads
}

// Heads are read four values at a time, keys and values alike.
function isWholeUnits({ headDim, valueDim }: Shape): boolean {
  return headDim % 4 === 0 && valueDim % 4 === 0
}

// A dimension of a grid ends at 65,535 workgroups; vocabularies do not.
function fold(groups: number): readonly [number, number] {
  const count = Math.ceil(groups)
  const height = Math.ceil(count / 65535)
  return [Math.ceil(count / height), height]
}

// What a kernel broadcasts from has to exist on every subgroup.
function hasLanes(device: DeviceTraits, lanes: number): boolean {
  return device.subgroups !== undefined && device.subgroups.min >= lanes
}

function takesIntegers(shape: Shape, device: DeviceTraits): boolean {
  return shape.integers && !shape.hasEdges && shape.cols % 32 === 0 && device.packedDot
}

// 4 and 8 are the vector registers of a CPU, where loads cost more than lanes; GPUs have 16 and more.
function isFewLanes(device: DeviceTraits): boolean {
  return hasLanes(device, 4) && (device.subgroups?.max ?? 0) <= 8
}

// The kernels for software adapters come in two widths; the wider one that exists is faster.
function takesLanes(device: DeviceTraits, lanes: 4 | 8): boolean {
  return isFewLanes(device) && hasLanes(device, 8) === (lanes === 8)
}
