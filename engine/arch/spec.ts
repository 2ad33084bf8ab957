// The vocabulary in which model families are declared. A family is one file of data; only `model/transformer.ts` turns it into a graph.
import type { CheckpointLayout } from '../format/checkpoint'
import type { Activation } from '../graph/graph'
import { EngineError } from '../protocol/errors'

/** Whether a family's files carry a tensor: always, never, or as the checkpoint has it. */
export type Presence = 'required' | 'optional' | 'absent'

/** A decoder of attention and feed-forward blocks with a KV cache. */
export interface TransformerSpec {
  readonly family: 'transformer'
  /** Values of `general.architecture` in GGUF files. They are also the prefix of the family's metadata keys. */
  readonly gguf: readonly string[]
  /** What rows of the embedding are multiplied by, the output's not; one unless said otherwise. */
  readonly embeddingScale?: 'sqrt-hidden'
  /** Multipliers of the maximal update parametrization (mu-P), where a file has no numbers of its own. */
  readonly muP?: {
    readonly embedding: number
    /** Branches are multiplied by depth / sqrt(layers). */
    readonly depth: number
    /** Logits are divided by hidden / baseHidden. */
    readonly baseHidden: number
  }
  readonly norm: { readonly kind: 'rms' }
  readonly position: { readonly kind: 'rope' }
  readonly attention: {
    readonly qkvBias: Presence
    readonly outputBias: Presence
    /** `head`: q and k are normed head by head, before they turn. */
    readonly qkNorm?: 'head'
  }
  readonly mlp: {
    readonly activation: Activation
    readonly bias: Presence
  }
  /** `when-absent`: a file without an output matrix uses its token embedding for it. */
  readonly head: { readonly tied: 'always' | 'when-absent' | 'never' }
  /** How each kind of checkpoint stores the family; a kind that is left out cannot be loaded. */
  readonly layouts: { readonly gguf: TensorLayout; readonly huggingface?: TensorLayout }
}

export interface TensorLayout {
  readonly tensors: TransformerTensors
  /** Which columns of a head turn together: GGUF's converter permutes q and k of some families. */
  readonly pairs: 'interleaved' | 'half'
  /** What is added to every weight of a norm: files of some families hold them minus one. */
  readonly normOffset?: number
}

export type ArchSpec = TransformerSpec

/** Names of tensors in a file; `{n}` is the layer. Weights end in `.weight` and biases in `.bias`. */
export interface TransformerTensors {
  readonly embedding: string
  readonly outputNorm: string
  readonly head: string
  /** Divisors of the rotary frequencies [rotaryDims / 2], where a checkpoint may carry them (Llama 3.1 and later). */
  readonly ropeFactors?: string
  readonly attentionNorm: string
  readonly q: string
  readonly k: string
  readonly v: string
  /** Norms of q and k [headDim], in families that have them. */
  readonly qNorm: string
  readonly kNorm: string
  readonly attentionOutput: string
  readonly mlpNorm: string
  readonly gate: string
  readonly up: string
  readonly down: string
  /** Leftovers of old converters that no forward pass reads. */
  readonly ignored: readonly string[]
}

/** Throws EngineError `unsupported-arch` for a layout in which the family cannot be loaded. */
export function layoutOf(spec: ArchSpec, layout: CheckpointLayout): TensorLayout {
  const found = spec.layouts[layout]
  if (found !== undefined) return found
  throw new EngineError(
    'unsupported-arch',
    `The architecture "${spec.gguf.join(', ')}" cannot be loaded from this kind of file; known: ${Object.keys(spec.layouts).join(', ')}.`,
    { hint: 'Choose a GGUF file of this model.' },
  )
}

export function transformer(spec: Omit<TransformerSpec, 'family'>): TransformerSpec {
  return { family: 'transformer', ...spec }
}
