// The interpreter of transformer specs: one family's data and one file's numbers become a graph. It knows no family by name.
import type { PackedRows, Presence, TensorLayout, TensorName, TransformerSpec } from '../arch/spec'
import {
  GraphBuilder,
  whole,
  type Graph,
  type RopeAxis,
  type StateRef,
  type StateType,
  type Value,
  type WeightRef,
} from '../graph/graph'
import { EngineError } from '../protocol/errors'
import { alibiSlopes } from './alibi'
import type { ModelConfig, RopeConfig } from './config'
import { GraphWeights, rowsOfHeads } from './graph-weights'
import { queryScales } from './query-scale'
import type { StoredDivisors } from './rope-scaling'
import type { CacheShape } from './state'
import { ropeTable } from './rope-table'
import type { WeightSource } from './weights'

export interface BuiltGraph {
  readonly graph: Graph
  /** State tensors [capacity, cols] that the graph appends to, by name. */
  readonly caches: ReadonlyMap<string, CacheShape>
  /** Where every weight of the graph comes from, by the graph's name for it. */
  readonly weights: ReadonlyMap<string, WeightSource>
}

export interface TransformerFile {
  readonly spec: TransformerSpec
  readonly layout: TensorLayout
  readonly config: ModelConfig
  /** Longest sequence the graph will see. */
  readonly context: number
  /** Of keys and values. */
  readonly cacheType: StateType
  /** Divisors of rotary frequencies that the file carries as tensors. */
  readonly divisors: StoredDivisors
  /** Whether the file has a tensor. */
  has(tensor: string): boolean
}

/** Throws `bad-file` when a required tensor is missing. */
export function buildTransformer(file: TransformerFile): BuiltGraph {
  return new TransformerBuilder(file).build()
}

class TransformerBuilder {
  readonly #g = new GraphBuilder()
  readonly #caches = new Map<string, CacheShape>()
  readonly #weights: GraphWeights

  constructor(private readonly file: TransformerFile) {
    this.#weights = new GraphWeights(file.config, (tensor) => file.has(tensor))
  }

  build(): BuiltGraph {
    const { config, layout } = this.file
    const names = layout.tensors
    let x = this.#g.value('tokens', config.hidden, 'embedding') // [tokens, hidden]
    const embedding = this.#weights.weight(names.embedding)
    this.#g.push({ op: 'embed', table: embedding, scale: config.scales.embedding, out: x })

    for (let n = 0; n < config.layers; n++) {
      const layer = new LayerNames(layout, n)
      const h = this.#norm(x, layer.of('attentionNorm'), layer.label('attention-norm'))
      const attended = this.#attention(h, layer)
      x = this.#branch(x, h, attended, layer, {
        matrix: 'attentionOutput',
        bias: this.file.spec.attention.outputBias,
        norm: 'attentionAfterNorm',
      })
      const m = this.#norm(x, layer.of('mlpNorm'), layer.label('mlp-norm'))
      const mixed = this.#mlp(m, layer)
      x = this.#branch(x, m, mixed, layer, {
        matrix: 'down',
        bias: this.file.spec.mlp.bias,
        norm: 'mlpAfterNorm',
      })
    }
    return { graph: this.#g.build(this.#logits(x)), caches: this.#caches, weights: this.#weights.sources }
  }

  // [outputs, vocabulary]
  #logits(x: Value): Value {
    const { spec, config, layout } = this.file
    const names = layout.tensors
    const last = this.#g.value('outputs', config.hidden, 'last')
    this.#g.push({ op: 'select-outputs', x, out: last })
    const normed = this.#norm(last, names.outputNorm, 'output-norm')
    const absent = !this.#weights.has(`${names.head}.weight`)
    const tied = { always: true, 'when-absent': absent, never: false }[spec.head.tied]
    const head = tied ? names.embedding : names.head
    const scale = config.scales.logits
    let logits = this.#linear(normed, head, config.vocabulary, 'absent', 'logits', { scale })
    if (config.unitRows) {
      const weight = this.#weights.add(`${head}.lengths`, {
        kind: 'inverse-row-lengths',
        tensor: `${head}.weight`,
      })
      const out = this.#g.value('outputs', config.vocabulary, 'unit-logits')
      this.#g.push({ op: 'scale-columns', x: logits, weight, bias: undefined, out })
      logits = out
    }
    if (config.logitSoftcap === undefined) return logits
    const out = this.#g.value('outputs', config.vocabulary, 'capped-logits')
    this.#g.push({ op: 'softcap', x: logits, cap: config.logitSoftcap, out })
    return out
  }

  // Projects what a block computed back to the residual stream x and adds it there; `input` is x after the block's norm.
  #branch(
    x: Value,
    input: Value,
    computed: Value,
    layer: LayerNames,
    names: {
      matrix: 'attentionOutput' | 'down'
      bias: Presence
      norm: 'attentionAfterNorm' | 'mlpAfterNorm'
    },
  ): Value {
    const { spec, config } = this.file
    const { branch: scale, residual } = config.scales
    const stream = spec.residual === 'normed' ? input : x
    const separate = residual !== 1 || spec.norm.afterBranch === true
    const projected = this.#linear(
      computed,
      layer.of(names.matrix),
      config.hidden,
      names.bias,
      layer.label(names.matrix),
      separate ? { scale } : { scale, add: stream },
    )
    if (!separate) return projected
    const normed = spec.norm.afterBranch
      ? this.#norm(projected, layer.of(names.norm), layer.label(names.norm))
      : projected
    const out = this.#g.value('tokens', config.hidden, layer.label(`${names.matrix}-sum`))
    this.#g.push({ op: 'add', x: stream, scale: residual, y: normed, out })
    return out
  }

  // [tokens, heads * valueDim]
  #attention(h: Value, layer: LayerNames): Value {
    const { spec, config, context } = this.file
    const { heads, kvHeads, headDim, valueDim } = config
    const window = config.windows[layer.n]
    const rope = window === undefined ? config.rope : (config.localRope ?? config.rope)
    const { q, k, v } = spec.attention.latent ? this.#latentHeads(h, layer, rope) : this.#heads(h, layer)
    const chunks = config.chunks && context > config.chunks.length ? config.chunks : undefined
    const turn = (x: Value, count: number, name: string, position?: Turn): Value =>
      rope === undefined || spec.attention.latent
        ? x
        : this.#rotate(x, count, rope, layer.label(name), position)

    const long = this.#scaleByLength(q, layer)
    const keys = this.#remember(
      turn(k, kvHeads, 'k-rope', chunks && turnInChunk(chunks.length)),
      layer.label('k'),
    )
    const values = this.#remember(v, layer.label('v'))
    const out = this.#g.value('tokens', heads * valueDim, layer.label('attention'))
    this.#g.push({
      op: 'attention',
      q: turn(long, heads, 'q-rope', chunks && turnInChunk(chunks.length)),
      k: keys,
      v: values,
      heads,
      kvHeads,
      headDim,
      valueDim,
      scale: config.attentionScale,
      window: window !== undefined && window < context ? window : undefined,
      softcap: config.attentionSoftcap,
      slopes: config.alibiBias === undefined ? undefined : this.#slopes(config.alibiBias),
      prefix: spec.attention.prefix === true,
      chunks: chunks && {
        length: chunks.length,
        successive: turn(long, heads, 'q-rope-successive', turnAfterChunk(chunks)),
        inter: turn(long, heads, 'q-rope-inter', turnBeyondChunks(chunks)),
      },
      out,
    })
    return out
  }

  #heads(h: Value, layer: LayerNames): { q: Value; k: Value; v: Value } {
    const { spec, config } = this.file
    const { heads, kvHeads, headDim, valueDim } = config
    const { qkvBias, qkNorm } = spec.attention
    const q = this.#linear(h, layer.of('q'), heads * headDim, qkvBias, layer.label('q')) // [tokens, heads * headDim]
    const k = this.#linear(h, layer.of('k'), kvHeads * headDim, qkvBias, layer.label('k'))
    const v = this.#linear(h, layer.of('v'), kvHeads * valueDim, qkvBias, layer.label('v'))
    if (qkNorm === undefined) return { q, k, v }
    return {
      q: this.#norm(q, layer.of('qNorm'), layer.label('q-norm'), headDim),
      k: this.#norm(k, layer.of('kNorm'), layer.label('k-norm'), headDim),
      v,
    }
  }

  // Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434, section 2.1): heads of q and k are an own part and a part that
  // turns, and the turning part of k is one for all heads.
  #latentHeads(h: Value, layer: LayerNames, rope: RopeConfig | undefined): { q: Value; k: Value; v: Value } {
    const { config, layout } = this.file
    const { heads, headDim, valueDim, latent } = config
    const names = layout.tensors.latent
    if (!names || !latent || !rope) throw new EngineError('internal', 'latent attention without its numbers')
    const turning = rope.dims
    const own = headDim - turning
    const named = (name: keyof typeof names): string => layer.named(names[name])
    const norm = (x: Value, name: 'qNorm' | 'kvNorm'): Value =>
      this.#norm(x, named(name), layer.label(`latent-${name}`), x.cols, latent.normEps)
    const rows = (
      x: Value,
      tensor: 'kvDown' | 'kvUp',
      part: string,
      cols: number,
      height: number,
      first: number,
    ): Value => {
      const groups = tensor === 'kvDown' ? 1 : heads
      const weight = this.#weights.rows(
        named(tensor),
        part,
        rowsOfHeads(groups, height, first, cols / groups),
      )
      return this.#matmul(x, weight, undefined, cols, layer.label(part))
    }

    const narrowQ = this.#linear(h, named('qDown'), latent.q, 'absent', layer.label('q-latent'))
    const q = this.#linear(norm(narrowQ, 'qNorm'), named('qUp'), heads * headDim, 'absent', layer.label('q'))
    const kvHeight = latent.kv + turning
    const narrow = norm(rows(h, 'kvDown', 'kv-latent', latent.kv, kvHeight, 0), 'kvNorm')
    const shared = rows(h, 'kvDown', 'k-shared', turning, kvHeight, latent.kv)
    const k = rows(narrow, 'kvUp', 'k', heads * own, own + valueDim, 0)
    const v = rows(narrow, 'kvUp', 'v', heads * valueDim, own + valueDim, own)
    const joined = this.#g.value('tokens', heads * headDim, layer.label('k-joined'))
    this.#g.push({
      op: 'join-heads',
      x: k,
      shared: this.#rotate(shared, 1, rope, layer.label('k-rope')),
      heads,
      out: joined,
    })
    return { q: this.#rotate(q, heads, rope, layer.label('q-rope'), undefined, own), k: joined, v }
  }

  // [tokens, ffn]
  #mlp(m: Value, layer: LayerNames): Value {
    const { spec, config } = this.file
    const { gated, activation, bias } = spec.mlp
    const gate = gated ? this.#linear(m, layer.of('gate'), config.ffn, bias, layer.label('gate')) : undefined
    const up = this.#linear(m, layer.of('up'), config.ffn, bias, layer.label('up'))
    const out = this.#g.value('tokens', config.ffn, layer.label('mlp'))
    this.#g.push(
      gate
        ? { op: 'gated', activation, gate: whole(gate), up: whole(up), out }
        : { op: 'activate', activation, x: up, out },
    )
    return out
  }

  #rotate(
    x: Value,
    heads: number,
    rope: RopeConfig,
    label: string,
    position: Turn = plainTurn,
    from = 0,
  ): Value {
    const { spec, layout, context, config, divisors } = this.file
    const local = rope === config.localRope
    const table = this.#weights.add(`rope.${local ? 'local' : 'table'}${position.suffix}`, {
      kind: 'computed',
      rows: context,
      cols: rope.dims,
      from: [],
      values: () =>
        ropeTable(rope.scaling.at(context, local ? {} : divisors), rope.dims, context, position.turn),
    })
    const along = (input: Value, column: number, axis: RopeAxis): Value => {
      const out = this.#g.value('tokens', x.cols, label)
      const { pairs } = layout
      const headDim = x.cols / heads
      this.#g.push({
        op: 'rope',
        x: input,
        table,
        heads,
        headDim,
        from: column,
        rotaryDims: rope.dims,
        pairs,
        axis,
        out,
      })
      return out
    }
    if (spec.position.axes === undefined) return along(x, from, 'position')
    return along(along(x, from, 'prefix'), from + rope.dims, 'after-prefix')
  }

  #scaleByLength(q: Value, layer: LayerNames): Value {
    const scales = queryScales(this.file.config, this.file.context)
    if (scales === undefined) return q
    const table = this.#weights.add('query-scales', {
      kind: 'computed',
      rows: scales.length,
      cols: 1,
      from: [],
      values: () => scales,
    })
    const out = this.#g.value('tokens', q.cols, layer.label('q-scaled'))
    this.#g.push({ op: 'scale-by-position', x: q, table, out })
    return out
  }

  #slopes(maxBias: number): WeightRef {
    const { heads } = this.file.config
    const values = (): Float32Array => alibiSlopes(heads, maxBias)
    return this.#weights.add('alibi.slopes', { kind: 'computed', rows: 1, cols: heads, from: [], values })
  }

  #remember(x: Value, name: string): StateRef {
    const type = this.file.cacheType
    const cache = { state: name, type }
    this.#caches.set(name, { cols: x.cols, type })
    this.#g.push({ op: 'append', x, cache })
    return cache
  }

  #norm(x: Value, name: TensorName, label: string, group = x.cols, eps = this.file.config.normEps): Value {
    const { spec, layout } = this.file
    const out = this.#g.value(x.rows, x.cols, label)
    const weight = this.#weights.weight(name)
    if (spec.norm.kind === 'layer') {
      const bias = this.#weights.bias(name, 'optional')
      this.#g.push({ op: 'layer-norm', x, weight, bias, group, eps, out })
    } else this.#g.push({ op: 'rms-norm', x, weight, group, eps, offset: layout.normOffset ?? 0, out })
    return out
  }

  #linear(
    x: Value,
    name: TensorName,
    cols: number,
    presence: Presence,
    label: string,
    extra: { scale?: number; add?: Value } = {},
  ): Value {
    return this.#matmul(x, this.#weights.weight(name), this.#weights.bias(name, presence), cols, label, extra)
  }

  #matmul(
    x: Value,
    weight: WeightRef,
    bias: WeightRef | undefined,
    cols: number,
    label: string,
    { scale = 1, add }: { scale?: number; add?: Value } = {},
  ): Value {
    const out = this.#g.value(x.rows, cols, label)
    this.#g.push({ op: 'matmul', weight, bias, scale, x, add, out })
    return out
  }
}

/** Which position a value turns by. */
interface Turn {
  /** Of the name of the table. */
  readonly suffix: string
  readonly turn: (position: number) => number
}

const plainTurn: Turn = { suffix: '', turn: (position) => position }

// Dual Chunk Attention: keys and queries of one chunk at true distances, queries to the chunk before at true distances while those
// are short, and to all earlier chunks at the longest distance that was trained.
function turnInChunk(length: number): Turn {
  return { suffix: '.chunk', turn: (position) => position % length }
}

function turnAfterChunk({ length, local }: { length: number; local: number }): Turn {
  return {
    suffix: '.successive',
    turn: (position) => Math.min((position % length) + length, length + local),
  }
}

function turnBeyondChunks({ length, local }: { length: number; local: number }): Turn {
  return { suffix: '.inter', turn: () => Math.min(2 * length - 1, length + local) }
}

type LayerTensor = Exclude<keyof TensorLayout['tensors'], 'latent' | 'ignored'>

/** The names of one layer's tensors and values. */
class LayerNames {
  constructor(
    private readonly layout: TensorLayout,
    readonly n: number,
  ) {}

  named(name: string): string {
    return name.replace('{n}', String(this.n))
  }

  label(name: string): string {
    return `${name}.${this.n}`
  }

  of(field: LayerTensor): TensorName {
    const name = this.layout.tensors[field]
    if (name === undefined) throw new EngineError('internal', `the layout has no name for "${field}"`)
    return this.#fill(name)
  }

  #fill(name: TensorName): TensorName {
    const one = (choice: string | PackedRows): string | PackedRows =>
      typeof choice === 'string' ? this.named(choice) : { ...choice, tensor: this.named(choice.tensor) }
    return typeof name === 'string' || 'tensor' in name ? one(name) : name.map(one)
  }
}
