// Time mixing of recurrent models: one builder per recurrence. Formulas: ChatRWKV's `model.py`, which runs all versions.
import type { MixInput, NarrowNames, RecurrentSpec, RecurrentTensors } from '../arch/rwkv-spec'
import { whole, type Activation, type Value, type WeightRef } from '../graph/graph'
import { EngineError } from '../protocol/errors'
import { branchScale, mixWeight, type LayerBuilder } from './layer-builder'
import { sizeOf } from './recurrent-weights'

/** `out` [tokens, hidden] is `x` and what the layer adds to it, `value` [tokens, width] what later layers may take from the first. */
export function timeMix(
  b: LayerBuilder,
  x: Value,
  firstValue: Value | undefined,
): { out: Value; value: Value } {
  const { g, config, layout } = b
  const normed = b.norm(x, b.named(layout.tensors.timeNorm), b.label('time-norm'))
  const previous = b.state('time-shift', 1, config.hidden)
  const moved = blendsOfToken(b, normed, previous)
  const input = (name: MixInput): Value =>
    b.blend(normed, previous, mixWeight(b, name), b.label(`mix-${name}`), moved?.get(name))
  const { y, value } = recurrences[b.spec.timeMix.recurrence](b, input, firstValue)
  g.push({ op: 'keep-last', x: normed, state: previous })
  const output = b.weights.matrix(b.named(layout.tensors.time.output))
  const out = b.matmul(y, output, config.hidden, b.label('time-out'), { scale: branchScale(b), add: x })
  return { out, value }
}

type Build = (
  b: LayerBuilder,
  input: (name: MixInput) => Value,
  firstValue: Value | undefined,
) => { y: Value; value: Value }

const recurrences: Readonly<Record<RecurrentSpec['timeMix']['recurrence'], Build>> = {
  'wkv-4': (b, input) => {
    const { g, config } = b
    const [r, k, v] = projected(b, input)
    const wkv = b.g.value('tokens', config.width, b.label('wkv'))
    g.push({
      op: 'wkv-4',
      k,
      v,
      decay: b.weights.vector(b.named(named(b, 'decay')), config.width, {
        change: (values) => values.map((value) => -Math.exp(value)),
      }),
      first: firstWeight(b),
      state: b.state('wkv', 3, config.width),
      out: wkv,
    })
    return { y: gate(b, 'sigmoid', r, wkv), value: v }
  },

  'wkv-5': (b, input) => {
    const { g, config, spec } = b
    const { heads, headSize } = config
    const [r, k, v] = projected(b, input)
    const decay =
      spec.timeMix.decay === 'low-rank' ? decayOfToken(b, input('w'), 'exp-neg-exp') : fixedDecay(b)
    const wkv = g.value('tokens', config.width, b.label('wkv'))
    const state = b.state('wkv', config.width, headSize)
    g.push({ op: 'wkv-5', r, k, v, decay, first: firstWeight(b), heads, state, out: wkv })
    const y = normHeads(b, wkv)
    const gateName = b.named(named(b, 'gate'))
    if (spec.timeMix.gate === 'silu-when-present' && !b.weights.has(gateName)) return { y, value: v }
    const projectedGate = b.matmul(input('g'), b.weights.matrix(gateName), config.width, b.label('gate'))
    return { y: gate(b, 'silu', projectedGate, y), value: v }
  },

  'wkv-7': (b, input, firstValue) => {
    const { g, config } = b
    const { heads, headSize, width } = config
    const binary = (op: 'add' | 'multiply', x: Value, y: Value, label: string, scale = 1): Value => {
      const out = g.value('tokens', width, b.label(label))
      g.push(op === 'add' ? { op, x, scale, y, out } : { op, x, y, out })
      return out
    }
    const scaleColumns = (x: Value, weight: WeightRef, bias: WeightRef | undefined, label: string): Value => {
      const out = g.value('tokens', width, b.label(label))
      g.push({ op: 'scale-columns', x, weight, bias, out })
      return out
    }
    const vInput = input('v')
    const [r, k, ownValue] = projected(b, (name) => (name === 'v' ? vInput : input(name)))
    const decay = decayOfToken(b, input('w'), 'exp-neg-sigmoid')
    const rate = activate(b, 'sigmoid', narrow(b, input('a'), 'rate', undefined, width), 'rate-sigmoid')

    const scaledKey = scaleColumns(k, vector(b, 'removalScale'), undefined, 'removal-scaled')
    const removal = g.value('tokens', width, b.label('removal'))
    g.push({ op: 'l2-norm', x: scaledKey, group: headSize, eps: 1e-12, out: removal })
    // k (1 + (rate - 1) scale) = k (rate * scale + 1 - scale)
    const rateScale = b.named(named(b, 'rateScale'))
    const oneLess = b.weights.vector(rateScale, width, {
      key: 'rest',
      change: (values) => values.map((scale) => 1 - scale),
    })
    const factor = scaleColumns(rate, b.weights.vector(rateScale, width), oneLess, 'key-factor')
    const key = binary('multiply', k, factor, 'key-rated')

    let v = ownValue
    if (firstValue !== undefined) {
      const share = narrow(b, vInput, 'firstValue', undefined, width)
      const difference = binary('add', ownValue, firstValue, 'value-difference', -1)
      v = binary('add', gate(b, 'sigmoid', share, difference), ownValue, 'value-mixed')
    }

    const wkv = g.value('tokens', width, b.label('wkv'))
    const state = b.state('wkv', width, headSize)
    g.push({ op: 'wkv-7', r, decay, k: key, v, removal, rate, heads, state, out: wkv })
    const y = normHeads(b, wkv)
    const withBonus = g.value('tokens', width, b.label('bonus'))
    const bonus = vector(b, 'bonus')
    g.push({ op: 'add-bonus', x: y, r, k: key, v, weight: bonus, group: headSize, out: withBonus })
    const gates = narrow(b, input('g'), 'narrowGate', 'sigmoid', width)
    return { y: binary('multiply', withBonus, gates, 'gated'), value: v }
  },
}

/** Receptance, key and value, [tokens, width]. */
function projected(b: LayerBuilder, input: (name: MixInput) => Value): [Value, Value, Value] {
  const { time } = b.layout.tensors
  const project = (name: MixInput, tensor: string): Value =>
    b.matmul(input(name), b.weights.matrix(b.named(tensor)), b.config.width, b.label(name))
  return [project('r', time.receptance), project('k', time.key), project('v', time.value)]
}

/** What each input's blend moves by, from a fixed blend of the token through narrow matrices [5][hidden, narrow]. */
function blendsOfToken(
  b: LayerBuilder,
  x: Value,
  previous: { state: string },
): ReadonlyMap<MixInput, Value> | undefined {
  const names = b.layout.tensors.time.blend
  if (b.spec.timeMix.blend !== 'low-rank' || names === undefined) return undefined
  const { hidden } = b.config
  const count = names.order.length
  const down = b.named(names.down)
  const rank = Math.floor(sizeOf(b.weights.info(down)) / (hidden * count))
  const transposed = b.layout.narrowTransposed
  const blended = b.blend(x, previous, b.weights.vector(b.named(names.mix), hidden), b.label('mix-x'))
  return new Map(
    names.order.map((input, index) => {
      const into = b.weights.narrow(down, { rows: rank, cols: hidden, transposed, index, count })
      const out = b.weights.narrow(b.named(names.up), { rows: hidden, cols: rank, transposed, index, count })
      const inner = b.matmul(blended, into, rank, b.label(`blend-down-${input}`))
      const active = activate(b, 'tanh', inner, `blend-tanh-${input}`)
      return [input, b.matmul(active, out, hidden, b.label(`blend-${input}`))]
    }),
  )
}

/** Narrow matrices with an activation between them, [tokens, cols]. */
function narrow(
  b: LayerBuilder,
  x: Value,
  which: 'narrowDecay' | 'rate' | 'firstValue' | 'narrowGate',
  activation: Activation | undefined,
  cols: number,
): Value {
  const names = b.layout.tensors.time[which]
  if (names === undefined) throw lacks(which)
  const { down, up, bias }: NarrowNames = names
  const rank = Math.floor(sizeOf(b.weights.info(b.named(down))) / x.cols)
  const transposed = b.layout.narrowTransposed
  const into = b.weights.narrow(b.named(down), { rows: rank, cols: x.cols, transposed })
  const out = b.weights.narrow(b.named(up), { rows: cols, cols: rank, transposed })
  const inner = b.matmul(x, into, rank, b.label(`${which}-down`))
  const active = activation === undefined ? inner : activate(b, activation, inner, `${which}-${activation}`)
  return b.matmul(
    active,
    out,
    cols,
    b.label(which),
    bias === undefined ? {} : { bias: b.weights.vector(b.named(bias), cols) },
  )
}

/** A decay for every token and channel, between 0 and 1. */
function decayOfToken(b: LayerBuilder, x: Value, activation: Activation): Value {
  return activate(b, activation, narrow(b, x, 'narrowDecay', 'tanh', b.config.width), 'decay')
}

/** exp(-exp(decay)); a file's one value for a head counts for all its channels. */
function fixedDecay(b: LayerBuilder): WeightRef {
  return perChannel(b, b.named(named(b, 'decay')), (value) => Math.exp(-Math.exp(value)))
}

function firstWeight(b: LayerBuilder): WeightRef {
  const names = b.layout.tensors.time.first ?? []
  const found = names.find(({ tensor }) => b.weights.has(b.named(tensor))) ?? names[0]
  if (found === undefined) throw lacks('first')
  return perChannel(b, b.named(found.tensor), (value) => (found.logarithm ? Math.exp(value) : value))
}

function perChannel(b: LayerBuilder, name: string, change: (value: number) => number): WeightRef {
  const { width, heads } = b.config
  const length = sizeOf(b.weights.info(name)) === heads ? heads : width
  const each = width / length
  return b.weights.vector(name, width, {
    length,
    change: (values) =>
      Float32Array.from({ length: width }, (_, i) => change(values[Math.floor(i / each)] ?? 0)),
  })
}

function normHeads(b: LayerBuilder, x: Value): Value {
  const { headSize: group, headNormEps: eps } = b.config
  return b.norm(x, b.named(named(b, 'norm')), b.label('head-norm'), { group, eps })
}

function activate(b: LayerBuilder, activation: Activation, x: Value, label: string): Value {
  const out = b.g.value('tokens', x.cols, b.label(label))
  b.g.push({ op: 'activate', activation, x, out })
  return out
}

function gate(b: LayerBuilder, activation: Activation, x: Value, up: Value): Value {
  const out = b.g.value('tokens', up.cols, b.label('gated'))
  b.g.push({ op: 'gated', activation, gate: whole(x), up: whole(up), out })
  return out
}

function vector(b: LayerBuilder, which: 'removalScale' | 'bonus'): WeightRef {
  return b.weights.vector(b.named(named(b, which)), b.config.width)
}

type OptionalName = 'decay' | 'gate' | 'norm' | 'removalScale' | 'rateScale' | 'bonus'

function named(b: LayerBuilder, which: OptionalName): string {
  const name = b.layout.tensors.time[which]
  if (name === undefined) throw lacks(which)
  return name
}

function lacks(which: keyof RecurrentTensors['time']): EngineError {
  return new EngineError('internal', `The layout has no name for "${which}".`)
}
