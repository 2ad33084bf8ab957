// Shares one device among jobs, a step at a time: whoever is typing goes first. Two that want their next token share a step.
import type { Continuation } from '../model/model'
import { JointDecoding, type Decoder } from './joint-decoding'

/** Lower comes first. A waiting `typing` step always runs before a waiting `chat` step. */
const rank = { typing: 0, chat: 1, background: 2 } as const
export type Priority = keyof typeof rank

/** One job's way to the device, step by step. Between steps it holds nothing, so a slow reader blocks nobody. */
export interface Turn {
  readonly signal: AbortSignal
  /** Whether another job waits for the device. */
  readonly contended?: boolean
  /** Runs `work` when it is this job's turn: after the step in progress and every more urgent one. Rejects when the signal aborts first. */
  step<T>(work: () => Promise<T>): Promise<T>
  /**
   * The same for the next token of a sequence. When another job waits for a token of the same model, both may get theirs in one
   * step, which neither's signal ends. Resolves to the logits.
   */
  decode(step: DecodeStep): Promise<Float32Array>
}

export interface DecodeStep {
  readonly decoder: Decoder
  readonly sequence: Continuation
  /** The step of this sequence alone. */
  alone(): Promise<Float32Array>
}

interface Waiting {
  readonly rank: number
  readonly step: DecodeStep | undefined
  grant(): void
  /** Another job's step has this one's token, too. */
  takeAlong(logits: Promise<Float32Array>): void
}

/** How waiting ended: with the device, or without it, in another job's step. */
type Granted = { readonly logits: Promise<Float32Array> } | undefined

export class Scheduler {
  readonly #queue: Waiting[] = []
  readonly #jointDecoding = new WeakMap<Decoder, JointDecoding>()
  #busy = false

  /** `now` tells the time in milliseconds. */
  constructor(private readonly now: () => number = () => performance.now()) {}

  enter(priority: Priority, signal: AbortSignal): Turn {
    const queue = this.#queue
    return {
      signal,
      get contended() {
        return queue.length > 0
      },
      step: async (work) => {
        signal.throwIfAborted()
        await this.#acquire(rank[priority], signal)
        try {
          return await work()
        } finally {
          this.#release()
        }
      },
      decode: async (step) => {
        signal.throwIfAborted()
        const granted = await this.#acquire(rank[priority], signal, step)
        if (granted) return granted.logits
        return this.#decode(step)
      },
    }
  }

  async #decode(step: DecodeStep): Promise<Float32Array> {
    const { decoder, sequence } = step
    const joint = this.#jointDecoding.get(decoder) ?? new JointDecoding(decoder, this.now)
    this.#jointDecoding.set(decoder, joint)
    const at = this.#queue.findIndex((waiting) => waiting.step?.decoder === decoder)
    const other = this.#queue[at]
    const together = other?.step !== undefined && joint.pays()
    try {
      if (!other) return await step.alone()
      if (!together) return await joint.alone(() => step.alone())
      this.#queue.splice(at, 1)
      const logits = joint.together([sequence, other.step.sequence])
      other.takeAlong(logits.then((rows) => rowOf(rows, 1)))
      return rowOf(await logits, 0)
    } finally {
      this.#release(together)
    }
  }

  #acquire(urgency: number, signal: AbortSignal, step?: DecodeStep): Promise<Granted> {
    if (!this.#busy) {
      this.#busy = true
      return Promise.resolve(undefined)
    }
    return new Promise((resolve, reject) => {
      const granted = (result: Granted): void => {
        signal.removeEventListener('abort', onAbort)
        resolve(result)
      }
      const waiting: Waiting = {
        rank: urgency,
        step,
        grant: () => granted(undefined),
        takeAlong: (logits) => granted({ logits }),
      }
      const onAbort = (): void => {
        this.#queue.splice(this.#queue.indexOf(waiting), 1)
        reject(signal.reason as Error)
      }
      signal.addEventListener('abort', onAbort, { once: true })
      // Behind everything as urgent, before everything less urgent.
      const place = this.#queue.findIndex((other) => other.rank > urgency)
      this.#queue.splice(place < 0 ? this.#queue.length : place, 0, waiting)
    })
  }

  /** After a step of two both ask for their next one soon, although nobody waits yet. */
  #release(expectsTwo = false): void {
    if (this.#queue.length === 0 && !expectsTwo) {
      this.#busy = false
      return
    }
    // The next one is chosen a moment later: a job asks for its next step when it has this one's result, and typing must be
    // able to keep the device until it is done.
    setImmediate(() => {
      const next = this.#queue.shift()
      if (next) next.grant()
      else this.#busy = false
    })
  }
}

function rowOf(rows: readonly Float32Array[], row: number): Float32Array {
  return rows[row] ?? new Float32Array()
}
