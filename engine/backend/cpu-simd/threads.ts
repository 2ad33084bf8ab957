// Threads that share the parts of large jobs. Parts are claimed one by one, so that a thread the system holds up delays one part.
// Between jobs a thread looks for the next one for a moment, then sleeps: an idle engine costs nothing.
import { availableParallelism } from 'node:os'
import type * as workerThreads from 'node:worker_threads'
import { Worker } from 'node:worker_threads'
import type { Work } from '../cpu/ops'
import type { Arena } from './arena'
import { ThreadChoice } from './thread-choice'

/** A call of a kernel, split by units: argument i of a part is args[i] + its first unit * steps[i] + its thread * own[i]. */
export interface Job {
  readonly arena: Arena
  /** Name of the kernel's export. */
  readonly kernel: string
  /** 8 at most. */
  readonly args: readonly number[]
  readonly steps: readonly number[]
  /** For memory that each thread needs for itself. */
  readonly own: readonly number[]
  /** Index of the argument that is the number of units. */
  readonly count: number
  readonly units: number
  /** Multiplications in all: how large a job is, and what its time is compared by. */
  readonly products: number
}

/** Jobs of one token are bound by memory, those of many by arithmetic: each kind has its own number of threads. */
export type JobKind = 'one' | 'many'

export interface ThreadOptions {
  /** So many threads for every job, however small, without measuring; for tests. */
  readonly fixed?: number
  /** Is told, once, why there is only one thread. */
  readonly warn?: (message: string) => void
}

/** Products of a part at most: a millisecond or less, so that the event loop is never far. */
const largestPart = 1 << 22
/** Products of a part at least: a few microseconds, much more than it takes to claim one. */
const smallestPart = 1 << 16
/** Parts per thread, when they are large enough. */
const partsPerThread = 4
const mostThreads = 16
/** How often a thread looks before it goes to sleep, or before it lets the event loop run: 50 microseconds or so. */
const looks = 20000

/** Index of each word of the control block. */
const words = {
  /** 1 while parts may be claimed. */
  open: 0,
  next: 1,
  units: 2,
  part: 3,
  count: 4,
  memory: 5,
  kernel: 6,
  /** Parts that other threads than the main one did; a test looks at it. */
  helped: 7,
  args: 8,
  steps: 16,
  own: 24,
  /** Per thread, on a cache line of its own: a number that changes with each job, whether it sleeps, works, and is ready. */
  threads: 32,
  stride: 16,
  sleeps: 1,
  works: 2,
  ready: 3,
} as const
const maxArgs = 8

interface HelperData {
  readonly control: Int32Array
  readonly module: WebAssembly.Module
  readonly kernels: readonly string[]
  /** 1 and up; the main thread is 0. */
  readonly thread: number
  readonly words: typeof words
  readonly looks: number
}

/** What a helper is told beside jobs. */
interface Message {
  readonly id: number
  /** Missing when it is to be forgotten. */
  readonly memory?: WebAssembly.Memory
}

export class Threads {
  /** Threads that a job can have, with the main one: so many need room of their own. */
  readonly most: number
  readonly #control: Int32Array
  readonly #memories = new Map<Arena, number>()
  readonly #kernels: readonly string[]
  readonly #choices: Readonly<Record<JobKind, ThreadChoice>>
  #workers: Worker[] = []
  #living = 0
  #nextMemory = 1
  /** Set when there will be no helpers any more. */
  #ended = false

  constructor(
    private readonly module: WebAssembly.Module,
    private readonly options: ThreadOptions = {},
  ) {
    this.most = options.fixed ?? Math.min(availableParallelism(), mostThreads)
    this.#control = new Int32Array(new SharedArrayBuffer(4 * (words.threads + this.most * words.stride)))
    this.#kernels = WebAssembly.Module.exports(module).map(({ name }) => name)
    const counts = options.fixed === undefined ? countsUpTo(this.most) : [options.fixed]
    this.#choices = { one: new ThreadChoice(counts), many: new ThreadChoice(counts) }
  }

  /** Parts that other threads did. */
  get helped(): number {
    return Atomics.load(this.#control, words.helped)
  }

  /** Runs all parts of the job and pauses between them. Its time counts for the choice of threads when it is `measured`. */
  *run(job: Job, kind: JobKind, measured: boolean): Work {
    const fixed = this.options.fixed !== undefined
    const shared = this.most > 1 && !this.#ended && (fixed || job.products >= 2 * smallestPart)
    if (!shared || !this.#areReady()) {
      if (!shared || !fixed) {
        yield* alone(job)
        return
      }
      while (!this.#areReady() && !this.#ended) yield
    }
    const choice = this.#choices[kind]
    const threads = this.#ended ? 1 : choice.threads
    const started = performance.now()
    yield* threads > 1 ? this.#together(job, threads) : alone(job)
    if (measured && !this.#ended) choice.record(job.products, performance.now() - started)
  }

  /** Lets the threads forget an arena. */
  forget(arena: Arena): void {
    const id = this.#memories.get(arena)
    if (id === undefined) return
    this.#memories.delete(arena)
    this.#tell({ id })
    // Who sleeps would keep it.
    for (let thread = 1; thread <= this.#workers.length; thread++) this.#wake(thread)
  }

  /** Ends the threads; later jobs run on this one. */
  dispose(): void {
    this.#ended = true
    for (const worker of this.#workers) void worker.terminate()
    this.#memories.clear()
  }

  // A thread takes some 50 ms to start, meanwhile this one works alone.
  #areReady(): boolean {
    if (this.#workers.length === 0) this.#start()
    return this.#workers.every((_, i) => this.#load(i + 1, words.ready) === 1)
  }

  *#together(job: Job, threads: number): Work {
    const control = this.#control
    // After a job that nobody saw to its end.
    Atomics.store(control, words.open, 0)
    while (this.#isBusy()) yield
    const { args, steps, own, units } = job
    const part = partOf(job, threads)
    for (let i = 0; i < maxArgs; i++) {
      control[words.args + i] = args[i] ?? 0
      control[words.steps + i] = steps[i] ?? 0
      control[words.own + i] = own[i] ?? 0
    }
    control[words.units] = units
    control[words.part] = part
    control[words.count] = job.count
    control[words.kernel] = this.#kernels.indexOf(job.kernel)
    control[words.memory] = this.#idOf(job.arena)
    Atomics.store(control, words.next, 0)
    Atomics.store(control, words.open, 1)
    for (let thread = 1; thread < threads; thread++) this.#wake(thread)
    try {
      for (;;) {
        const first = Atomics.add(control, words.next, part)
        if (first >= units) break
        runPart(job, first, Math.min(part, units - first))
        yield
      }
    } finally {
      // Whoever comes now finds it closed; whoever is inside finishes a part.
      Atomics.store(control, words.open, 0)
    }
    while (this.#isBusy()) yield
    // A thread that ended may have left its part undone. Doing all parts again gives the same numbers.
    if (this.#ended) yield* alone(job)
  }

  // Looks for a while whether a helper is inside a job. Once helpers end, until the last one has.
  #isBusy(): boolean {
    if (this.#ended) return this.#living > 0
    for (let thread = 1; thread <= this.#workers.length; thread++) {
      let left = looks
      while (this.#load(thread, words.works) === 1) if (left-- === 0) return true
    }
    return false
  }

  #load(thread: number, word: number): number {
    return Atomics.load(this.#control, words.threads + (thread - 1) * words.stride + word)
  }

  #wake(thread: number): void {
    const at = words.threads + (thread - 1) * words.stride
    Atomics.add(this.#control, at, 1)
    if (Atomics.load(this.#control, at + words.sleeps) === 1) Atomics.notify(this.#control, at)
  }

  #idOf(arena: Arena): number {
    const known = this.#memories.get(arena)
    if (known !== undefined) return known
    const id = this.#nextMemory++
    this.#memories.set(arena, id)
    this.#tell({ id, memory: arena.memory })
    return id
  }

  #tell(message: Message): void {
    for (const worker of this.#workers) worker.postMessage(message)
  }

  #start(): void {
    try {
      for (let thread = 1; thread < this.most; thread++) this.#startHelper(thread)
    } catch (error) {
      this.#giveUp(String(error))
    }
  }

  #startHelper(thread: number): void {
    const workerData: HelperData = {
      control: this.#control,
      module: this.module,
      kernels: this.#kernels,
      thread,
      words,
      looks,
    }
    // From its text, so that every bundle can start it without a file of its own.
    const worker = new Worker(`(${helper.toString()})(require('node:worker_threads'))`, {
      eval: true,
      workerData,
      // It makes next to no objects.
      resourceLimits: { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 32 },
    })
    this.#living++
    worker.on('error', (error) => this.#giveUp(error.message))
    worker.on('exit', (code) => {
      this.#living--
      this.#giveUp(`it ended with ${code}`)
    })
    worker.unref()
    this.#workers.push(worker)
  }

  #giveUp(reason: string): void {
    if (this.#ended) return
    this.options.warn?.(`cpu: a thread does not work, one is left: ${reason}`)
    this.dispose()
  }
}

function* alone(job: Job): Work {
  const part = Math.max(1, Math.floor((largestPart / job.products) * job.units))
  for (let first = 0; first < job.units; first += part) {
    runPart(job, first, Math.min(part, job.units - first))
    yield
  }
}

// 1, 2, 4 and so on, and the last one.
function countsUpTo(most: number): number[] {
  const counts = []
  for (let count = 1; count < most; count *= 2) counts.push(count)
  return [...counts, most]
}

function partOf({ units, products }: Job, threads: number): number {
  const unitsOf = (some: number): number => Math.floor((some / products) * units)
  const fair = Math.ceil(units / (threads * partsPerThread))
  return Math.max(1, Math.min(Math.max(fair, unitsOf(smallestPart)), unitsOf(largestPart)))
}

function runPart({ arena, kernel, args, steps, count }: Job, first: number, units: number): void {
  const numbers = args.map((value, i) => (i === count ? units : value + first * (steps[i] ?? 0)))
  arena.call(kernel, numbers)
}

// Runs in the helper's thread, from its text: it sees nothing of this file.
function helper(node: typeof workerThreads): void {
  type Kernel = (...numbers: number[]) => void
  const { control, module, kernels, thread, words: at, looks: most } = node.workerData as HelperData
  const own = at.threads + (thread - 1) * at.stride
  const bound = new Map<number, Kernel[]>()
  const port = node.parentPort
  const readMessages = (): void => {
    for (;;) {
      const received = port && (node.receiveMessageOnPort(port) as { message: Message } | undefined)
      if (!received) return
      const { id, memory } = received.message
      if (memory) {
        const { exports } = new WebAssembly.Instance(module, { memory: { memory } })
        bound.set(
          id,
          kernels.map((name) => exports[name] as Kernel),
        )
      } else bound.delete(id)
    }
  }
  const takeParts = (): void => {
    const memory = control[at.memory]!
    if (!bound.has(memory)) readMessages()
    const kernel = bound.get(memory)?.[control[at.kernel]!]
    if (!kernel) return
    const [units, part, count] = [control[at.units]!, control[at.part]!, control[at.count]!]
    const argument = (i: number, first: number, many: number): number =>
      i === count
        ? many
        : control[at.args + i]! + first * control[at.steps + i]! + thread * control[at.own + i]!
    for (;;) {
      const first = Atomics.add(control, at.next, part)
      if (first >= units) return
      const many = Math.min(part, units - first)
      kernel(
        argument(0, first, many),
        argument(1, first, many),
        argument(2, first, many),
        argument(3, first, many),
        argument(4, first, many),
        argument(5, first, many),
        argument(6, first, many),
        argument(7, first, many),
      )
      Atomics.add(control, at.helped, 1)
    }
  }
  let seen = Atomics.load(control, own)
  Atomics.store(control, own + at.ready, 1)
  for (;;) {
    let left = most
    while (Atomics.load(control, own) === seen && left > 0) left--
    if (left === 0) {
      Atomics.store(control, own + at.sleeps, 1)
      Atomics.wait(control, own, seen)
      Atomics.store(control, own + at.sleeps, 0)
      readMessages()
    }
    const now = Atomics.load(control, own)
    if (now === seen) continue
    seen = now
    Atomics.store(control, own + at.works, 1)
    if (Atomics.load(control, at.open) === 1) takeParts()
    Atomics.store(control, own + at.works, 0)
  }
}
