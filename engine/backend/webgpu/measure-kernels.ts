// Times kernels that compute the same product on this device, in a given time, and checks that they do.
import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises'
import type { KernelChoice, KernelChoices, Situation } from '../kernel-choice'
import {
  byFeatures,
  fastest,
  typicalShapes,
  withoutTime,
  type Contest,
  type Contests,
  type KernelTiming,
} from './choose-kernels'
import type { OpenDevice } from './dawn'
import type { Kernel, Shape } from './kernels/table'
import type { Launch, Operand } from './lowering'
import { Pipelines, type Pipeline } from './pipelines'
import { quantizedChunkBytes, withRounding } from './round-activations'
import { bufferUsage, mapModeRead } from './usage'

export interface Measuring {
  readonly shapes: Readonly<Record<Situation, Shape>>
  /** Matrices that launches take in turns: one alone would stay in a cache that no model fits into. */
  readonly copies: Readonly<Record<Situation, number>>
  /** Submits of each kernel, in turns. */
  readonly rounds: number
  /** Milliseconds of work that a submit should have, so that what it costs itself matters less. */
  readonly submitMs: number
  /** Milliseconds for all of it, compilation included. What does not fit takes no part. */
  readonly budget: number
  now(this: void): number
}

/** What a start can spare once. */
export const measuringAtStart: Measuring = {
  shapes: typicalShapes,
  copies: { decode: 16, prefill: 1 },
  rounds: 5,
  submitMs: 1,
  budget: 90,
  now: () => performance.now(),
}

/** For who has time: drivers that compile slowly have no time for others at a start. */
export const patientMeasuring: Measuring = { ...measuringAtStart, rounds: 9, budget: 5000 }

/** More are as long to encode as they run. */
const mostLaunches = 256

/** With so many times the time of the table's kernel for one launch a rival loses anyway. */
const hopeless = 3

/** The type that every kernel of a matrix reads. */
const type = 'q4_0'

/** Milliseconds that a timer of Node.js can wait. */
const longestTimer = 2 ** 31 - 1

/**
 * The kernel of each contest that was fastest. Most of the time is for compiling them, and each contest has half of the rest. A
 * rival that does not compile here, or whose product is another one than the table's kernel has, is left out.
 */
export async function measureKernels(
  { device, traits }: OpenDevice,
  contests: Contests,
  measuring: Measuring = measuringAtStart,
): Promise<KernelChoices> {
  const start = measuring.now()
  const until = (share: number): number => start + share * measuring.budget
  const { decode, prefill } = contests
  const pipelines = new Pipelines(device, traits)
  const entrants = [decode.own, prefill.own, ...decode.rivals, ...prefill.rivals]
  const compiled = await compile(pipelines, entrants, until(0.6), measuring)
  const winner = (situation: Situation, end: number): Promise<KernelChoice> =>
    winnerOf(device, pipelines, situation, contests[situation], compiled, measuring, end)
  return { decode: await winner('decode', until(0.8)), prefill: await winner('prefill', until(1)) }
}

interface Compiled {
  readonly able: ReadonlySet<Kernel>
  readonly refused: ReadonlySet<Kernel>
}

/** Those that are compiled or refused in time; the others are compiled for nobody. */
async function compile(
  pipelines: Pipelines,
  entrants: readonly Kernel[],
  end: number,
  { now }: Measuring,
): Promise<Compiled> {
  const able = new Set<Kernel>()
  const refused = new Set<Kernel>()
  const all: Promise<unknown>[] = []
  for (const kernel of entrants) {
    // Shaders are read at once, and compiled on threads of the driver.
    if (now() >= end) break
    all.push(
      pipelines.get({ kernel, type, activation: '' }).then(
        () => able.add(kernel),
        () => refused.add(kernel),
      ),
    )
    await turn()
  }
  const timer = new AbortController()
  const time = delay(Math.min(Math.max(0, end - now()), longestTimer), undefined, { signal: timer.signal })
  await Promise.race([Promise.all(all), time])
  timer.abort()
  return { able: new Set(able), refused: new Set(refused) }
}

async function winnerOf(
  device: GPUDevice,
  pipelines: Pipelines,
  situation: Situation,
  { own, rivals }: Contest,
  compiled: Compiled,
  { shapes, copies, rounds, submitMs, now }: Measuring,
  end: number,
): Promise<KernelChoice> {
  const able = rivals.filter((kernel) => compiled.able.has(kernel))
  if (rivals.every((kernel) => compiled.refused.has(kernel))) return byFeatures(own.name)
  if (!compiled.able.has(own) || able.length === 0 || now() >= end) return withoutTime(own.name)
  const product = new Product(device, shapes[situation], copies[situation])
  const time = async (entrant: Entrant, launches: number): Promise<number> => {
    const commands = product.encode(entrant.bound, launches)
    const start = now()
    await product.submit(commands)
    return now() - start
  }
  try {
    const ours: Entrant = { kernel: own.name, bound: await product.bind(pipelines, own), ms: [] }
    const expected = await product.compute(ours.bound)
    const single = await time(ours, 1)
    const some = Math.min(16, Math.ceil((4 * submitMs) / single))
    const each = some > 1 ? ((await time(ours, some)) - single) / (some - 1) : single
    const entrants = [ours]
    for (const kernel of able) {
      if (now() >= end) break
      const rival: Entrant = { kernel: kernel.name, bound: await product.bind(pipelines, kernel), ms: [] }
      const values = await product.compute(rival.bound)
      if (!agrees(expected, values, kernel.rounds ? 5e-2 : 1e-3)) continue
      if ((await time(rival, 1)) <= hopeless * single) entrants.push(rival)
    }
    if (entrants.length === 1) return now() >= end ? withoutTime(own.name) : byFeatures(own.name)
    // No more than `mostLaunches` where a launch takes no time that can be told.
    const launches = Math.max(1, Math.min(mostLaunches, Math.ceil(submitMs / Math.max(each, 1e-6))))
    // In turns: a GPU gets faster while it has work.
    for (let round = 0; round < rounds; round++) {
      for (const entrant of entrants) {
        if (now() >= end) return fastest(own.name, entrants)
        entrant.ms.push((await time(entrant, launches)) / launches)
      }
    }
    return fastest(own.name, entrants)
  } finally {
    product.dispose()
  }
}

/** Whether the root of the mean square difference is no more than so much of that of the values. */
export function agrees(expected: Float32Array, got: Float32Array, tolerance: number): boolean {
  let error = 0
  let power = 0
  for (const [i, value] of expected.entries()) {
    error += (value - (got[i] ?? NaN)) ** 2
    power += value ** 2
  }
  return error <= power * tolerance ** 2
}

interface Bound {
  readonly pipeline: Pipeline
  /** One for each copy of the matrix. */
  readonly groups: readonly GPUBindGroup[]
  readonly grid: readonly [number, number]
}

interface Entrant extends KernelTiming {
  readonly bound: readonly Bound[]
  readonly ms: number[]
}

/** A matrix of any numbers, several times, and as many rows of activations as the shape has tokens. */
class Product {
  readonly #device: GPUDevice
  readonly #launch: Launch
  readonly #tokens: number
  readonly #buffers: GPUBuffer[] = []
  readonly #quants: GPUBuffer
  readonly #copies: readonly GPUBuffer[]
  readonly #step: GPUBuffer
  readonly #x: GPUBuffer
  readonly #y: GPUBuffer
  readonly #quantized: GPUBuffer
  readonly #nothing: GPUBuffer

  constructor(device: GPUDevice, shape: Shape, copies: number) {
    const { rows, cols, maxTokens } = shape
    const chunks = cols / 32
    this.#device = device
    this.#tokens = maxTokens
    this.#step = this.#uniform(new Uint32Array([maxTokens]))
    const x = new Float32Array(maxTokens * cols)
    for (let i = 0; i < x.length; i++) x[i] = ((i * 7919) % 257) / 128 - 1
    this.#x = this.#filled(x)
    this.#y = this.#empty(maxTokens * rows * 4)
    const words = new Uint32Array(rows * chunks * 4)
    for (let i = 0; i < words.length; i++) words[i] = Math.imul(i + 1, 0x9e3779b1)
    this.#quants = this.#filled(words)
    this.#copies = Array.from({ length: copies }, (_, i) =>
      i === 0 ? this.#quants : this.#empty(words.byteLength),
    )
    const encoder = device.createCommandEncoder()
    for (const copy of this.#copies.slice(1)) {
      encoder.copyBufferToBuffer(this.#quants, 0, copy, 0, words.byteLength)
    }
    device.queue.submit([encoder.finish()])
    const sixteenths = new Uint16Array(rows * chunks).fill(0x2c00)
    this.#nothing = this.#empty(256)
    this.#quantized = this.#empty(maxTokens * chunks * quantizedChunkBytes)
    const one = 0x3f800000
    this.#launch = {
      op: 'matmul',
      type,
      shape,
      params: new Uint32Array([rows, cols, chunks, 0, rows, 0, 0, one, 0, 0, 0, 0]),
      operands: [
        { kind: 'buffer', buffer: this.#quants },
        { kind: 'buffer', buffer: this.#filled(sixteenths) },
        { kind: 'slot', slot: 0, cols },
        { kind: 'nothing' },
        { kind: 'nothing' },
        { kind: 'slot', slot: 1, cols: rows },
        { kind: 'nothing' },
      ],
      perSequence: false,
      single: false,
    }
  }

  bind(pipelines: Pipelines, kernel: Kernel): Promise<Bound[]> {
    return Promise.all(
      withRounding([{ launch: this.#launch, kernel }]).map(async (chosen) => {
        const { launch } = chosen
        const pipeline = await pipelines.get({
          kernel: chosen.kernel,
          type: launch.type,
          activation: '',
        })
        const params = this.#uniform(launch.params)
        const groups = this.#copies.map((copy) => {
          const operands = launch.operands.map((operand) => this.#of(operand, copy))
          return this.#device.createBindGroup({
            layout: pipeline.layout,
            entries: [this.#step, params, ...operands].map((buffer, binding) => ({
              binding,
              resource: { buffer },
            })),
          })
        })
        return { pipeline, groups, grid: chosen.kernel.grid(launch.shape, this.#tokens) }
      }),
    )
  }

  /** What a kernel makes of memory that holds no earlier product. */
  async compute(bound: readonly Bound[]): Promise<Float32Array> {
    const { size } = this.#y
    const { mapRead, copyDst } = bufferUsage
    const staging = this.#keep(this.#device.createBuffer({ size, usage: mapRead | copyDst }))
    const encoder = this.#device.createCommandEncoder()
    encoder.clearBuffer(this.#y)
    this.#dispatch(encoder, bound, 1)
    encoder.copyBufferToBuffer(this.#y, 0, staging, 0, size)
    this.#device.queue.submit([encoder.finish()])
    await staging.mapAsync(mapModeRead)
    const values = new Float32Array(staging.getMappedRange().slice(0))
    staging.unmap()
    return values
  }

  encode(bound: readonly Bound[], launches: number): GPUCommandBuffer {
    const encoder = this.#device.createCommandEncoder()
    this.#dispatch(encoder, bound, launches)
    return encoder.finish()
  }

  /** Resolves when the device has done it. */
  submit(commands: GPUCommandBuffer): Promise<undefined> {
    this.#device.queue.submit([commands])
    return this.#device.queue.onSubmittedWorkDone()
  }

  #dispatch(encoder: GPUCommandEncoder, bound: readonly Bound[], launches: number): void {
    const pass = encoder.beginComputePass()
    for (let launch = 0; launch < launches; launch++) {
      for (const { pipeline, groups, grid } of bound) {
        pass.setPipeline(pipeline.pipeline)
        pass.setBindGroup(0, groups[launch % groups.length])
        pass.dispatchWorkgroups(...grid)
      }
    }
    pass.end()
  }

  dispose(): void {
    for (const buffer of this.#buffers) buffer.destroy()
  }

  #of(operand: Operand, copy: GPUBuffer): GPUBuffer {
    if (operand.kind === 'buffer') return operand.buffer === this.#quants ? copy : operand.buffer
    if (operand.kind === 'quantized') return this.#quantized
    if (operand.kind === 'slot') return operand.slot === 0 ? this.#x : this.#y
    return this.#nothing
  }

  #uniform(words: Uint32Array): GPUBuffer {
    const { uniform, copyDst } = bufferUsage
    const buffer = this.#keep(this.#device.createBuffer({ size: 256, usage: uniform | copyDst }))
    this.#device.queue.writeBuffer(buffer, 0, words)
    return buffer
  }

  #filled(values: Float32Array | Uint32Array | Uint16Array): GPUBuffer {
    const buffer = this.#empty(values.byteLength)
    this.#device.queue.writeBuffer(buffer, 0, values)
    return buffer
  }

  #empty(size: number): GPUBuffer {
    const { storage, copySrc, copyDst } = bufferUsage
    return this.#keep(this.#device.createBuffer({ size, usage: storage | copySrc | copyDst }))
  }

  #keep(buffer: GPUBuffer): GPUBuffer {
    this.#buffers.push(buffer)
    return buffer
  }
}
