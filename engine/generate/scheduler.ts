// Shares one device among jobs, a step at a time: whoever is typing goes first.

/** Lower comes first. A waiting `typing` step always runs before a waiting `chat` step. */
const rank = { typing: 0, chat: 1, background: 2 } as const
export type Priority = keyof typeof rank

/** One job's way to the device, step by step. Between steps it holds nothing, so a slow reader blocks nobody. */
export interface Turn {
  readonly signal: AbortSignal
  /** Runs `work` when it is this job's turn: after the step in progress and every more urgent one. Rejects when the signal aborts first. */
  step<T>(work: () => Promise<T>): Promise<T>
}

interface Waiting {
  rank: number
  grant: () => void
}

export class Scheduler {
  readonly #queue: Waiting[] = []
  #busy = false

  enter(priority: Priority, signal: AbortSignal): Turn {
    return {
      signal,
      step: async (work) => {
        signal.throwIfAborted()
        await this.#acquire(rank[priority], signal)
        try {
          return await work()
        } finally {
          this.#release()
        }
      },
    }
  }

  #acquire(urgency: number, signal: AbortSignal): Promise<void> {
    if (!this.#busy) {
      this.#busy = true
      return Promise.resolve()
    }
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        rank: urgency,
        grant: () => {
          signal.removeEventListener('abort', onAbort)
          resolve()
        },
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

  #release(): void {
    if (this.#queue.length === 0) {
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
