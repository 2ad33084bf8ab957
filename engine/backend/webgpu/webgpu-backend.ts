// The fast backend: plans become lists of WGSL kernel launches, and a step is one command buffer.
import type { Log } from '../../base/log'
import { byteLength } from '../../format/ggml-types'
import type { Fusion } from '../../graph/fuse'
import { grownBy, isPerSequence, type StateType } from '../../graph/graph'
import type { Plan } from '../../graph/plan'
import { EngineError } from '../../protocol/errors'
import type {
  Backend,
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
import { PartReader } from '../part-reader'
import type { Profile } from '../profile'
import { variantName } from './compose'
import { copyBandwidth } from './copy-bandwidth'
import type { OpenDevice } from './dawn'
import { interfaces, kernels, type Kernel } from './kernels/table'
import { LaunchTimer } from './launch-timer'
import { lower, type Launch, type Operand } from './lowering'
import { Pipelines, type Pipeline } from './pipelines'
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
  type GpuTensor,
} from './tensors'
import { bufferUsage, mapModeRead } from './usage'
import { napping, StepWait } from './wait'

export interface WebGpuOptions {
  /** Smaller than the device's, so that tests can see a matrix split in bands. */
  maxBindingBytes?: number
  /** Kernel to take wherever it can run, instead of the one the table chooses. */
  force?: string
  /** Gets the times of the steps it wants measured. The device has to be opened with `exactTimestamps`. */
  profile?: Profile | undefined
}

/** A launch costs 10 to 20 microseconds on a software adapter, as much as half a small matrix. */
export const webgpuFusions: ReadonlySet<Fusion> = new Set<Fusion>(['rope-append', 'stacked'])

/** Bytes of weights that may wait for the device, in memory beside the model's, while it compiles shaders. */
const mostUnfinished = 16 << 20

/** Kernels that may run a shape, by the table's own choice or by force. Exactly one when the table is sound. */
export function candidates(launch: Launch, traits: OpenDevice['traits'], force?: string): Kernel[] {
  const able = kernels.filter((kernel) => kernel.op === launch.op && kernel.can(launch.shape, traits))
  const forced = able.filter((kernel) => kernel.name === force)
  return forced.length > 0 ? forced : able.filter((kernel) => kernel.when(launch.shape, traits))
}

export class WebGpuBackend implements Backend {
  readonly kind = 'webgpu'
  readonly device: DeviceInfo
  readonly fusions = webgpuFusions
  readonly lost: Promise<EngineError>
  readonly #open: OpenDevice
  readonly #log: Log
  readonly #force: string | undefined
  readonly #profile: Profile | undefined
  readonly #pipelines: Pipelines
  /** Step: number of tokens, position and prefix, rewritten before every submit. */
  readonly #step: GPUBuffer
  readonly #nothing: GPUBuffer
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
    this.#force = options.force
    this.#profile = options.profile
    this.#pipelines = new Pipelines(device)
    const { storage, uniform, copyDst } = bufferUsage
    this.#step = device.createBuffer({ label: 'step', size: 16, usage: uniform | copyDst })
    this.#nothing = device.createBuffer({ label: 'nothing', size: 256, usage: storage })
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
    const { maxBindingBytes } = this.device
    const tensor = await uploadWeight(device, this.#nextId++, spec, maxBindingBytes, read, this.#upload)
    this.#unfinished += byteLength(spec.type, spec.rows * spec.cols)
    if (this.#unfinished > mostUnfinished) {
      this.#unfinished = 0
      await napping(device.queue.onSubmittedWorkDone())
    }
    return tensor
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
    const { maxBindingBytes } = this.device
    const shapes = new Map(
      [...weights].map(([name, spec]) => [name, emptyWeight(spec, maxBindingBytes, this.#nothing)]),
    )
    for (const launch of plan.operations.flatMap((operation) => lower(operation, plan, shapes))) {
      // What fails, `compile` meets again.
      this.#pipelines.warm(this.#choose(launch), launch.type).catch(() => undefined)
    }
  }

  async compile(plan: Plan, weights: ReadonlyMap<string, Tensor>): Promise<Executable> {
    this.#check()
    const { device } = this.#open
    const gpuWeights = new Map([...weights].map(([name, tensor]) => [name, asGpuTensor(tensor)]))
    const launches = plan.operations.flatMap((operation) => lower(operation, plan, gpuWeights))
    const chosen = launches.map((launch) => this.#choose(launch))
    const pipelines = await Promise.all(
      chosen.map((kernel, index) => this.#pipelines.get(kernel, launches[index]?.type ?? 'f32')),
    )
    const bytes = plan.slotSizes.reduce((sum, size) => sum + padded(size * 4), 0)
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
          device,
          plan,
          launches.map((launch, index) => {
            const pipeline = pipelines[index]
            const kernel = chosen[index]
            if (!pipeline || !kernel) throw new EngineError('internal', 'a launch lost its kernel')
            return { launch, pipeline, kernel }
          }),
          { step: this.#step, nothing: this.#nothing },
          this.#profile,
          (gone) => this.#executables.delete(gone),
        ),
    )
    this.#executables.add(executable)
    return executable
  }

  run(executable: Executable, state: ReadonlyMap<string, Tensor>, step: StepInput): void {
    if (this.#failure) return // the next read tells
    const { device } = this.#open
    const gpu = asGpuExecutable(executable)
    gpu.check(state, step)
    const { tokens, position, prefix = 0 } = step
    device.queue.writeBuffer(this.#step, 0, new Uint32Array([tokens.length, position, prefix]))
    gpu.submit(state, step)
  }

  runsTogether(executable: Executable): boolean {
    return takesTogether(executable.plan) && asGpuExecutable(executable).rowsAreAligned
  }

  runTogether(executable: Executable, sequences: readonly SequenceStep[]): void {
    if (this.#failure) return // the next read tells
    const { device } = this.#open
    const gpu = asGpuExecutable(executable)
    checkTogether(gpu.plan, sequences)
    for (const sequence of sequences) gpu.check(sequence.state, sequence)
    device.queue.writeBuffer(this.#step, 0, new Uint32Array([sequences.length, 0, 0]))
    gpu.submitTogether(sequences)
  }

  async read(executable: Executable): Promise<Float32Array> {
    this.#check()
    try {
      const result = await asGpuExecutable(executable).read()
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
    this.#open.release()
  }

  #choose(launch: Launch): Kernel {
    const found = candidates(launch, this.#open.traits, this.#force)
    const [kernel] = found
    if (kernel && found.length === 1) return kernel
    const names = found.map((row) => row.name).join(', ') || 'none'
    throw new EngineError('internal', `kernels for ${launch.op} ${JSON.stringify(launch.shape)}: ${names}`)
  }

  #check(): void {
    if (this.#failure) throw this.#failure
  }
}

interface Dispatch {
  readonly launch: Launch
  readonly pipeline: Pipeline
  readonly kernel: Kernel
}

/** Binds one launch and dispatches it. */
type Encode = (pass: GPUComputePassEncoder, dispatch: Dispatch, index: number) => void

interface SharedBuffers {
  readonly step: GPUBuffer
  readonly nothing: GPUBuffer
}

/** Params, and steps, lie this far apart in their buffer: the largest uniform offset alignment of any adapter. */
const paramsStride = 256

class GpuExecutable implements Executable {
  readonly #slots: readonly GPUBuffer[]
  readonly #tokens: GPUBuffer
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
  readonly #wait = new StepWait()
  #timer: LaunchTimer | undefined
  #outputs = 0

  constructor(
    readonly device: GPUDevice,
    readonly plan: Plan,
    readonly dispatches: readonly Dispatch[],
    readonly shared: SharedBuffers,
    readonly profile: Profile | undefined,
    readonly onDispose: (gone: GpuExecutable) => void,
  ) {
    const { storage, uniform, copySrc, copyDst } = bufferUsage
    this.#slots = plan.slotSizes.map((size, index) =>
      device.createBuffer({ label: `slot ${index}`, size: padded(size * 4), usage: storage | copySrc }),
    )
    this.#tokens = device.createBuffer({
      label: 'tokens',
      size: padded(plan.maxTokens * 4),
      usage: storage | copyDst,
    })
    const params = new Uint32Array((dispatches.length * paramsStride) / 4)
    dispatches.forEach(({ launch }, index) => params.set(launch.params, (index * paramsStride) / 4))
    this.#params = device.createBuffer({
      label: 'params',
      size: Math.max(paramsStride, params.byteLength),
      usage: uniform | copyDst,
    })
    device.queue.writeBuffer(this.#params, 0, params)
    this.#groups = dispatches.map((dispatch, index) =>
      dispatch.launch.operands.some((operand) => operand.kind === 'state')
        ? undefined
        : this.#bind(dispatch, index, new Map()),
    )
    this.#stateTypes = new Map(dispatches.flatMap(({ launch }) => launch.operands.flatMap(stateType)))
    const alignment = device.limits.minStorageBufferOffsetAlignment
    this.rowsAreAligned = dispatches
      .filter(({ launch }) => isPerSequence(launch.op))
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

  submit(state: ReadonlyMap<string, Tensor>, { tokens }: StepInput): void {
    const groups = this.#groupsFor(state)
    const count = tokens.length
    this.device.queue.writeBuffer(this.#tokens, 0, new Uint32Array(tokens))
    this.#submit(count, (pass, { launch, kernel }, index) => {
      pass.setBindGroup(0, groups[index])
      const [x, y] = kernel.grid(launch.shape, launch.single ? 1 : count)
      pass.dispatchWorkgroups(x, y)
    })
    const { result, outputs } = this.plan
    this.#outputs = result.rows === 'outputs' && outputs === 'last' ? 1 : count
  }

  /** Sequence i has row i of every value. */
  submitTogether(sequences: readonly SequenceStep[]): void {
    const { queue } = this.device
    const count = sequences.length
    queue.writeBuffer(this.#tokens, 0, new Uint32Array(sequences.flatMap(({ tokens }) => tokens)))
    const steps = new Uint32Array((count * paramsStride) / 4)
    sequences.forEach(({ position, prefix = 0 }, row) => {
      steps.set([1, position, prefix], (row * paramsStride) / 4)
    })
    queue.writeBuffer(this.#stepOfRow(0).buffer, 0, steps)
    const groups = sequences.map(({ state }, row) => this.#groupsFor(state, row))
    this.#submit(count, (pass, { launch, kernel }, index) => {
      if (isPerSequence(launch.op)) {
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
    this.#outputs = count
  }

  #submit(tokens: number, launch: Encode): void {
    if (this.profile?.enabled) this.#encodeTimed(this.profile, tokens, launch)
    else this.#encode(launch)
    this.#wait.submitted(tokens)
  }

  #encode(launch: Encode): void {
    const encoder = this.device.createCommandEncoder()
    const pass = encoder.beginComputePass()
    let current: GPUComputePipeline | undefined
    this.dispatches.forEach((dispatch, index) => {
      const { pipeline } = dispatch.pipeline
      if (current !== pipeline) pass.setPipeline(pipeline)
      current = pipeline
      launch(pass, dispatch, index)
    })
    pass.end()
    this.device.queue.submit([encoder.finish()])
  }

  /** As `#encode`, with a pass for each launch, since timestamps are of passes. */
  #encodeTimed(profile: Profile, tokens: number, launch: Encode): void {
    const timer = (this.#timer ??= new LaunchTimer(this.device, this.dispatches.map(described)))
    const encoder = this.device.createCommandEncoder()
    this.dispatches.forEach((dispatch, index) => {
      const pass = encoder.beginComputePass(timer.pass(index))
      pass.setPipeline(dispatch.pipeline.pipeline)
      launch(pass, dispatch, index)
      pass.end()
    })
    const stamps = timer.resolve(encoder)
    this.device.queue.submit([encoder.finish()])
    profile.addStepLater(tokens, () => timer.read(stamps))
  }

  /** Copies the latest result at once; waiting for it comes after, so a later step cannot overwrite it. */
  async read(): Promise<Float32Array> {
    const { result } = this.plan
    const bytes = this.#outputs * result.cols * 4
    const slot = this.#slots[this.plan.slotOf.get(result.id) ?? -1]
    if (!slot || bytes === 0) throw new EngineError('internal', 'read before any run')
    const staging = this.#staging(bytes)
    const encoder = this.device.createCommandEncoder()
    encoder.copyBufferToBuffer(slot, 0, staging, 0, bytes)
    this.device.queue.submit([encoder.finish()])
    await this.#wait.until(() => staging.mapAsync(mapModeRead, 0, bytes))
    const values = new Float32Array(staging.getMappedRange(0, bytes).slice(0))
    staging.unmap()
    this.#idle.push(staging)
    return values
  }

  forget(tensor: GpuTensor): void {
    for (const key of [...this.#groupsOfState.keys()]) {
      if (key.split(' ').includes(String(tensor.id))) this.#groupsOfState.delete(key)
    }
  }

  dispose(): void {
    for (const buffer of [...this.#slots, this.#tokens, this.#params, ...this.#idle]) buffer.destroy()
    this.#steps?.destroy()
    this.#groupsOfState.clear()
    this.#timer?.dispose()
    this.onDispose(this)
  }

  /** With a `row`, those of the sequence that has this row of a step in common with others. */
  #groupsFor(state: ReadonlyMap<string, Tensor>, row?: number): readonly GPUBindGroup[] {
    // By the tensors, not by the map: a caller may build a new map for every step.
    const ids = [...this.#stateTypes.keys()].map((name) => asGpuTensor(state.get(name)).id).join(' ')
    const key = row === undefined ? ids : `row${row} ${ids}`
    let groups = this.#groupsOfState.get(key)
    if (!groups) {
      groups = this.dispatches.map(
        (dispatch, index) =>
          (row === undefined || !isPerSequence(dispatch.launch.op) ? this.#groups[index] : undefined) ??
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
      row === undefined ? { buffer: this.shared.step } : this.#stepOfRow(row),
      params,
      ...launch.operands.map((operand) => ({
        buffer: this.#bufferOf(operand, state),
        offset: row === undefined || operand.kind !== 'slot' ? 0 : row * operand.cols * 4,
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
    return { buffer: this.#steps, offset: row * paramsStride, size: 16 }
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
        return this.#tokens
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

function described({ launch, kernel }: Dispatch): { kernel: string; weightBytes: number } {
  const { op, type, shape } = launch
  // Of an embedding only the rows of the step's tokens are read.
  const reads = interfaces[op].quant && op !== 'embed'
  return {
    kernel: variantName(kernel, type),
    weightBytes: reads ? byteLength(type, shape.rows * shape.cols) : 0,
  }
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
