// The vocabulary in which RWKV families are declared. A family is one file of data; only `model/recurrent.ts` turns it into a graph.
import type { CheckpointLayout } from '../format/checkpoint'

/**
 * Blocks of time mixing, which looks back through a state of fixed size, and channel mixing, a feed-forward block. Both see every
 * token blended with the one before.
 */
export interface RecurrentSpec {
  readonly family: 'recurrent'
  /** Values of `general.architecture`. They are also the prefix of the family's metadata keys. */
  readonly gguf: readonly string[]
  /** What files hold of a blend: the share of the token itself, or that of the one before. */
  readonly mixStores: 'current' | 'previous'
  readonly timeMix: {
    /** The operation that carries the past on, see `graph/graph.ts`. */
    readonly recurrence: 'wkv-4' | 'wkv-5' | 'wkv-7'
    /** `low-rank`: what each token moves its blends by, and its decay, comes through narrow matrices. */
    readonly blend: 'fixed' | 'low-rank'
    readonly decay: 'fixed' | 'low-rank'
    /**
     * What the recurrence's output is multiplied by: sigmoid of the receptance, silu of a projection that some files of a family
     * have not, or narrow matrices with a sigmoid between.
     */
    readonly gate: 'receptance' | 'silu' | 'silu-when-present' | 'low-rank'
  }
  readonly channelMix: {
    /** The block's output is multiplied by sigmoid of a receptance. */
    readonly gated: boolean
  }
  /** How each kind of checkpoint stores the family; a kind that is left out cannot be loaded. */
  readonly layouts: Partial<Readonly<Record<CheckpointLayout, RecurrentLayout>>>
}

export interface RecurrentLayout {
  readonly tensors: RecurrentTensors
  /** Narrow matrices lie as [in, out]; all others, and these elsewhere, as [out, in]. */
  readonly narrowTransposed: boolean
}

/** What a blend goes into: receptance, decay, key, value, rate, gate. */
export type MixInput = 'r' | 'w' | 'k' | 'v' | 'a' | 'g'

/** Blends as one tensor for each input, or all in one in this order. */
export type MixNames =
  | { readonly kind: 'separate'; readonly of: Partial<Readonly<Record<MixInput, string>>> }
  | { readonly kind: 'fused'; readonly tensor: string; readonly order: readonly MixInput[] }

/** Two narrow matrices, [narrow, in] and [out, narrow], with a vector [out] added at the end in most cases. */
export interface NarrowNames {
  readonly down: string
  readonly up: string
  readonly bias?: string
}

/** Names of tensors in a file; `{n}` is the layer. Norms have `.weight` and `.bias` added, other names are whole. */
export interface RecurrentTensors {
  readonly embedding: string
  readonly embeddingNorm: string
  readonly outputNorm: string
  readonly head: string
  readonly timeNorm: string
  readonly channelNorm: string
  readonly time: {
    /** The first one that a file has. */
    readonly mix: readonly MixNames[]
    /** Per token: a fixed blend, then all narrow matrices in one, [5 narrow, hidden] and [5, hidden, narrow], for inputs in this order. */
    readonly blend?: {
      readonly mix: string
      readonly down: string
      readonly up: string
      readonly order: readonly MixInput[]
    }
    readonly receptance: string
    readonly key: string
    readonly value: string
    readonly gate?: string
    readonly output: string
    /** Norm of each head of the recurrence's output. */
    readonly norm?: string
    /** Logarithm of the negated logarithm of the decay, for RWKV-4 to 6. */
    readonly decay?: string
    /** Weight of the token itself: the first name that a file has, and whether the file holds its logarithm. */
    readonly first?: readonly { readonly tensor: string; readonly logarithm: boolean }[]
    readonly narrowDecay?: NarrowNames
    /** How fast RWKV-7 replaces what its state holds. */
    readonly rate?: NarrowNames
    /** How much of the first layer's value later layers take. */
    readonly firstValue?: NarrowNames
    readonly narrowGate?: NarrowNames
    /** Columns by which RWKV-7 scales a key before it is removed, and a key by its rate; bonus of the token itself. */
    readonly removalScale?: string
    readonly rateScale?: string
    readonly bonus?: string
  }
  readonly channel: {
    readonly mixKey: string
    readonly mixReceptance?: string
    readonly key: string
    readonly value: string
    readonly receptance?: string
  }
  /** What no forward pass reads. */
  readonly ignored: readonly string[]
}

export function recurrent(spec: Omit<RecurrentSpec, 'family'>): RecurrentSpec {
  return { family: 'recurrent', ...spec }
}
