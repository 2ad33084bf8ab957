// The backend that always works: plans run on the processor, operation by operation. How matrices are multiplied is its storage's choice.
import { availableParallelism, cpus } from 'node:os'
import { breathe } from '../../base/signal'
import { byteLength } from '../../format/ggml-types'
import type { Fusion } from '../../graph/fuse'
import {
  grownBy,
  isPerSequence,
  outputOf,
  type Columns,
  type Operation,
  type Rows,
  type StateRef,
  type StateType,
  type Value,
  type WeightRef,
} from '../../graph/graph'
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
import { checkTogether, takesTogether } from '../check-together'
import { checkSameShape } from '../check-same-shape'
import { chooseToken, type ChoiceResult, type TokenChoice } from '../choose-token'
import { logProbability } from '../log-probability'
import type { KernelTime, Profile } from '../profile'
import {
  add,
  gatedProduct,
  joinHeads,
  l2Norm,
  multiply,
  scaleByPosition,
  scaleColumns,
  softcap,
} from './elementwise-ops'
import {
  layerNorm,
  rmsNorm,
  rope,
  ropeAppend,
  ropeRows,
  selectOutputs,
  type ColumnsOf,
  type Work,
} from './ops'
import { PlainStorage } from './plain-storage'
import { addBonus, keepLast, shiftMix, wkv4, wkv5, wkv7 } from './recurrent-ops'
import { valuesOf, type CpuStorage, type CpuTensor, type Epilogue } from './storage'

/** Longest stretch of work without a look at the event loop, in milliseconds. */
const patience = 8

type Product = Extract<Operation, { op: 'matmul' }>

/** Of sums that something else is done to. */
const plainProduct: Epilogue = { bias: undefined, scale: 1, add: undefined }

/** Larger than a processor's caches. */
const copiedBytes = 128 * 2 ** 20

export class CpuBackend implements Backend {
  readonly kind = 'cpu'
  readonly device: DeviceInfo = {
    name: `${cpus()[0]?.model.trim() ?? 'CPU'}, ${availableParallelism()} cores`,
    software: false,
    f16: false,
    subgroups: undefined,
    maxBindingBytes: Infinity,
    prefillChunk: 32,
  }
  /** None: the reference computes what the model's builder wrote down. */
  readonly fusions: ReadonlySet<Fusion> = new Set()
  /** The processor that would wait is the one that computes. */
  readonly pipelined: boolean = false
  readonly lost = new Promise<EngineError>(() => undefined)
  /** Steps and reads run one after the other, in the order of the calls. */
  #queue: Promise<void> = Promise.resolve()
  #failure: unknown
  #disposed = false
  // Across steps: a small model's step is shorter than `patience`, and a thousand of them in a row must not deafen the process.
  #rested = performance.now()

  /** Plain loops, the reference for all other backends, unless another storage is given. */
  constructor(
    private readonly storage: CpuStorage = new PlainStorage(),
    private readonly profile?: Profile,
  ) {}

  createWeight(spec: WeightSpec, read: ReadBytes): Promise<Tensor> {
    return this.storage.createWeight(spec, read)
  }

  createState(label: string, rows: number, cols: number, type?: StateType): Tensor {
    return this.storage.createState(label, rows, cols, type)
  }

  destroy(tensor: Tensor): void {
    // After the steps before it, which may still read it.
    this.#queue = this.#queue.then(() => this.storage.destroy(asCpuTensor(tensor)))
  }

  prepare(): void {
    // There is nothing that takes long.
  }

  compile(plan: Plan, weights: ReadonlyMap<string, Tensor>): Promise<Executable> {
    const slots = plan.slotSizes.map((size) => new Float32Array(size))
    return Promise.resolve(new CpuExecutable(plan, slots, weights, this.storage, this.profile))
  }

  run(executable: Executable, state: ReadonlyMap<string, Tensor>, step: StepInput): void {
    const cpu = asCpuExecutable(executable)
    cpu.check(state, step)
    this.#enqueue(() => this.#work(cpu.work(state, known(step))))
  }

  choose(
    executable: Executable,
    state: ReadonlyMap<string, Tensor>,
    step: StepInput,
    choice: TokenChoice,
  ): ChosenToken {
    this.run(executable, state, step)
    const token = new CpuChosenToken(() => this.#settled(() => undefined))
    this.#enqueue(() => {
      const logits = asCpuExecutable(executable).result()
      const value = chooseToken(logits, choice, step.position + step.tokens.length)
      const { tellsProbability, vocabulary } = choice
      token.result = {
        token: value,
        logProbability: tellsProbability === true ? logProbability(logits, value, vocabulary) : undefined,
      }
    })
    return token
  }

  runsTogether(executable: Executable): boolean {
    return takesTogether(executable.plan)
  }

  runTogether(executable: Executable, sequences: readonly SequenceStep[]): void {
    const cpu = asCpuExecutable(executable)
    checkTogether(cpu.plan, sequences)
    for (const sequence of sequences) cpu.check(sequence.state, sequence)
    this.#enqueue(() => this.#work(cpu.workTogether(sequences)))
  }

  copyState(from: Tensor, to: Tensor): void {
    checkSameShape(from, to)
    const [source, target] = [asCpuTensor(from), asCpuTensor(to)]
    this.#enqueue(() => {
      if (source.packed) target.packed?.set(source.packed)
      else valuesOf(target).set(valuesOf(source))
    })
  }

  read(executable: Executable): Promise<Float32Array> {
    return this.#settled(() => asCpuExecutable(executable).result())
  }

  finished(executable: Executable): Promise<void> {
    asCpuExecutable(executable)
    return this.#settled(() => undefined)
  }

  /** What `tell` says after everything enqueued so far, and before what comes later. Rejects with what went wrong. */
  #settled<T>(tell: () => T): Promise<T> {
    return this.#queue.then(() => {
      const failure = this.#failure
      // Told once: the next step starts from what its caller still trusts.
      this.#failure = undefined
      if (failure instanceof Error) throw failure
      return tell()
    })
  }

  copyBandwidth(): Promise<number> {
    const from = new Float32Array(copiedBytes / 4).fill(1)
    const to = from.slice()
    const seconds = Array.from({ length: 5 }, () => {
      const start = performance.now()
      to.set(from)
      return (performance.now() - start) / 1000
    })
    return Promise.resolve((2 * copiedBytes) / Math.min(...seconds))
  }

  dispose(): void {
    this.#disposed = true
    this.storage.dispose()
  }

  #enqueue(job: () => void | Promise<void>): void {
    this.#queue = this.#queue.then(async () => {
      if (this.#failure !== undefined) return
      try {
        await job()
      } catch (error) {
        this.#failure = error
      }
    })
  }

  async #work(work: Work): Promise<void> {
    while (!work.next().done) {
      if (performance.now() - this.#rested < patience) continue
      await breathe()
      if (this.#disposed) throw new EngineError('internal', 'the backend is disposed')
      this.#rested = performance.now()
    }
  }
}

class CpuChosenToken implements ChosenToken {
  result: ChoiceResult | undefined

  constructor(private readonly settled: () => Promise<void>) {}

  async read(): Promise<ChoiceResult> {
    if (!this.result) await this.settled()
    if (!this.result) throw new EngineError('internal', 'the step that chooses a token was given up')
    return this.result
  }

  forget(): void {
    // Nothing but the step holds it.
  }
}

/** The step with the token that the one before has chosen. */
function known(step: StepInput): StepInput {
  const { chosen } = step
  if (!chosen) return step
  if (chosen instanceof CpuChosenToken && chosen.result) return { ...step, tokens: [chosen.result.token] }
  throw new EngineError('internal', 'a step takes a token that is not there')
}

class CpuExecutable implements Executable {
  #outputs = 0

  constructor(
    readonly plan: Plan,
    readonly slots: readonly Float32Array[],
    readonly weights: ReadonlyMap<string, Tensor>,
    private readonly storage: CpuStorage,
    private readonly profile: Profile | undefined,
  ) {}

  check(state: ReadonlyMap<string, Tensor>, step: StepInput): void {
    const { tokens, position } = step
    checkPrefix(this.plan, step)
    if (tokens.length < 1 || tokens.length > this.plan.maxTokens) {
      throw new EngineError(
        'internal',
        `a step of ${tokens.length} tokens, the plan takes 1 to ${this.plan.maxTokens}`,
      )
    }
    for (const operation of this.plan.operations) {
      for (const grown of grownBy(operation)) {
        const { rows } = tensorOf(state, grown)
        if (position + tokens.length <= rows) continue
        throw new EngineError(
          'bad-request',
          `position ${position + tokens.length} is beyond the context of ${rows} tokens`,
        )
      }
    }
  }

  *work(state: ReadonlyMap<string, Tensor>, step: StepInput): Work {
    if (this.profile?.enabled) yield* this.#timed(this.profile, state, step)
    else for (const operation of this.#operationsOf(step)) yield* this.#start(operation, state, step)
    this.#outputs = step.withoutResult === true ? 0 : this.#rows(this.plan.result.rows, step)
  }

  *workTogether(sequences: readonly SequenceStep[]): Work {
    const whole = { tokens: sequences.flatMap(({ tokens }) => tokens), position: 0 }
    for (const operation of this.plan.operations) {
      if (!isPerSequence(operation.op)) yield* this.#start(operation, new Map(), whole)
      else
        for (const [row, sequence] of sequences.entries())
          yield* this.#start(operation, sequence.state, sequence, row)
    }
    this.#outputs = sequences.length
  }

  *#timed(profile: Profile, state: ReadonlyMap<string, Tensor>, step: StepInput): Work {
    const times: KernelTime[] = []
    for (const operation of this.#operationsOf(step)) {
      const start = performance.now()
      yield* this.#start(operation, state, step)
      times.push({ ...this.#described(operation), ms: performance.now() - start })
    }
    profile.addStep(step.tokens.length, times)
  }

  #operationsOf({ withoutResult }: StepInput): readonly Operation[] {
    const { operations } = this.plan
    return withoutResult === true
      ? operations.filter((operation) => outputOf(operation)?.rows !== 'outputs')
      : operations
  }

  #described(operation: Operation): Omit<KernelTime, 'ms'> {
    if (operation.op !== 'matmul') return { kernel: operation.op, weightBytes: 0 }
    const { type, rows, cols } = this.#tensor(operation.weight)
    return { kernel: `matmul ${type}`, weightBytes: byteLength(type, rows * cols) }
  }

  result(): Float32Array {
    if (this.#outputs === 0) throw new EngineError('internal', 'read before any run')
    const { result } = this.plan
    return this.#slot(result).slice(0, this.#outputs * result.cols)
  }

  dispose(): void {
    this.#outputs = 0
  }

  *#product(operation: Product, rows: number, slot: (value: Value) => Float32Array): Work {
    const { weight, bias, scale, x, add, norm, gate, out } = operation
    let values = slot(x)
    if (norm) {
      const normed = new Float32Array(rows * x.cols)
      yield* rmsNorm(values, normed.length, this.#vector(norm.weight), norm, normed)
      values = normed
    }
    const multiply = (epilogue: Epilogue, sums: Float32Array): Work =>
      this.storage.matmul(this.#tensor(weight), values, rows, epilogue, sums)
    const biases = bias && this.#vector(bias)
    if (gate) {
      const gated = { activation: gate, bias: biases, scale, rows, cols: out.cols }
      yield* gatedProduct((sums) => multiply(plainProduct, sums), gated, slot(out))
    } else {
      yield* multiply({ bias: biases, scale, add: add && slot(add) }, slot(out))
    }
  }

  /** The step's tokens have the rows from `firstRow` on. */
  #start(operation: Operation, state: ReadonlyMap<string, Tensor>, step: StepInput, firstRow = 0): Work {
    const { tokens, position, prefix = 0 } = step
    const nTokens = tokens.length
    const slot = (value: Value): Float32Array => this.#slot(value).subarray(firstRow * value.cols)
    const columns = ({ value, from }: Columns): ColumnsOf => ({ x: slot(value), stride: value.cols, from })
    switch (operation.op) {
      case 'embed':
        return this.storage.embed(this.#tensor(operation.table), tokens, operation.scale, slot(operation.out))
      case 'rms-norm': {
        const { x, weight, out } = operation
        return rmsNorm(slot(x), this.#rows(x.rows, step) * x.cols, this.#vector(weight), operation, slot(out))
      }
      case 'layer-norm': {
        const { x, weight, bias, out } = operation
        return layerNorm(
          slot(x),
          this.#rows(x.rows, step),
          this.#vector(weight),
          bias && this.#vector(bias),
          operation,
          slot(out),
        )
      }
      case 'matmul':
        return this.#product(operation, this.#rows(operation.x.rows, step), slot)
      case 'rope': {
        const { x, table, axis, out } = operation
        const rowOf = ropeRows[axis]
        const rows = tokens.map((_, t) => rowOf(position + t, prefix))
        return rope(slot(x), x.cols, rows, this.#vector(table), operation, slot(out))
      }
      case 'append': {
        const { x, cache } = operation
        return this.storage.append(slot(x), nTokens, position, tensorOf(state, cache))
      }
      case 'rope-append': {
        const { table, keys, values, out } = operation
        const inputs = { q: columns(operation.q), k: columns(operation.k), v: columns(operation.v) }
        const keep = (cache: StateRef) => (rows: Float32Array) =>
          this.storage.append(rows, nTokens, position, tensorOf(state, cache))
        const caches = { keys: keep(keys), values: keep(values) }
        return ropeAppend(inputs, nTokens, position, this.#vector(table), operation, caches, slot(out))
      }
      case 'attention': {
        const { q, k, v, slopes, chunks, out } = operation
        const shape = {
          ...operation,
          slopes: slopes && this.#vector(slopes),
          prefix: operation.prefix ? prefix : 0,
          chunks: chunks && {
            length: chunks.length,
            successive: slot(chunks.successive),
            inter: slot(chunks.inter),
          },
        }
        const [keys, values] = [tensorOf(state, k), tensorOf(state, v)]
        return this.storage.attention(slot(q), keys, values, nTokens, position, shape, slot(out))
      }
      case 'scale-by-position': {
        const { x, table, out } = operation
        return scaleByPosition(slot(x), nTokens, x.cols, position, this.#vector(table), slot(out))
      }
      case 'join-heads': {
        const { x, shared, heads, out } = operation
        const widths = { own: x.cols / heads, common: shared.cols }
        return joinHeads(slot(x), slot(shared), this.#rows(x.rows, step), heads, widths, slot(out))
      }
      case 'activate': {
        const { activation, x, out } = operation
        return this.storage.activate(activation, slot(x), this.#count(x, step), slot(out))
      }
      case 'gated': {
        const { activation, gate, up, out } = operation
        return this.storage.gated(
          activation,
          columns(gate),
          columns(up),
          this.#rows(out.rows, step),
          out.cols,
          slot(out),
        )
      }
      case 'add': {
        const { x, scale, y, out } = operation
        return add(slot(x), scale, slot(y), this.#count(x, step), slot(out))
      }
      case 'multiply': {
        const { x, y, out } = operation
        return multiply(slot(x), slot(y), this.#count(x, step), slot(out))
      }
      case 'scale-columns': {
        const { x, weight, bias, out } = operation
        return scaleColumns(
          slot(x),
          this.#rows(x.rows, step),
          x.cols,
          weight && this.#vector(weight),
          bias && this.#vector(bias),
          slot(out),
        )
      }
      case 'softcap':
        return softcap(slot(operation.x), operation.cap, this.#count(operation.x, step), slot(operation.out))
      case 'l2-norm':
        return l2Norm(slot(operation.x), this.#count(operation.x, step), operation, slot(operation.out))
      case 'shift-mix': {
        const { x, previous, weight, dynamic, out } = operation
        const before = stateOf(state, previous).values
        const moved = dynamic && slot(dynamic)
        return shiftMix(slot(x), nTokens, x.cols, before, this.#vector(weight), moved, slot(out))
      }
      case 'keep-last':
        return keepLast(slot(operation.x), nTokens, operation.x.cols, stateOf(state, operation.state).values)
      case 'wkv-4': {
        const { k, v, decay, first, out } = operation
        const vectors = { decay: this.#vector(decay), first: this.#vector(first) }
        const { values } = stateOf(state, operation.state)
        return wkv4(slot(k), slot(v), nTokens, k.cols, vectors, values, slot(out))
      }
      case 'wkv-5': {
        const { r, k, v, decay, first, heads, out } = operation
        const inputs = { r: slot(r), k: slot(k), v: slot(v) }
        const perToken = 'id' in decay
        const decays = { values: perToken ? slot(decay) : this.#vector(decay), perToken }
        const { values } = stateOf(state, operation.state)
        const shape = { cols: r.cols, heads }
        return wkv5(inputs, nTokens, shape, decays, this.#vector(first), values, slot(out))
      }
      case 'wkv-7': {
        const { r, decay, k, v, removal, rate, heads, out } = operation
        const inputs = {
          r: slot(r),
          decay: slot(decay),
          k: slot(k),
          v: slot(v),
          removal: slot(removal),
          rate: slot(rate),
        }
        const { values } = stateOf(state, operation.state)
        return wkv7(inputs, nTokens, { cols: r.cols, heads }, values, slot(out))
      }
      case 'add-bonus': {
        const { x, r, k, v, weight, group, out } = operation
        const inputs = { x: slot(x), r: slot(r), k: slot(k), v: slot(v) }
        return addBonus(inputs, nTokens, { cols: x.cols, group }, this.#vector(weight), slot(out))
      }
      case 'select-outputs': {
        const { x, out } = operation
        return selectOutputs(slot(x), nTokens, x.cols, nTokens - this.#rows(out.rows, step), slot(out))
      }
    }
  }

  #rows(rows: Rows, step: StepInput): number {
    return rows === 'outputs' && this.plan.outputs === 'last' ? 1 : step.tokens.length
  }

  #count(value: Value, step: StepInput): number {
    return this.#rows(value.rows, step) * value.cols
  }

  #slot(value: Value): Float32Array {
    const slot = this.slots[this.plan.slotOf.get(value.id) ?? -1]
    if (!slot) throw new EngineError('internal', `"${value.label}" is used before it is computed`)
    return slot
  }

  #vector(ref: WeightRef): Float32Array {
    const tensor = this.#tensor(ref)
    if (tensor.values) return tensor.values
    throw new EngineError('unsupported-arch', `${ref.weight} is ${tensor.type}, only f32 works here`)
  }

  #tensor(ref: WeightRef): CpuTensor {
    const tensor = this.weights.get(ref.weight)
    if (!tensor) throw new EngineError('internal', `no weight "${ref.weight}" was given to compile`)
    return asCpuTensor(tensor)
  }
}

function stateOf(state: ReadonlyMap<string, Tensor>, ref: StateRef): { values: Float32Array } {
  return { values: valuesOf(tensorOf(state, ref)) }
}

function tensorOf(state: ReadonlyMap<string, Tensor>, ref: StateRef): CpuTensor {
  const tensor = state.get(ref.state)
  if (!tensor) throw new EngineError('internal', `no state "${ref.state}" was given to run`)
  return asCpuTensor(tensor)
}

function asCpuTensor(tensor: Tensor): CpuTensor {
  if (!('values' in tensor)) {
    throw new EngineError('internal', `tensor "${tensor.label}" is not from the cpu backend`)
  }
  return tensor as CpuTensor
}

function asCpuExecutable(executable: Executable): CpuExecutable {
  if (!(executable instanceof CpuExecutable)) {
    throw new EngineError('internal', 'the executable is not from the cpu backend')
  }
  return executable
}
