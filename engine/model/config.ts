// A model's numbers, read from its metadata once and checked, so that the graph builder can trust them.
import { layoutOf, type ArchSpec } from '../arch/spec'
import type { Checkpoint } from '../format/checkpoint'
import { numberOf, optionalNumberOf, optionalStringOf } from '../format/metadata'
import { EngineError } from '../protocol/errors'
import { readRopeScaling, type RopeScaling } from './rope-scaling'

export interface ModelConfig {
  readonly architecture: string
  readonly name: string
  readonly layers: number
  /** Width of the residual stream. */
  readonly hidden: number
  readonly heads: number
  /** Key and value heads; fewer than `heads` with grouped-query attention. */
  readonly kvHeads: number
  readonly headDim: number
  /** Width inside the feed-forward block. */
  readonly ffn: number
  /** Rows of the token embedding, padding included. */
  readonly vocabulary: number
  readonly normEps: number
  readonly scales: Scales
  readonly rope: RopeConfig
  /** Longest sequence the model was trained for. */
  readonly trainedContext: number
}

/** What values are multiplied by; one where a family scales nothing. */
export interface Scales {
  readonly embedding: number
  /** Of what attention and the feed-forward block add to the residual stream. */
  readonly branch: number
  readonly logits: number
}

export interface RopeConfig extends RopeScaling {
  /** Base of the rotary frequencies. */
  readonly base: number
  /** Columns of a head that turn; the rest pass through. */
  readonly dims: number
}

/** Throws `bad-file` when a number is missing or impossible, `unsupported-arch` for scaling we do not know. */
export function readConfig(spec: ArchSpec, checkpoint: Checkpoint): ModelConfig {
  const metadata = checkpoint.metadata
  const architecture = optionalStringOf(metadata, 'general.architecture') ?? ''
  const key = (name: string): string => `${architecture}.${name}`
  const count = (name: string): number => positive(numberOf(metadata, key(name)), key(name))

  const embeddingName = `${layoutOf(spec, checkpoint.layout).tensors.embedding}.weight`
  const embedding = checkpoint.tensors.get(embeddingName)
  if (!embedding) throw missingTensor(embeddingName)
  const hidden = count('embedding_length')
  const layers = count('block_count')
  const heads = count('attention.head_count')
  const kvHeads = optionalNumberOf(metadata, key('attention.head_count_kv')) ?? heads
  const headDim = optionalNumberOf(metadata, key('attention.key_length')) ?? hidden / heads
  if (heads % kvHeads !== 0 || !Number.isInteger(headDim) || headDim % 2 !== 0) {
    throw new EngineError(
      'bad-file',
      `${heads} heads, ${kvHeads} key-value heads of ${headDim} columns do not fit together.`,
      {
        hint: 'The file is damaged or was converted by a faulty tool. Download it again.',
      },
    )
  }
  const base = optionalNumberOf(metadata, key('rope.freq_base')) ?? 10000
  const dims = optionalNumberOf(metadata, key('rope.dimension_count')) ?? headDim
  if (dims <= 0 || dims > headDim || dims % 2 !== 0) {
    throw new EngineError('bad-file', `${dims} rotary columns do not fit heads of ${headDim}.`, {
      hint: 'The file is damaged. Download it again.',
    })
  }
  return {
    architecture,
    name: optionalStringOf(metadata, 'general.name') ?? architecture,
    layers,
    hidden,
    heads,
    kvHeads,
    headDim,
    ffn: count('feed_forward_length'),
    vocabulary: embedding.shape[0] ?? 0,
    normEps: numberOf(metadata, key('attention.layer_norm_rms_epsilon')),
    scales: readScales(spec, (name) => optionalNumberOf(metadata, key(name)), hidden, layers),
    rope: { base, dims, ...readRopeScaling(metadata, architecture, base, dims) },
    trainedContext: count('context_length'),
  }
}

// `scale_depth` and `dim_model_base` are names of our own: config.json has these numbers, a GGUF what they come to.
function readScales(
  spec: ArchSpec,
  stored: (name: string) => number | undefined,
  hidden: number,
  layers: number,
): Scales {
  if (spec.muP === undefined)
    return { embedding: spec.embeddingScale === 'sqrt-hidden' ? Math.sqrt(hidden) : 1, branch: 1, logits: 1 }
  const divisor = stored('logit_scale')
  const depth = stored('scale_depth') ?? spec.muP.depth
  const scales = {
    embedding: stored('embedding_scale') ?? spec.muP.embedding,
    branch: stored('residual_scale') ?? depth / Math.sqrt(layers),
    // The key holds a divisor of one or more, but some converters wrote its inverse.
    logits:
      divisor === undefined
        ? (stored('dim_model_base') ?? spec.muP.baseHidden) / hidden
        : Math.min(divisor, 1 / divisor),
  }
  const wrong = Object.entries(scales).find(([, scale]) => !(scale > 0 && Number.isFinite(scale)))
  if (wrong === undefined) return scales
  throw new EngineError('bad-file', `The scale of the ${wrong[0]} comes to ${wrong[1]}.`, {
    hint: 'The file is damaged. Download it again.',
  })
}

/** Error for a tensor that a file of this family must have. */
export function missingTensor(name: string): EngineError {
  return new EngineError('bad-file', `The model file lacks the tensor "${name}".`, {
    hint: 'The file is damaged or incomplete. Download it again.',
  })
}

function positive(value: number, name: string): number {
  if (Number.isSafeInteger(value) && value > 0) return value
  throw new EngineError('bad-file', `"${name}" is ${value}, but must be a positive whole number.`, {
    hint: 'The file is damaged. Download it again.',
  })
}
