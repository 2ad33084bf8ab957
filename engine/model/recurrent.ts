// The interpreter of recurrent specs: one family's data and one file's numbers become a graph. It knows no family by name.
import type { RecurrentLayout, RecurrentSpec } from '../arch/rwkv-spec'
import type { TensorInfo } from '../format/checkpoint'
import { GraphBuilder, whole, type Graph, type Value, type WeightRef } from '../graph/graph'
import { branchScale, shareOfPrevious, type LayerBuilder } from './layer-builder'
import type { RecurrentConfig } from './recurrent-config'
import type { StateShape } from './recurrent-state'
import { RecurrentWeights } from './recurrent-weights'
import { timeMix } from './time-mix'
import type { WeightSource } from './weights'

export interface BuiltRecurrent {
  readonly graph: Graph
  /** State tensors by name. */
  readonly states: ReadonlyMap<string, StateShape>
  /** Where every weight of the graph comes from, by the graph's name for it. */
  readonly weights: ReadonlyMap<string, WeightSource>
}

/** Throws `bad-file` when a tensor is missing or has another shape than the numbers ask for. */
export function buildRecurrent(
  spec: RecurrentSpec,
  layout: RecurrentLayout,
  config: RecurrentConfig,
  tensor: (name: string) => TensorInfo | undefined,
): BuiltRecurrent {
  const g = new GraphBuilder()
  const weights = new RecurrentWeights(tensor)
  const states = new Map<string, StateShape>()
  const { tensors } = layout
  const norm: LayerBuilder['norm'] = (x, name, label, { group = x.cols, eps = config.normEps } = {}) => {
    const out = g.value(x.rows, x.cols, label)
    const weight = weights.vector(`${name}.weight`, x.cols)
    const bias = weights.vector(`${name}.bias`, x.cols)
    g.push({ op: 'layer-norm', x, weight, bias, group, eps, out })
    return out
  }
  const matmul: LayerBuilder['matmul'] = (x, weight, cols, label, { bias, scale = 1, add } = {}) => {
    const out = g.value(x.rows, cols, label)
    g.push({ op: 'matmul', weight, bias, scale, x, add, out })
    return out
  }

  const embedded = g.value('tokens', config.hidden, 'embedding') // [tokens, hidden]
  g.push({ op: 'embed', table: weights.matrix(tensors.embedding), scale: 1, out: embedded })
  let x = norm(embedded, tensors.embeddingNorm, 'embedding-norm')
  let firstValue: Value | undefined
  for (let n = 0; n < config.layers; n++) {
    const builder: LayerBuilder = {
      g,
      spec,
      layout,
      config,
      weights,
      n,
      norm,
      matmul,
      named: (name) => name.replace('{n}', String(n)),
      label: (name) => `${name}.${n}`,
      state: (name, rows, cols) => {
        states.set(`${name}.${n}`, { rows, cols })
        return { state: `${name}.${n}` }
      },
      blend: (y, previous, weight, label, dynamic) => {
        const out = g.value('tokens', y.cols, label)
        g.push({ op: 'shift-mix', x: y, previous, weight, dynamic, out })
        return out
      },
    }
    const mixed = timeMix(builder, x, firstValue)
    firstValue ??= mixed.value
    x = channelMix(builder, mixed.out)
  }

  const last = g.value('outputs', config.hidden, 'last')
  g.push({ op: 'select-outputs', x, out: last })
  const normed = norm(last, tensors.outputNorm, 'output-norm')
  const logits = matmul(normed, weights.matrix(tensors.head), config.vocabulary, 'logits') // [outputs, vocabulary]
  return { graph: g.build(logits), states, weights: weights.sources }
}

function channelMix(b: LayerBuilder, x: Value): Value {
  const { g, config, spec, layout } = b
  const names = layout.tensors.channel
  const normed = b.norm(x, b.named(layout.tensors.channelNorm), b.label('channel-norm'))
  const previous = b.state('channel-shift', 1, config.hidden)
  const share = (name: string): WeightRef =>
    b.weights.vector(b.named(name), config.hidden, { change: (values) => shareOfPrevious(spec, values) })
  const blended = b.blend(normed, previous, share(names.mixKey), b.label('channel-mix-key'))
  const gated = spec.channelMix.gated && names.mixReceptance !== undefined && names.receptance !== undefined
  const blendedReceptance = gated
    ? b.blend(normed, previous, share(names.mixReceptance), b.label('channel-mix-receptance'))
    : undefined
  g.push({ op: 'keep-last', x: normed, state: previous })

  const key = b.matmul(blended, b.weights.matrix(b.named(names.key)), config.ffn, b.label('channel-key'))
  const active = g.value('tokens', config.ffn, b.label('channel-active')) // [tokens, ffn]
  g.push({ op: 'activate', activation: 'relu-squared', x: key, out: active })
  const value = b.weights.matrix(b.named(names.value))
  const scale = branchScale(b)
  if (!gated || blendedReceptance === undefined) {
    return b.matmul(active, value, config.hidden, b.label('channel-out'), { scale, add: x })
  }
  const up = b.matmul(active, value, config.hidden, b.label('channel-value'), { scale })
  const receptance = b.weights.matrix(b.named(names.receptance))
  const gate = b.matmul(blendedReceptance, receptance, config.hidden, b.label('channel-receptance'))
  const branch = g.value('tokens', config.hidden, b.label('channel-branch'))
  g.push({ op: 'gated', activation: 'sigmoid', gate: whole(gate), up: whole(up), out: branch })
  const out = g.value('tokens', config.hidden, b.label('channel-out'))
  g.push({ op: 'add', x: branch, scale: 1, y: x, out })
  return out
}
