// A compute device: it holds tensors, compiles plans and runs steps. `cpu` is the readable reference, `webgpu` the fast one.
import type { TensorType } from '../format/ggml-types'
import type { Fusion } from '../graph/fuse'
import type { StateType } from '../graph/graph'
import type { Plan } from '../graph/plan'
import type { EngineError } from '../protocol/errors'
import type { ChoiceResult, TokenChoice } from './choose-token'
import type { KernelChoices } from './kernel-choice'

export interface DeviceInfo {
  /** For people: "llvmpipe (LLVM 15.0.6, 256 bits)" or "AMD EPYC, 2 cores". */
  readonly name: string
  /** True for a rasterizer that pretends to be a GPU (lavapipe, SwiftShader, WARP). */
  readonly software: boolean
  readonly f16: boolean
  /** Lane counts of subgroup operations, undefined when the adapter has none. */
  readonly subgroups: { min: number; max: number } | undefined
  /** Largest single binding in bytes; larger matrices are split in bands of rows. */
  readonly maxBindingBytes: number
  /** Tokens per prefill step that keep the device busy without making a cancel wait long. */
  readonly prefillChunk: number
  /** What multiplies matrices, where there is a choice. */
  readonly kernels?: KernelChoices
}

export interface WeightSpec {
  readonly label: string
  readonly type: TensorType
  /** A vector has one row. */
  readonly rows: number
  readonly cols: number
}

/**
 * Bytes `offset` to `offset + length` of a weight. They may lie in `into`, which is at least as long, until that is read into again.
 */
export type ReadBytes = (offset: number, length: number, into?: Uint8Array) => Promise<Uint8Array>

/** A weight or a state tensor on a device; only the backend that made it can look inside. */
export interface Tensor {
  readonly label: string
  readonly type: TensorType
  readonly rows: number
  readonly cols: number
}

/** A plan with kernels chosen and buffers laid out. */
export interface Executable {
  readonly plan: Plan
  dispose(): void
}

export interface StepInput {
  /** 1 to plan.maxTokens token ids. */
  readonly tokens: readonly number[]
  /** Tokens already in the state. */
  readonly position: number
  /** Tokens at the start of the sequence that see each other both ways; 0 when left out. They come in one step. */
  readonly prefix?: number
  /** Stands in the place of a step's only token, which nobody knows yet. */
  readonly chosen?: ChosenToken
  /** Nobody wants the logits, so they are not computed. Of plans whose outputs are `last`. */
  readonly withoutResult?: boolean
}

/** A token that a step chooses on the device. The step after it can be submitted before it is read, and not later. */
export interface ChosenToken {
  /** Waits for it; once, and instead of `forget`. Rejects with `device-lost`, or `internal` when the logits are not numbers. */
  read(): Promise<ChoiceResult>
  /** Gives it up. Steps that take it still run. */
  forget(): void
}

/** A sequence's part of a step that several have in common: one token. */
export interface SequenceStep extends StepInput {
  /** As in `run`; no two parts of a step share a tensor of it. */
  readonly state: ReadonlyMap<string, Tensor>
}

export interface Backend {
  readonly kind: 'webgpu' | 'cpu'
  readonly device: DeviceInfo
  /** Which operations it wants fused in the graphs of its plans. */
  readonly fusions: ReadonlySet<Fusion>
  /** Whether steps follow each other faster when tokens are chosen on the device and each step is submitted before its token was read. */
  readonly pipelined: boolean
  /** Resolves once, when the device is gone for good. Never resolves on cpu. */
  readonly lost: Promise<EngineError>
  /**
   * Uploads a weight in the file's own layout; `read` is called for consecutive whole rows from the first to the last,
   * so that a matrix larger than memory for buffers never lies in it whole. Throws `out-of-memory`.
   */
  createWeight(spec: WeightSpec, read: ReadBytes): Promise<Tensor>
  /** Zero-filled tensor, of f32 unless told otherwise. Throws `out-of-memory`. */
  createState(label: string, rows: number, cols: number, type?: StateType): Tensor
  /** Makes `to` a copy of `from`, two states of one shape and type. Enqueued in order with the steps, and returns at once. */
  copyState(from: Tensor, to: Tensor): void
  destroy(tensor: Tensor): void
  /**
   * Begins what takes long in `compile`, before the weights are there. Throws what `compile` would, as far as shapes tell; what fails
   * later, `compile` tells.
   */
  prepare(plan: Plan, weights: ReadonlyMap<string, WeightSpec>): void
  /** `weights` has an entry for every WeightRef in the plan. */
  compile(plan: Plan, weights: ReadonlyMap<string, Tensor>): Promise<Executable>
  /** Enqueues one step and returns at once. `state` has an entry for every StateRef. Steps run in order. */
  run(executable: Executable, state: ReadonlyMap<string, Tensor>, step: StepInput): void
  /** Whether `runTogether` takes an executable; one of a plan for several tokens whose outputs are `all`, or it does not. */
  runsTogether(executable: Executable): boolean
  /**
   * Enqueues one step of several sequences, at most plan.maxTokens of them, and returns at once. The result has a row for each,
   * in their order. Weights are read once for all of them.
   */
  runTogether(executable: Executable, sequences: readonly SequenceStep[]): void
  /**
   * As `run`, and chooses a token by the step's last logits. The plan's result is that of the last position only. Where steps
   * are `pipelined`; other devices may throw `internal`.
   */
  choose(
    executable: Executable,
    state: ReadonlyMap<string, Tensor>,
    step: StepInput,
    choice: TokenChoice,
  ): ChosenToken
  /** The result of the latest run: [outputs, cols], row after row. Waits, as reading a chosen token does. Rejects with `device-lost`. */
  read(executable: Executable): Promise<Float32Array>
  /** Waits for the latest run as `read` does, without a result. */
  finished(executable: Executable): Promise<void>
  /** Bytes per second that the device copies, what is read and what is written counted both. Takes a second; for `--profile`. */
  copyBandwidth(): Promise<number>
  dispose(): void
}
