// The vocabulary in which model families are declared. A family is one file of data; only `model/transformer.ts` turns it into a graph.
import type { CheckpointLayout } from '../format/checkpoint'
import type { Activation } from '../graph/graph'
import { EngineError } from '../protocol/errors'
import type { RecurrentSpec } from './rwkv-spec'

/** Whether a family's files carry a tensor: always, never, or as the checkpoint has it. */
export type Presence = 'required' | 'optional' | 'absent'

/** A decoder of attention and feed-forward blocks with a KV cache. */
export interface TransformerSpec {
  readonly family: 'transformer'
  /** Values of `general.architecture` in GGUF files. They are also the prefix of the family's metadata keys. */
  readonly gguf: readonly string[]
  /** What rows of the embedding are multiplied by, the output's not; one unless said otherwise. */
  readonly embeddingScale?: 'sqrt-hidden'
  /** Multipliers of the maximal update parametrization (mu-P), where a file has no numbers of its own; one when left out. */
  readonly muP?: {
    readonly embedding?: number
    /** Branches are multiplied by depth / sqrt(layers). */
    readonly depth?: number
    /** Logits are divided by hidden / baseHidden. */
    readonly baseHidden?: number
  }
  readonly norm: {
    readonly kind: 'rms' | 'layer'
    /** Branches are normed once more before they join the residual stream. */
    readonly afterBranch?: true
  }
  readonly position: {
    readonly kind: 'rope'
    /** Base of the rotary frequencies in layers with a window, where a file does not say; the others' when left out. */
    readonly localBase?: number
    /** A model of this many layers has ALiBi instead, where a file does not say. */
    readonly alibiLayers?: number
    /** Half of a head turns by the position in the prompt, the other half by the position after it. */
    readonly axes?: 'prompt-and-answer'
  }
  readonly attention: {
    readonly qkvBias: Presence
    readonly outputBias: Presence
    /** `head`: q and k are normed head by head, before they turn. */
    readonly qkNorm?: 'head'
    /** q, k and v come from narrow latent vectors, and a part of k is one for all heads (MLA, arXiv 2405.04434). */
    readonly latent?: {
      /** Of the norms of the latent vectors; files do not say it. */
      readonly normEps: number
    }
    /** Scores are bent towards this, where a file does not say; zero in a file is no limit. */
    readonly softcap?: number
    /** Tokens that layers with a window look back, where a file does not say. */
    readonly windowLength?: number
    /** Layers without a window, where a file has a window and does not say which layers: every `period`-th. */
    readonly windowPeriod?: number
    /** A model of this many layers divides scores by sqrt(hidden / heads): its files do not say so. */
    readonly hiddenScaleLayers?: number
    /** Tokens before the one that starts the answer see each other both ways. */
    readonly prefix?: true
  }
  /** `normed`: blocks add to their normed input, times sqrt(2 layers), instead of to the input itself. */
  readonly residual?: 'normed'
  readonly mlp: {
    readonly gated: boolean
    readonly activation: Activation
    readonly bias: Presence
    /** Files give twice the width. */
    readonly widthDoubled?: true
  }
  readonly head: {
    /** `when-absent`: a file without an output matrix uses its token embedding for it. */
    readonly tied: 'always' | 'when-absent' | 'never'
    /** Logits are bent towards this, where a file does not say; zero in a file is no limit. */
    readonly softcap?: number
    /** Rows of the output matrix are divided by their lengths in a model with a vocabulary of this size, where a file does not say. */
    readonly unitRowsAt?: number
  }
  /** How each kind of checkpoint stores the family; a kind that is left out cannot be loaded. */
  readonly layouts: Partial<Readonly<Record<CheckpointLayout, TensorLayout>>>
}

export interface TensorLayout {
  readonly tensors: TransformerTensors
  /** Which columns of a head turn together: GGUF's converter permutes q and k of some families. */
  readonly pairs: 'interleaved' | 'half'
  /** What is added to every weight of a norm: files of some families hold them minus one. */
  readonly normOffset?: number
}

export type ArchSpec = TransformerSpec | RecurrentSpec

/** Matrices that files may hold one below the other in a single tensor. */
export type PackedPart = 'q' | 'k' | 'v' | 'gate' | 'up'

/** Rows of a tensor that holds several matrices: all of the first and then all of the second, or both head by head. */
export interface PackedRows {
  readonly tensor: string
  readonly order: readonly PackedPart[]
  readonly part: PackedPart
  readonly byHead: boolean
}

/** A tensor by its name, `{n}` being the layer, or the first one of several that the file has. */
export type TensorName = string | PackedRows | readonly (string | PackedRows)[]

/** Names of tensors in a file. Weights end in `.weight` and biases in `.bias`. Families that have not some tensor never ask for it. */
export interface TransformerTensors {
  readonly embedding: string
  readonly outputNorm: string
  readonly head: string
  /** Divisors of the rotary frequencies [rotaryDims / 2], where a checkpoint may carry them (Llama 3.1 and later). */
  readonly ropeFactors?: string
  /** The same beyond the first trained length, and up to it (LongRoPE). */
  readonly ropeFactorsLong?: string
  readonly ropeFactorsShort?: string
  readonly attentionNorm: string
  readonly q: TensorName
  readonly k: TensorName
  readonly v: TensorName
  /** Norms of q and k [headDim], in families that have them. */
  readonly qNorm?: string
  readonly kNorm?: string
  /** Latent attention: q from hidden to its latent vector, the norm of that, and from there to the heads; k and v likewise. */
  readonly latent?: {
    readonly qDown: string
    readonly qNorm: string
    readonly qUp: string
    /** [kv latent + shared part of k, hidden] */
    readonly kvDown: string
    readonly kvNorm: string
    /** [heads * (own part of k + v), kv latent], head by head */
    readonly kvUp: string
  }
  readonly attentionOutput: string
  /** Norm of what attention adds, in families that have it. */
  readonly attentionAfterNorm?: string
  readonly mlpNorm: string
  /** The matrix that the activation works on, in families where another one stands beside it. */
  readonly gate?: TensorName
  readonly up: TensorName
  readonly down: string
  /** Norm of what the feed-forward block adds, in families that have it. */
  readonly mlpAfterNorm?: string
  /** Leftovers of old converters that no forward pass reads. */
  readonly ignored: readonly string[]
}

interface LaidOut<Layout> {
  readonly gguf: readonly string[]
  readonly layouts: Partial<Readonly<Record<CheckpointLayout, Layout>>>
}

/** Throws EngineError `unsupported-arch` for a layout in which the family cannot be loaded. */
export function layoutOf<Layout>(spec: LaidOut<Layout>, layout: CheckpointLayout): Layout {
  const found = spec.layouts[layout]
  if (found !== undefined) return found
  throw new EngineError(
    'unsupported-arch',
    `The architecture "${spec.gguf.join(', ')}" cannot be loaded from this kind of file; known: ${Object.keys(spec.layouts).join(', ')}.`,
    { hint: 'Choose another file of this model.' },
  )
}

export function transformer(spec: Omit<TransformerSpec, 'family'>): TransformerSpec {
  return { family: 'transformer', ...spec }
}

/** `part` of a tensor that holds the matrices of `order`, all rows of each in turn. */
export function packed(tensor: string, order: readonly PackedPart[], part: PackedPart): PackedRows {
  return { tensor, order, part, byHead: false }
}

/** `part` of a tensor that holds, head after head, the head's rows of each matrix of `order`. */
export function packedByHead(tensor: string, order: readonly PackedPart[], part: PackedPart): PackedRows {
  return { tensor, order, part, byHead: true }
}
