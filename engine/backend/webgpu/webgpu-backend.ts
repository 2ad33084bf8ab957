// The fast backend: plans become lists of WGSL kernel launches, and a step is one command buffer.
import type { Log } from '../../base/log'
import { byteLength } from '../../format/ggml-types'
import type { Fusion } from '../../graph/fuse'
import { grownBy, type StateType } from '../../graph/graph'
import type { Plan } from '../../graph/plan'
import { EngineError } from '../../protocol/errors'
import type {
  Backend,
  ChosenToken,
  DeviceInfo,
  Executable,
  ReadBytes,
  SequenceStep,
  StepInput,
  Tensor,
  WeightSpec,
} from '../backend'
import { checkPrefix } from '../check-prefix'
import { checkSameShape } from '../check-same-shape'
import { checkTogether, takesTogether } from '../check-together'
import type { TokenChoice } from '../choose-token'
import { PartReader } from '../part-reader'
import type { KernelChoices } from '../kernel-choice'
import type { Profile } from '../profile'
import { situationOf } from './choose-kernels'
import { variantName, type Variant } from './compose'
import { copyBandwidth } from './copy-bandwidth'
import type { OpenDevice } from './dawn'
import { interfaces, kernels, type Kernel, type OpName } from './kernels/table'
import { LaunchTimer } from './launch-timer'
import { lower, type Launch, type Operand } from './lowering'
import { Pipelines, type Pipeline } from './pipelines'
import { quantizedBytes, withRounding, type ChosenLaunch } from './round-activations'
import { manyRows, partBytes, withParts } from './split-attention'
import {
  checkMemory,
  createStateTensor,
  destroyTensor,
  emptyWeight,
  outOfMemory,
  padded,
  PlaneMemory,
  stateRowBytes,
  uploadWeight,
  type Layout,
  type GpuTensor,
} from './tensors'
import {
  choiceLaunches,
  choiceWords,
  ChosenTokens,
  createChoiceBuffers,
  type GpuChosenToken,
} from './token-choice'
import { bufferUsage, mapModeRead } from './usage'
import { napping, StepClock, type SubmittedStep } from './wait'

export interface WebGpuOptions {
  /** Smaller than the device's, so that tests can see a matrix split in bands. */
  maxBindingBytes?: number
  /** Kernel to take wherever it can run, instead of the one the table chooses. */
  force?: string
  /** Rows that an attention sees many from, so that tests need no long texts. */
  manyRows?: number
  /** Whether plans get what `choose` needs. By default where it is used: five shaders take a software adapter a second to compile. */
  choosesTokens?: boolean
  /** From `chooseKernels`; the table chooses alone without. */
  kernels?: KernelChoices
  /** Gets the times of the steps it wants measured. The device has to be opened with `exactTimestamps`. */
  profile?: Profile | undefined
}

const everywhere: readonly Fusion[] = ['rope-append', 'gated-product', 'stacked']

/**
 * A launch costs 10 to 20 microseconds on a software adapter, as much as half a small matrix; but there a product that norms what
 * it multiplies takes a tenth longer for a token and a fifth for a chunk, which is more for a wide matrix.
 */
export const webgpuFusions: Readonly<Record<'gpu' | 'software', ReadonlySet<Fusion>>> = {
  gpu: new Set<Fusion>([...everywhere, 'normed-product']),
  software: new Set<Fusion>([...everywhere, 'normed-narrow-product']),
}

/** Bytes of weights that may wait for the device, in memory beside the model's, while it compiles shaders. */
const mostUnfinished = 16 << 20

/** Kernels that may run a shape: by force, as measured, or by the table's own choice. Exactly one when the table is sound. */
export function candidates(
  launch: Launch,
  traits: OpenDevice['traits'],
  { force, kernels: choices }: Pick<WebGpuOptions, 'force' | 'kernels'> = {},
): Kernel[] {
  const able = kernels.filter((kernel) => kernel.op === launch.op && kernel.can(launch.shape, traits))
  const forced = able.filter((kernel) => kernel.name === force)
  if (forced.length > 0) return forced
  const situation = launch.op === 'matmul' ? situationOf(launch.shape) : undefined
  const choice = situation && choices?.[situation]
  const measured = able.filter((kernel) => choice?.isMeasured && kernel.name === choice.kernel)
  return measured.length > 0 ? measured : able.filter((kernel) => kernel.when(launch.shape, traits))
}

export class WebGpuBackend implements Backend {
  readonly kind = 'webgpu'
  readonly device: DeviceInfo
  readonly fusions: ReadonlySet<Fusion>
  readonly pipelined: boolean
  readonly lost: Promise<EngineError>
  readonly #open: OpenDevice
  readonly #log: Log
  readonly #choice: Pick<WebGpuOptions, 'force' | 'kernels'>
  readonly #choosesTokens: boolean
  readonly #profile: Profile | undefined
  readonly #pipelines: Pipelines
  readonly #shared: Shared
  readonly #executables = new Set<GpuExecutable>()
  readonly #upload = { reader: new PartReader(), memory: new PlaneMemory() }
  /** Bytes of weights on their way since the queue was empty. */
  #unfinished = 0
  #nextId = 0
  #disposed = false
  /** What went wrong outside of any awaited call; the next read tells. */
  #failure: EngineError | undefined

  constructor(open: OpenDevice, log: Log, options: WebGpuOptions = {}) {
    const { device, adapter } = open
    this.#open = open
    this.#log = log
    this.#choice = options
    this.#profile = options.profile
    // A software adapter has the same processors as the host: what they do beside a step, the step waits for.
    this.pipelined = !adapter.software
    this.#choosesTokens = options.choosesTokens ?? this.pipelined
    this.fusions = webgpuFusions[adapter.software ? 'software' : 'gpu']
    this.#pipelines = new Pipelines(device, open.traits)
    this.#shared = {
      nothing: device.createBuffer({ label: 'nothing', size: 256, usage: bufferUsage.storage }),
      chosen: new ChosenTokens(device),
      clock: new StepClock(),
      manyRows: options.manyRows ?? manyRows,
    }
    this.device = {
      name: adapter.name,
      software: adapter.software,
      f16: adapter.features.includes('shader-f16'),
      subgroups: open.traits.subgroups,
      maxBindingBytes: Math.min(
        device.limits.maxStorageBufferBindingSize,
        device.limits.maxBufferSize,
        options.maxBindingBytes ?? Infinity,
      ),
      prefillChunk: adapter.software ? 32 : 256,
      ...(options.kernels && { kernels: options.kernels }),
    }
    this.lost = new Promise((resolve) => {
      const fail = (error: EngineError): void => {
        this.#failure ??= error
        resolve(this.#failure)
      }
      void device.lost.then((info) => {
        if (this.#disposed) return
        fail(
          new EngineError('device-lost', `${adapter.name} was lost: ${info.message || info.reason}`, {
            hint: 'The engine starts again by itself; if it does not, reload the window.',
          }),
        )
      })
      // A refused command leaves buffers in an unknown state, so the device counts as lost and its owner opens a new one.
      device.addEventListener('uncapturederror', (event) => {
        this.#log.error(`webgpu: ${event.error.message}`)
        fail(
          new EngineError('internal', `The GPU refused a command: ${event.error.message}`, {
            hint: 'Set hearth.device to "cpu" to work without the GPU.',
          }),
        )
      })
    })
  }

  async createWeight(spec: WeightSpec, read: ReadBytes): Promise<Tensor> {
    this.#check()
    const { device } = this.#open
    const tensor = await uploadWeight(device, this.#nextId++, spec, this.#layout, read, this.#upload)
    this.#unfinished += byteLength(spec.type, spec.rows * spec.cols)
    if (this.#unfinished > mostUnfinished) {
      this.#unfinished = 0
      await napping(device.queue.onSubmittedWorkDone())
    }
    return tensor
  }

  get #layout(): Layout {
    return { maxBindingBytes: this.device.maxBindingBytes, traits: this.#open.traits }
  }

  createState(label: string, rows: number, cols: number, type: StateType = 'f32'): Tensor {
    this.#check()
    const { device } = this.#open
    device.pushErrorScope('out-of-memory')
    const { maxBindingBytes } = this.device
    try {
      return createStateTensor(device, this.#nextId++, { label, type, rows, cols }, maxBindingBytes)
    } finally {
      // The answer comes later than the tensor; the next read rejects with it.
      void device.popErrorScope().then((error) => {
        if (error) this.#failure ??= outOfMemory(label, rows * stateRowBytes(type, cols), error.message)
      })
    }
  }

  copyState(from: Tensor, to: Tensor): void {
    if (this.#failure) return // the next read tells
    checkSameShape(from, to)
    const source = asGpuTensor(from).bands[0].quants
    const target = asGpuTensor(to).bands[0].quants
    if (source === target) return
    const encoder = this.#open.device.createCommandEncoder()
    encoder.copyBufferToBuffer(source, 0, target, 0, source.size)
    this.#open.device.queue.submit([encoder.finish()])
  }

  destroy(tensor: Tensor): void {
    const gpu = asGpuTensor(tensor)
    for (const executable of this.#executables) executable.forget(gpu)
    destroyTensor(gpu)
  }

  prepare(plan: Plan, weights: ReadonlyMap<string, WeightSpec>): void {
    this.#check()
    const shapes = new Map(
      [...weights].map(([name, spec]) => [name, emptyWeight(spec, this.#layout, this.#shared.nothing)]),
    )
    const launches = plan.operations.flatMap((operation) => lower(operation, plan, shapes))
    for (const { launch, kernel } of this.#chosen(launches)) {
      // What fails, `compile` meets again.
      this.#pipelines.warm(variantOf(launch, kernel)).catch(() => undefined)
    }
  }

  async compile(plan: Plan, weights: ReadonlyMap<string, Tensor>): Promise<Executable> {
    this.#check()
    const { device } = this.#open
    const gpuWeights = new Map([...weights].map(([name, tensor]) => [name, asGpuTensor(tensor)]))
    const dispatches = await this.#dispatches(
      plan.operations.flatMap((operation) => lower(operation, plan, gpuWeights)),
    )
    const { cols } = plan.result
    const result: Operand = { kind: 'slot', slot: plan.slotOf.get(plan.result.id) ?? 0, cols }
    const choiceBuffers = createChoiceBuffers(device, cols)
    const choice = await this.#dispatches(
      isSingle(plan) && this.#choosesTokens
        ? choiceLaunches(result, cols, choiceBuffers, this.#shared.chosen.buffer)
        : [],
    )
    const bytes =
      plan.slotSizes.reduce((sum, size) => sum + padded(size * 4), 0) +
      quantizedOf(dispatches, plan) +
      partBytes(dispatches)
    const largest = Math.max(...plan.slotSizes) * 4
    if (largest > this.device.maxBindingBytes) {
      throw new EngineError(
        'out-of-memory',
        `A step of ${plan.maxTokens} tokens needs ${largest} bytes at once, this GPU can bind ${this.device.maxBindingBytes}.`,
        { hint: 'Set hearth.device to "cpu".' },
      )
    }
    const executable = await checkMemory(
      device,
      'activations',
      bytes,
      () =>
        new GpuExecutable(
          this.#nextId++,
          device,
          plan,
          dispatches,
          choice,
          this.#shared,
          this.#profile,
          (gone) => {
            this.#executables.delete(gone)
            const { kept, best, sums } = choiceBuffers
            for (const buffer of [kept, best, sums]) buffer.destroy()
          },
        ),
    )
    this.#executables.add(executable)
    return executable
  }

  run(executable: Executable, state: ReadonlyMap<string, Tensor>, step: StepInput): void {
    if (this.#failure) return // the next read tells
    const gpu = asGpuExecutable(executable)
    gpu.check(state, step)
    gpu.submit(state, step)
  }

  runsTogether(executable: Executable): boolean {
    return takesTogether(executable.plan) && asGpuExecutable(executable).rowsAreAligned
  }

  runTogether(executable: Executable, sequences: readonly SequenceStep[]): void {
    if (this.#failure) return // the next read tells
    const gpu = asGpuExecutable(executable)
    checkTogether(gpu.plan, sequences)
    for (const sequence of sequences) gpu.check(sequence.state, sequence)
    gpu.submitTogether(sequences)
  }

  choose(
    executable: Executable,
    state: ReadonlyMap<string, Tensor>,
    step: StepInput,
    choice: TokenChoice,
  ): ChosenToken {
    this.#check()
    const gpu = asGpuExecutable(executable)
    gpu.check(state, step)
    if (!isSingle(gpu.plan)) throw new EngineError('internal', 'a token is chosen by the last logits alone')
    if (!this.#choosesTokens) throw new EngineError('internal', 'this device chooses no tokens')
    const { clock, chosen } = this.#shared
    const tells = choice.tellsProbability === true
    const token = chosen.take(tells, (map) => this.#told(() => clock.until(submitted, map)))
    const submitted = gpu.submit(state, step, { choice, token })
    return token
  }

  read(executable: Executable): Promise<Float32Array> {
    return this.#told(() => asGpuExecutable(executable).read())
  }

  finished(executable: Executable): Promise<void> {
    return this.#told(() => asGpuExecutable(executable).finished())
  }

  /** What `work` waits for, or what went wrong meanwhile. */
  async #told<T>(work: () => Promise<T>): Promise<T> {
    this.#check()
    try {
      const result = await work()
      this.#check()
      return result
    } catch (cause) {
      this.#check()
      // A lost device rejects its maps a moment before it says that it is lost.
      const info = await Promise.race([this.#open.device.lost, Promise.resolve(undefined)])
      if (info) {
        throw new EngineError('device-lost', `${this.device.name} was lost: ${info.message}`, { cause })
      }
      throw cause
    }
  }

  copyBandwidth(): Promise<number> {
    this.#check()
    return copyBandwidth(this.#open.device)
  }

  dispose(): void {
    if (this.#disposed) return
    this.#disposed = true
    this.#failure ??= new EngineError('internal', 'the backend is disposed')
    for (const executable of [...this.#executables]) executable.dispose()
    this.#shared.chosen.dispose()
    this.#open.release()
  }

  #choose(launch: Launch): Kernel {
    const found = candidates(launch, this.#open.traits, this.#choice)
    const [kernel] = found
    if (kernel && found.length === 1) return kernel
    const names = found.map((row) => row.name).join(', ') || 'none'
    throw new EngineError('internal', `kernels for ${launch.op} ${JSON.stringify(launch.shape)}: ${names}`)
  }

  /** The kernels of launches, compiled. */
  #dispatches(launches: readonly Launch[]): Promise<Dispatch[]> {
    return Promise.all(
      this.#chosen(launches).map(async ({ launch, kernel }) => ({
        launch,
        kernel,
        pipeline: await this.#pipelines.get(variantOf(launch, kernel)),
      })),
    )
  }

  #chosen(launches: readonly Launch[]): ChosenLaunch[] {
    return withRounding(launches.flatMap((launch) => withParts(launch, (one) => this.#choose(one))))
  }

  #check(): void {
    if (this.#failure) throw this.#failure
  }
}

interface Dispatch extends ChosenLaunch {
  readonly pipeline: Pipeline
}

/** Binds one launch and dispatches it. */
type Encode = (pass: GPUComputePassEncoder, dispatch: Dispatch, index: number) => void

/** What the executables of a backend have in common. */
interface Shared {
  readonly nothing: GPUBuffer
  readonly chosen: ChosenTokens
  readonly clock: StepClock
  readonly manyRows: number
}

/** A step has no result, or logits, or takes the likeliest token, or draws one; and it may tell how likely that was. */
type StepKind = 'silent' | 'plain' | ChoiceKind | `${ChoiceKind} told`

type ChoiceKind = 'likeliest' | 'drawn'

const telling: readonly OpName[] = ['sum-exponentials', 'log-probability']

/** What is launched after a plan. */
const choiceOps: Readonly<Record<StepKind, readonly OpName[]>> = {
  silent: [],
  plain: [],
  likeliest: ['choose-best', 'choose-token'],
  drawn: ['choose-least', 'choose-best', 'choose-token'],
  'likeliest told': ['choose-best', 'choose-token', ...telling],
  'drawn told': ['choose-least', 'choose-best', 'choose-token', ...telling],
}

/** What a step launches, with the place of each among all of its executable. */
interface LaunchList {
  readonly places: readonly { readonly dispatch: Dispatch; readonly index: number }[]
  timer: LaunchTimer | undefined
}

interface ChoiceToMake {
  readonly choice: TokenChoice
  readonly token: GpuChosenToken
}

/** Params, and steps, lie this far apart in their buffer: the largest uniform offset alignment of any adapter. */
const paramsStride = 256

/** Where a step's tokens lie behind its uniform: the largest storage offset alignment of any adapter. */
const tokensOffset = 256

class GpuExecutable implements Executable {
  /** The launches of the plan, then those of a choice. */
  readonly #all: readonly Dispatch[]
  readonly #slots: readonly GPUBuffer[]
  /** The activations of one matrix after another, for kernels that take integers. */
  readonly #quantized: GPUBuffer | undefined
  /** What one attention after another leaves of its parts. */
  readonly #parts: GPUBuffer | undefined
  /** The step's uniform and its tokens, written at once before every submit. */
  readonly #step: GPUBuffer
  readonly #params: GPUBuffer
  /** Bind groups of launches without state, built once; undefined for the others. */
  readonly #groups: readonly (GPUBindGroup | undefined)[]
  /** All bind groups per set of state tensors, by the ids of the tensors. */
  readonly #groupsOfState = new Map<string, readonly GPUBindGroup[]>()
  /** The type that kernels read and write each state in. */
  readonly #stateTypes: ReadonlyMap<string, StateType>
  /** One Step for each sequence of a step that they have in common; made for the first one. */
  #steps: GPUBuffer | undefined
  /** Whether every row of the values that a sequence reads and writes alone can be bound. */
  readonly rowsAreAligned: boolean
  /** States with a row per token; the others have a fixed size. */
  readonly #growingStates: ReadonlySet<string>
  readonly #idle: GPUBuffer[] = []
  #latest: SubmittedStep | undefined
  /** Of each kind of step and number of rows that was met. */
  readonly #launches = new Map<string, LaunchList>()
  /** Those by which launches depend on the number of rows. */
  readonly #windows: readonly number[]
  #outputs = 0

  constructor(
    readonly id: number,
    readonly device: GPUDevice,
    readonly plan: Plan,
    readonly dispatches: readonly Dispatch[],
    /** What follows them when a token is chosen. */
    choice: readonly Dispatch[],
    readonly shared: Shared,
    readonly profile: Profile | undefined,
    readonly onDispose: (gone: GpuExecutable) => void,
  ) {
    const { storage, uniform, copySrc, copyDst } = bufferUsage
    this.#slots = plan.slotSizes.map((size, index) =>
      device.createBuffer({ label: `slot ${index}`, size: padded(size * 4), usage: storage | copySrc }),
    )
    const scratch = (label: string, bytes: number): GPUBuffer | undefined =>
      bytes === 0 ? undefined : device.createBuffer({ label, size: padded(bytes), usage: storage })
    this.#quantized = scratch('quantized', quantizedOf(dispatches, plan))
    this.#parts = scratch('parts', partBytes(dispatches))
    this.#step = device.createBuffer({
      label: 'step',
      size: tokensOffset + padded(plan.maxTokens * 4),
      usage: uniform | storage | copyDst,
    })
    const all = [...dispatches, ...choice]
    this.#all = all
    this.#windows = [...new Set(all.flatMap(({ launch }) => (launch.span ? [launch.span.window] : [])))]
    const params = new Uint32Array((all.length * paramsStride) / 4)
    all.forEach(({ launch }, index) => params.set(launch.params, (index * paramsStride) / 4))
    this.#params = device.createBuffer({
      label: 'params',
      size: Math.max(paramsStride, params.byteLength),
      usage: uniform | copyDst,
    })
    device.queue.writeBuffer(this.#params, 0, params)
    this.#groups = all.map((dispatch, index) =>
      dispatch.launch.operands.some((operand) => operand.kind === 'state')
        ? undefined
        : this.#bind(dispatch, index, new Map()),
    )
    this.#stateTypes = new Map(dispatches.flatMap(({ launch }) => launch.operands.flatMap(stateType)))
    const alignment = device.limits.minStorageBufferOffsetAlignment
    this.rowsAreAligned = dispatches
      .filter(({ launch }) => launch.perSequence)
      .every(({ launch }) =>
        launch.operands.every((operand) => operand.kind !== 'slot' || (operand.cols * 4) % alignment === 0),
      )
    this.#growingStates = new Set(plan.operations.flatMap(grownBy).map(({ state }) => state))
  }

  /** Refuses steps that would write or read outside of a buffer. */
  check(state: ReadonlyMap<string, Tensor>, step: StepInput): void {
    const { tokens, position } = step
    checkPrefix(this.plan, step)
    if (tokens.length < 1 || tokens.length > this.plan.maxTokens) {
      throw new EngineError(
        'internal',
        `a step of ${tokens.length} tokens, the plan takes 1 to ${this.plan.maxTokens}`,
      )
    }
    for (const [name, type] of this.#stateTypes) {
      const tensor = state.get(name)
      if (!tensor) throw new EngineError('internal', `no state "${name}" was given to run`)
      if (tensor.type !== type) {
        throw new EngineError(
          'internal',
          `state "${name}" is ${tensor.type}, the plan was compiled for ${type}`,
        )
      }
      if (this.#growingStates.has(name) && position + tokens.length > tensor.rows) {
        throw new EngineError(
          'bad-request',
          `position ${position + tokens.length} is beyond the context of ${tensor.rows} tokens`,
        )
      }
    }
  }

  submit(state: ReadonlyMap<string, Tensor>, step: StepInput, toMake?: ChoiceToMake): SubmittedStep {
    const { tokens, position, prefix = 0, chosen } = step
    const { chosen: places } = this.shared
    const groups = this.#groupsFor(state)
    const count = tokens.length
    this.#writeStep([count, position, prefix], tokens, toMake)
    const encoder = this.device.createCommandEncoder()
    if (chosen) places.copyTo(encoder, chosen, this.#step, tokensOffset)
    const kind = kindOf(step, toMake?.choice)
    const list = this.#launchesOf(kind, position + count)
    this.#encode(encoder, list, count, (pass, { launch, kernel }, index) => {
      pass.setBindGroup(0, groups[index])
      const [x, y] = kernel.grid(launch.shape, launch.single ? 1 : count)
      pass.dispatchWorkgroups(x, y)
    })
    if (toMake) places.copyBack(encoder, toMake.token)
    return this.#submit(encoder, `${count} ${kind}`, isSingle(this.plan) ? 1 : count)
  }

  /** Sequence i has row i of every value. */
  submitTogether(sequences: readonly SequenceStep[]): void {
    const count = sequences.length
    this.#writeStep(
      [count, 0, 0],
      sequences.flatMap(({ tokens }) => tokens),
    )
    const steps = new Uint32Array((count * paramsStride) / 4)
    sequences.forEach(({ position, prefix = 0 }, row) => {
      steps.set([1, position, prefix], (row * paramsStride) / 4)
    })
    this.device.queue.writeBuffer(this.#stepOfRow(0).buffer, 0, steps)
    const groups = sequences.map(({ state }, row) => this.#groupsFor(state, row))
    const encoder = this.device.createCommandEncoder()
    // No launch for one token depends on the number of rows here.
    this.#encode(encoder, this.#launchesOf('plain', 0), count, (pass, { launch, kernel }, index) => {
      if (launch.perSequence) {
        const [x, y] = kernel.grid(launch.shape, 1)
        for (const own of groups) {
          pass.setBindGroup(0, own[index])
          pass.dispatchWorkgroups(x, y)
        }
      } else {
        const [x, y] = kernel.grid(launch.shape, count)
        pass.setBindGroup(0, this.#groups[index])
        pass.dispatchWorkgroups(x, y)
      }
    })
    this.#submit(encoder, `${count} together`, count)
  }

  /** Uniform and tokens at once: a write costs as much as a quarter of a launch. */
  #writeStep(step: readonly number[], tokens: readonly number[], toMake?: ChoiceToMake): void {
    const words = new Uint32Array(tokensOffset / 4 + tokens.length)
    words.set(step)
    if (toMake) words.set(choiceWords(toMake.choice, toMake.token.place), step.length)
    words.set(tokens, tokensOffset / 4)
    this.device.queue.writeBuffer(this.#step, 0, words)
  }

  #submit(encoder: GPUCommandEncoder, kind: string, outputs: number): SubmittedStep {
    this.device.queue.submit([encoder.finish()])
    this.#outputs = outputs
    this.#latest = this.shared.clock.submitted(`${this.id} ${kind}`)
    return this.#latest
  }

  /** For a step that ends with so many rows. */
  #launchesOf(kind: StepKind, rows: number): LaunchList {
    const many = (window: number): boolean => Math.min(rows, window) >= this.shared.manyRows
    const key = `${kind} ${this.#windows.map(many).join(' ')}`
    let list = this.#launches.get(key)
    if (!list) {
      const places = this.#all
        .map((dispatch, index) => ({ dispatch, index }))
        .filter(
          ({ dispatch: { launch }, index }) =>
            (index < this.dispatches.length || choiceOps[kind].includes(launch.op)) &&
            !(kind === 'silent' && launch.single) &&
            (launch.span === undefined || many(launch.span.window) === launch.span.many),
        )
      list = { places, timer: undefined }
      this.#launches.set(key, list)
    }
    return list
  }

  #encode(encoder: GPUCommandEncoder, list: LaunchList, tokens: number, launch: Encode): void {
    if (this.profile?.enabled) return this.#encodeTimed(encoder, this.profile, list, tokens, launch)
    const pass = encoder.beginComputePass()
    let current: GPUComputePipeline | undefined
    for (const { dispatch, index } of list.places) {
      const { pipeline } = dispatch.pipeline
      if (current !== pipeline) pass.setPipeline(pipeline)
      current = pipeline
      launch(pass, dispatch, index)
    }
    pass.end()
  }

  /** As `#encode`, with a pass for each launch, since timestamps are of passes. */
  #encodeTimed(
    encoder: GPUCommandEncoder,
    profile: Profile,
    list: LaunchList,
    tokens: number,
    launch: Encode,
  ): void {
    const timer = (list.timer ??= new LaunchTimer(
      this.device,
      list.places.map(({ dispatch }) => described(dispatch)),
    ))
    list.places.forEach(({ dispatch, index }, at) => {
      const pass = encoder.beginComputePass(timer.pass(at))
      pass.setPipeline(dispatch.pipeline.pipeline)
      launch(pass, dispatch, index)
      pass.end()
    })
    const stamps = timer.resolve(encoder)
    profile.addStepLater(tokens, () => timer.read(stamps))
  }

  /** Copies the latest result at once; waiting for it comes after, so a later step cannot overwrite it. */
  async read(): Promise<Float32Array> {
    const { result } = this.plan
    const bytes = this.#outputs * result.cols * 4
    const slot = this.#slots[this.plan.slotOf.get(result.id) ?? -1]
    const latest = this.#latest
    if (!slot || !latest) throw new EngineError('internal', 'read before any run')
    const staging = this.#staging(bytes)
    const encoder = this.device.createCommandEncoder()
    encoder.copyBufferToBuffer(slot, 0, staging, 0, bytes)
    this.device.queue.submit([encoder.finish()])
    await this.shared.clock.until(latest, () => staging.mapAsync(mapModeRead, 0, bytes))
    const values = new Float32Array(staging.getMappedRange(0, bytes).slice(0))
    staging.unmap()
    this.#idle.push(staging)
    return values
  }

  async finished(): Promise<void> {
    const latest = this.#latest
    if (!latest) throw new EngineError('internal', 'waited for before any run')
    await this.shared.clock.until(latest, () => this.device.queue.onSubmittedWorkDone())
  }

  forget(tensor: GpuTensor): void {
    for (const key of [...this.#groupsOfState.keys()]) {
      if (key.split(' ').includes(String(tensor.id))) this.#groupsOfState.delete(key)
    }
  }

  dispose(): void {
    for (const buffer of [...this.#slots, this.#step, this.#params, ...this.#idle]) buffer.destroy()
    this.#steps?.destroy()
    this.#quantized?.destroy()
    this.#parts?.destroy()
    this.#groupsOfState.clear()
    for (const { timer } of this.#launches.values()) timer?.dispose()
    this.onDispose(this)
  }

  /** With a `row`, those of the sequence that has this row of a step in common with others. */
  #groupsFor(state: ReadonlyMap<string, Tensor>, row?: number): readonly GPUBindGroup[] {
    // By the tensors, not by the map: a caller may build a new map for every step.
    const ids = [...this.#stateTypes.keys()].map((name) => asGpuTensor(state.get(name)).id).join(' ')
    const key = row === undefined ? ids : `row${row} ${ids}`
    let groups = this.#groupsOfState.get(key)
    if (!groups) {
      groups = this.#all.map(
        (dispatch, index) =>
          (row === undefined || !dispatch.launch.perSequence ? this.#groups[index] : undefined) ??
          this.#bind(dispatch, index, state, row),
      )
      this.#groupsOfState.set(key, groups)
    }
    return groups
  }

  #bind(
    { launch, pipeline }: Dispatch,
    index: number,
    state: ReadonlyMap<string, Tensor>,
    row?: number,
  ): GPUBindGroup {
    const params = { buffer: this.#params, offset: index * paramsStride, size: 64 }
    const resources: GPUBindingResource[] = [
      row === undefined ? { buffer: this.#step, size: tokensOffset } : this.#stepOfRow(row),
      params,
      ...launch.operands.map((operand) => ({
        buffer: this.#bufferOf(operand, state),
        offset: offsetOf(operand, row),
      })),
    ]
    return this.device.createBindGroup({
      label: launch.op,
      layout: pipeline.layout,
      entries: resources.map((resource, binding) => ({ binding, resource })),
    })
  }

  #stepOfRow(row: number): GPUBufferBinding & { buffer: GPUBuffer } {
    this.#steps ??= this.device.createBuffer({
      label: 'steps',
      size: this.plan.maxTokens * paramsStride,
      usage: bufferUsage.uniform | bufferUsage.copyDst,
    })
    return { buffer: this.#steps, offset: row * paramsStride, size: paramsStride }
  }

  #bufferOf(operand: Operand, state: ReadonlyMap<string, Tensor>): GPUBuffer {
    switch (operand.kind) {
      case 'slot': {
        const slot = this.#slots[operand.slot]
        if (!slot) throw new EngineError('internal', `no slot ${operand.slot}`)
        return slot
      }
      case 'buffer':
        return operand.buffer
      case 'state':
        return asGpuTensor(state.get(operand.state)).bands[0].quants
      case 'tokens':
        return this.#step
      case 'quantized':
        return this.#quantized ?? this.shared.nothing
      case 'parts':
        return this.#parts ?? this.shared.nothing
      case 'nothing':
        return this.shared.nothing
    }
  }

  #staging(bytes: number): GPUBuffer {
    const found = this.#idle.findIndex((buffer) => buffer.size >= bytes)
    const [idle] = found < 0 ? [] : this.#idle.splice(found, 1)
    const usage = bufferUsage.mapRead | bufferUsage.copyDst
    return idle ?? this.device.createBuffer({ label: 'read back', size: padded(bytes), usage })
  }
}

function quantizedOf(dispatches: readonly Dispatch[], plan: Plan): number {
  return quantizedBytes(
    dispatches.map(({ launch }) => launch),
    plan.maxTokens,
  )
}

function variantOf({ type, shape }: Launch, kernel: Kernel): Variant {
  return { kernel, type, activation: shape.activation }
}

function described({ launch, kernel }: Dispatch): { kernel: string; weightBytes: number } {
  const { op, type, shape } = launch
  // Of an embedding only the rows of the step's tokens are read.
  const reads = interfaces[op].quant && op !== 'embed'
  const variant = variantOf(launch, kernel)
  return {
    // A product that gates nothing shares the text of those that do.
    kernel: variantName(interfaces[op].edges && !shape.gated ? { ...variant, activation: '' } : variant),
    weightBytes: reads ? byteLength(type, shape.rows * shape.cols) : 0,
  }
}

/** Where an operand begins, for the sequence of a row or for all of them. */
function offsetOf(operand: Operand, row: number | undefined): number {
  if (operand.kind === 'tokens') return tokensOffset
  return row === undefined || operand.kind !== 'slot' ? 0 : row * operand.cols * 4
}

function kindOf({ withoutResult }: StepInput, choice: TokenChoice | undefined): StepKind {
  if (!choice) return withoutResult === true ? 'silent' : 'plain'
  const { temperature, tellsProbability } = choice
  const kind = temperature === 0 ? 'likeliest' : 'drawn'
  return tellsProbability === true ? `${kind} told` : kind
}

function isSingle({ result, outputs }: Plan): boolean {
  return result.rows === 'outputs' && outputs === 'last'
}

function stateType(operand: Operand): [string, StateType][] {
  return operand.kind === 'state' ? [[operand.state, operand.type]] : []
}

function asGpuTensor(tensor: Tensor | undefined): GpuTensor {
  if (!tensor || !('bands' in tensor)) {
    throw new EngineError('internal', `tensor "${tensor?.label ?? '?'}" is not from the webgpu backend`)
  }
  return tensor as GpuTensor
}

function asGpuExecutable(executable: Executable): GpuExecutable {
  if (!(executable instanceof GpuExecutable)) {
    throw new EngineError('internal', 'the executable is not from the webgpu backend')
  }
  return executable
}
