// The interpreter of transformer specs: one family's data and one file's numbers become a graph. It knows no family by name.
import type { Presence, TensorLayout, TransformerSpec } from '../arch/spec'
import { GraphBuilder, type Graph, type Value, type WeightRef } from '../graph/graph'
import { missingTensor, type ModelConfig } from './config'

/** Name under which the model uploads the table of rotary angles. */
export const ropeTableName = 'rope.table'

export interface BuiltGraph {
  readonly graph: Graph
  /** State tensors [capacity, cols] that the graph appends to, by name. */
  readonly caches: ReadonlyMap<string, number>
}

/** `has` tells whether the checkpoint carries a tensor. Throws `bad-file` when a required one is missing. */
export function buildTransformer(
  spec: TransformerSpec,
  layout: TensorLayout,
  config: ModelConfig,
  has: (tensor: string) => boolean,
): BuiltGraph {
  const g = new GraphBuilder()
  const names = layout.tensors
  const caches = new Map<string, number>()
  const queryWidth = config.heads * config.headDim
  const kvWidth = config.kvHeads * config.headDim

  const weight = (name: string): WeightRef => {
    const tensor = `${name}.weight`
    if (!has(tensor)) throw missingTensor(tensor)
    return { weight: tensor }
  }
  const bias = (name: string, presence: Presence): WeightRef | undefined => {
    const tensor = `${name}.bias`
    if (presence === 'required' && !has(tensor)) throw missingTensor(tensor)
    return presence !== 'absent' && has(tensor) ? { weight: tensor } : undefined
  }
  const norm = (x: Value, name: string, label: string, group = x.cols): Value => {
    const out = g.value(x.rows, x.cols, label)
    g.push({
      op: 'rms-norm',
      x,
      weight: weight(name),
      group,
      eps: config.normEps,
      offset: layout.normOffset ?? 0,
      out,
    })
    return out
  }
  const linear = (
    x: Value,
    name: string,
    cols: number,
    presence: Presence,
    label: string,
    { scale = 1, add }: { scale?: number; add?: Value } = {},
  ): Value => {
    const out = g.value(x.rows, cols, label)
    g.push({ op: 'matmul', weight: weight(name), bias: bias(name, presence), scale, x, add, out })
    return out
  }
  const rotate = (x: Value, heads: number, label: string): Value => {
    const out = g.value('tokens', x.cols, label)
    g.push({
      op: 'rope',
      x,
      table: { weight: ropeTableName },
      heads,
      headDim: config.headDim,
      from: 0,
      rotaryDims: config.rope.dims,
      pairs: layout.pairs,
      axis: 'position',
      out,
    })
    return out
  }
  // Norm of every head of q or k, where the family has one.
  const normHeads = (x: Value, name: string, label: string): Value =>
    spec.attention.qkNorm === 'head' ? norm(x, name, label, config.headDim) : x
  const remember = (x: Value, name: string): { state: string } => {
    caches.set(name, x.cols)
    g.push({ op: 'append', x, cache: { state: name } })
    return { state: name }
  }

  let x = g.value('tokens', config.hidden, 'embedding') // [tokens, hidden]
  g.push({ op: 'embed', table: weight(names.embedding), scale: config.scales.embedding, out: x })

  for (let n = 0; n < config.layers; n++) {
    const named = (name: string): string => name.replace('{n}', String(n))
    const label = (name: string): string => `${name}.${n}`

    const h = norm(x, named(names.attentionNorm), label('attention-norm'))
    const q = linear(h, named(names.q), queryWidth, spec.attention.qkvBias, label('q')) // [tokens, heads * headDim]
    const k = linear(h, named(names.k), kvWidth, spec.attention.qkvBias, label('k')) // [tokens, kvHeads * headDim]
    const v = linear(h, named(names.v), kvWidth, spec.attention.qkvBias, label('v'))
    const normedQ = normHeads(q, named(names.qNorm), label('q-norm'))
    const normedK = normHeads(k, named(names.kNorm), label('k-norm'))
    const keys = remember(rotate(normedK, config.kvHeads, label('k-rope')), label('k'))
    const values = remember(v, label('v'))
    const attended = g.value('tokens', queryWidth, label('attention'))
    g.push({
      op: 'attention',
      q: rotate(normedQ, config.heads, label('q-rope')),
      k: keys,
      v: values,
      heads: config.heads,
      kvHeads: config.kvHeads,
      headDim: config.headDim,
      valueDim: config.headDim,
      scale: 1 / Math.sqrt(config.headDim),
      window: undefined,
      softcap: undefined,
      slopes: undefined,
      prefix: false,
      chunks: undefined,
      out: attended,
    })
    x = linear(
      attended,
      named(names.attentionOutput),
      config.hidden,
      spec.attention.outputBias,
      label('attention-out'),
      { scale: config.scales.branch, add: x },
    )

    const m = norm(x, named(names.mlpNorm), label('mlp-norm'))
    const gate = linear(m, named(names.gate), config.ffn, spec.mlp.bias, label('gate')) // [tokens, ffn]
    const up = linear(m, named(names.up), config.ffn, spec.mlp.bias, label('up'))
    const mixed = g.value('tokens', config.ffn, label('mlp'))
    g.push({ op: 'gated', activation: spec.mlp.activation, gate, up, out: mixed })
    x = linear(mixed, named(names.down), config.hidden, spec.mlp.bias, label('down'), {
      scale: config.scales.branch,
      add: x,
    })
  }

  const last = g.value('outputs', config.hidden, 'last')
  g.push({ op: 'select-outputs', x, out: last })
  const normed = norm(last, names.outputNorm, 'output-norm')
  const tied = { always: true, 'when-absent': !has(`${names.head}.weight`), never: false }[spec.head.tied]
  const head = tied ? names.embedding : names.head
  const logits = linear(normed, head, config.vocabulary, 'absent', 'logits', {
    scale: config.scales.logits,
  }) // [outputs, vocabulary]
  return { graph: g.build(logits), caches }
}
