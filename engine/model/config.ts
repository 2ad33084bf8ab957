// A model's numbers, read from its metadata once and checked, so that the graph builder can trust them.
import { layoutOf, type TransformerSpec } from '../arch/spec'
import type { Checkpoint } from '../format/checkpoint'
import {
  badMetadata,
  numberOf,
  numberPerLayer,
  numbersOf,
  optionalBooleanOf,
  optionalNumberOf,
  optionalStringOf,
  type Metadata,
} from '../format/metadata'
import { EngineError } from '../protocol/errors'
import { defaultAlibiBias } from './alibi'
import { readRopeScaling, unscaled, type RopeScaling } from './rope-scaling'

export interface ModelConfig {
  readonly architecture: string
  readonly name: string
  readonly layers: number
  /** Width of the residual stream. */
  readonly hidden: number
  readonly heads: number
  /** Key and value heads; fewer than `heads` with grouped-query attention. */
  readonly kvHeads: number
  /** Columns of a head of q and k. */
  readonly headDim: number
  /** Columns of a head of v. */
  readonly valueDim: number
  /** Width inside the feed-forward block. */
  readonly ffn: number
  /** Rows of the token embedding, padding included. */
  readonly vocabulary: number
  /** Rows of the output matrix are divided by their lengths. */
  readonly unitRows: boolean
  readonly normEps: number
  readonly scales: Scales
  /** What q . k is multiplied by. */
  readonly attentionScale: number
  /** Scores and logits above these are bent towards them; undefined is no limit. */
  readonly attentionSoftcap: number | undefined
  readonly logitSoftcap: number | undefined
  /** Tokens each layer looks back, itself among them; undefined is all. */
  readonly windows: readonly (number | undefined)[]
  /** Undefined in a model with ALiBi, whose attention itself knows distances. */
  readonly rope: RopeConfig | undefined
  /** Exponent of the flattest slope of ALiBi, which is 2^-this; undefined without ALiBi. */
  readonly alibiBias: number | undefined
  /** Of layers with a window. */
  readonly localRope: RopeConfig | undefined
  /** Widths of the latent vectors, in families that have them. */
  readonly latent: { readonly q: number; readonly kv: number; readonly normEps: number } | undefined
  /** Queries at later positions p are multiplied by ln(p + 1) / ln(this). */
  readonly logScaleFrom: number | undefined
  readonly chunks: ChunkConfig | undefined
  /** Token before which the prompt sees itself both ways, in families where it does. */
  readonly answerStart: number | undefined
  /** Longest sequence the model can take. */
  readonly trainedContext: number
}

/** Lengths of Dual Chunk Attention, in tokens. */
export interface ChunkConfig {
  readonly length: number
  /** Of the part of the chunk before that is seen at true distances. */
  readonly local: number
  /** Beyond this, queries are scaled; undefined is never. */
  readonly original: number | undefined
}

/** What values are multiplied by; one where a family scales nothing. */
export interface Scales {
  readonly embedding: number
  /** Of what attention and the feed-forward block add to the residual stream. */
  readonly branch: number
  /** Of the residual stream itself before a branch joins it. */
  readonly residual: number
  readonly logits: number
}

export interface RopeConfig {
  /** Columns of a head that turn; the rest pass through. */
  readonly dims: number
  readonly scaling: RopeScaling
}

// The deepest models have some 130 layers. Lists are made of this length before the first missing tensor is noticed.
const mostLayers = 4096

/** Throws `bad-file` when a number is missing or impossible, `unsupported-arch` for scaling we do not know. */
export function readConfig(spec: TransformerSpec, checkpoint: Checkpoint): ModelConfig {
  const metadata = checkpoint.metadata
  const architecture = optionalStringOf(metadata, 'general.architecture') ?? ''
  const key = (name: string): string => `${architecture}.${name}`
  const stored = (name: string): number | undefined => optionalNumberOf(metadata, key(name))
  const count = (name: string): number => positive(numberOf(metadata, key(name)), key(name))

  const embeddingName = `${layoutOf(spec, checkpoint.layout).tensors.embedding}.weight`
  const embedding = checkpoint.tensors.get(embeddingName)
  if (!embedding) throw missingTensor(embeddingName)
  const vocabulary = embedding.shape[0] ?? 0
  const hidden = count('embedding_length')
  const layers = count('block_count')
  if (layers > mostLayers) {
    throw new EngineError(
      'bad-file',
      `"${key('block_count')}" is ${layers}, more than the possible ${mostLayers}.`,
      { hint: 'The file is damaged. Download it again.' },
    )
  }
  const uniform = (name: string, fallback?: number): number =>
    sameInAllLayers(key(name), numberPerLayer(metadata, key(name), layers, fallback))
  const heads = positive(uniform('attention.head_count'), key('attention.head_count'))
  // Latent vectors give every head keys of its own.
  const kvHeads = spec.attention.latent ? heads : uniform('attention.head_count_kv', heads)
  const headDim = stored('attention.key_length') ?? hidden / heads
  const valueDim = stored('attention.value_length') ?? hidden / heads
  if (
    heads % kvHeads !== 0 ||
    ![headDim, valueDim].every((n) => Number.isInteger(n) && n > 0 && n % 2 === 0)
  ) {
    throw new EngineError(
      'bad-file',
      `${heads} heads, ${kvHeads} key-value heads of ${headDim} and ${valueDim} columns do not fit together.`,
      {
        hint: 'The file is damaged or was converted by a faulty tool. Download it again.',
      },
    )
  }
  const context = count('context_length')
  const alibiBias =
    stored('attention.max_alibi_bias') ?? (layers === spec.position.alibiLayers ? defaultAlibiBias : 0)
  const rope = alibiBias > 0 ? undefined : readRope(spec, metadata, architecture, headDim, context)
  const windows = readWindows(spec, metadata, key, layers)
  const hiddenScale = layers === spec.attention.hiddenScaleLayers
  const chunks = readChunks(metadata, key)
  if (chunks && windows.some((window) => window !== undefined)) {
    throw new EngineError('unsupported-arch', 'The model has windows and chunks of attention at once.', {
      hint: 'Choose another model.',
    })
  }
  const config: ModelConfig = {
    architecture,
    name: optionalStringOf(metadata, 'general.name') ?? architecture,
    layers,
    hidden,
    heads,
    kvHeads,
    headDim,
    valueDim,
    ffn:
      positive(uniform('feed_forward_length'), key('feed_forward_length')) / (spec.mlp.widthDoubled ? 2 : 1),
    vocabulary,
    unitRows:
      optionalBooleanOf(metadata, key('output_rows_normalized')) ?? vocabulary === spec.head.unitRowsAt,
    normEps: numberOf(
      metadata,
      key(spec.norm.kind === 'rms' ? 'attention.layer_norm_rms_epsilon' : 'attention.layer_norm_epsilon'),
    ),
    scales: readScales(spec, stored, hidden, layers),
    attentionScale: stored('attention.scale') ?? 1 / Math.sqrt(hiddenScale ? hidden / heads : headDim),
    attentionSoftcap: (stored('attn_logit_softcapping') ?? spec.attention.softcap) || undefined,
    logitSoftcap: (stored('final_logit_softcapping') ?? spec.head.softcap) || undefined,
    windows,
    rope,
    alibiBias: alibiBias > 0 ? alibiBias : undefined,
    localRope:
      rope && windows.some((window) => window !== undefined) ? localRope(spec, stored, rope) : undefined,
    latent: spec.attention.latent && {
      q: count('attention.q_lora_rank'),
      kv: count('attention.kv_lora_rank'),
      normEps: spec.attention.latent.normEps,
    },
    logScaleFrom: stored('attention.log_scale_from'),
    chunks,
    answerStart: spec.attention.prefix && numberOf(metadata, key('attention.prefix_end_token_id')),
    trainedContext: Math.max(context, rope?.scaling.longest ?? 0),
  }
  for (const name of ['normEps', 'attentionScale', 'attentionSoftcap', 'logitSoftcap'] as const) {
    const value = config[name]
    if (value !== undefined && !(value > 0 && Number.isFinite(value)))
      throw badMetadata(metadata, `its ${name} comes to ${value}`)
  }
  positive(config.trainedContext, key('context_length'))
  return config
}

/** Error for a tensor that a file of this family must have. */
export function missingTensor(name: string): EngineError {
  return new EngineError('bad-file', `The model file lacks the tensor "${name}".`, {
    hint: 'The file is damaged or incomplete. Download it again.',
  })
}

function readRope(
  spec: TransformerSpec,
  metadata: Metadata,
  architecture: string,
  headDim: number,
  trainedContext: number,
): RopeConfig {
  const key = (name: string): string => `${architecture}.rope.${name}`
  const base = numberOf(metadata, key('freq_base'), 10000)
  const dims = numberOf(metadata, key('dimension_count'), headDim)
  const turning = spec.position.axes === undefined ? dims : 2 * dims
  if (dims <= 0 || turning > headDim || dims % 2 !== 0) {
    throw new EngineError('bad-file', `${dims} rotary columns do not fit heads of ${headDim}.`, {
      hint: 'The file is damaged. Download it again.',
    })
  }
  return { dims, scaling: readRopeScaling({ metadata, key, base, dims, trainedContext }) }
}

function localRope(
  spec: TransformerSpec,
  stored: (name: string) => number | undefined,
  rope: RopeConfig,
): RopeConfig | undefined {
  const base = stored('rope.freq_base_swa') ?? spec.position.localBase
  return base === undefined ? undefined : { dims: rope.dims, scaling: unscaled(base) }
}

// A pattern is a period, of which the last layer sees everything, or a list with one entry per layer, zero for no window.
function readWindows(
  spec: TransformerSpec,
  metadata: Metadata,
  key: (name: string) => string,
  layers: number,
): (number | undefined)[] {
  const window =
    optionalNumberOf(metadata, key('attention.sliding_window')) ?? spec.attention.windowLength ?? 0
  const pattern = metadata.get(key('attention.sliding_window_pattern'))
  const period = typeof pattern === 'number' ? pattern : spec.attention.windowPeriod
  const windowed =
    pattern === undefined || typeof pattern === 'number'
      ? Array.from({ length: layers }, (_, layer) => period !== undefined && (layer + 1) % period !== 0)
      : flagsOf(metadata, key('attention.sliding_window_pattern'), layers)
  return windowed.map((flag) => (flag && window > 0 ? window : undefined))
}

function flagsOf(metadata: Metadata, name: string, layers: number): boolean[] {
  const list = metadata.get(name)
  const flags =
    Array.isArray(list) && list.every((value) => typeof value === 'boolean')
      ? list
      : Array.from(numbersOf(metadata, name), (value) => value !== 0)
  if (flags.length === layers) return flags
  throw badMetadata(metadata, `${name} has ${flags.length} entries for ${layers} layers`)
}

function readChunks(metadata: Metadata, key: (name: string) => string): ChunkConfig | undefined {
  const name = key('attention.chunk_length')
  if (!metadata.has(name)) return undefined
  const local = numberOf(metadata, key('attention.chunk_local_length'))
  if (!Number.isSafeInteger(local) || local < 0)
    throw badMetadata(metadata, `chunks overlap by ${local} tokens`)
  return {
    length: positive(numberOf(metadata, name), name),
    local,
    original: optionalNumberOf(metadata, key('attention.chunk_original_length')),
  }
}

// `scale_depth` and `dim_model_base` are names of our own: config.json has these numbers, a GGUF what they come to.
function readScales(
  spec: TransformerSpec,
  stored: (name: string) => number | undefined,
  hidden: number,
  layers: number,
): Scales {
  const residual = spec.residual === 'normed' ? Math.sqrt(2 * layers) : 1
  if (spec.muP === undefined) {
    const embedding = spec.embeddingScale === 'sqrt-hidden' ? Math.sqrt(hidden) : 1
    return { embedding, branch: 1, residual, logits: 1 }
  }
  const divisor = stored('logit_scale')
  const depth = stored('scale_depth') ?? spec.muP.depth ?? Math.sqrt(layers)
  const scales = {
    embedding: stored('embedding_scale') ?? spec.muP.embedding ?? 1,
    branch: stored('residual_scale') ?? depth / Math.sqrt(layers),
    residual,
    // The key holds a divisor of one or more, but some converters wrote its inverse.
    logits:
      divisor === undefined
        ? (stored('dim_model_base') ?? spec.muP.baseHidden ?? hidden) / hidden
        : Math.min(divisor, 1 / divisor),
  }
  const wrong = Object.entries(scales).find(([, scale]) => !(scale > 0 && Number.isFinite(scale)))
  if (wrong === undefined) return scales
  throw new EngineError('bad-file', `The scale of the ${wrong[0]} comes to ${wrong[1]}.`, {
    hint: 'The file is damaged. Download it again.',
  })
}

// Some converters list numbers once per layer even where all are the same.
function sameInAllLayers(name: string, values: readonly number[]): number {
  const [first = 0] = values
  if (values.every((value) => value === first)) return first
  throw new EngineError('unsupported-arch', `Layers differ in "${name}", which is not supported.`, {
    hint: 'It is a variant of its family. Choose another model, or update Hearth.',
  })
}

function positive(value: number, name: string): number {
  if (Number.isSafeInteger(value) && value > 0) return value
  throw new EngineError('bad-file', `"${name}" is ${value}, but must be a positive whole number.`, {
    hint: 'The file is damaged. Download it again.',
  })
}
