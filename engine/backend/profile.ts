// Where the time of steps goes, kernel by kernel: a backend writes here what it measures, while somebody wants to know.

/** One kernel in one step. */
export interface KernelTime {
  /** The kernel and the type of its weight, such as `matvec-lanes q4_0`; on the processor the operation. */
  readonly kernel: string
  readonly ms: number
  /** Bytes of the weight as it lies in the file; 0 for kernels without a matrix. */
  readonly weightBytes: number
}

/** One kernel in all steps measured. */
export interface KernelTotal extends KernelTime {
  readonly launches: number
}

export interface Profiled {
  readonly steps: number
  /** Longest first. */
  readonly kernels: readonly KernelTotal[]
}

/** Steps of several tokens, and of one. */
export type Phase = 'prefill' | 'decode'

export class Profile {
  /** Measuring costs time, so steps are only measured while this is true. */
  enabled = false
  readonly #totals = { prefill: new Totals(), decode: new Totals() }
  /** Steps whose times still lie on a device. */
  readonly #untold: (() => Promise<void>)[] = []

  addStep(tokens: number, times: readonly KernelTime[]): void {
    this.#totals[tokens > 1 ? 'prefill' : 'decode'].add(times)
  }

  /** `take` calls `read`: whoever waits for a device while it works may slow down what is measured. */
  addStepLater(tokens: number, read: () => Promise<readonly KernelTime[]>): void {
    this.#untold.push(async () => this.addStep(tokens, await read()))
  }

  /** What was measured since the last call. Rejects when a device failed to tell its times. */
  async take(): Promise<Readonly<Record<Phase, Profiled>>> {
    for (const tell of this.#untold.splice(0)) await tell()
    return { prefill: this.#totals.prefill.take(), decode: this.#totals.decode.take() }
  }
}

class Totals {
  #steps = 0
  readonly #kernels = new Map<string, { launches: number; ms: number; weightBytes: number }>()

  add(times: readonly KernelTime[]): void {
    this.#steps++
    for (const { kernel, ms, weightBytes } of times) {
      const total = this.#kernels.get(kernel) ?? { launches: 0, ms: 0, weightBytes: 0 }
      total.launches++
      total.ms += ms
      total.weightBytes += weightBytes
      this.#kernels.set(kernel, total)
    }
  }

  take(): Profiled {
    const kernels = [...this.#kernels].map(([kernel, total]) => ({ kernel, ...total }))
    const taken = { steps: this.#steps, kernels: kernels.toSorted((a, b) => b.ms - a.ms) }
    this.#kernels.clear()
    this.#steps = 0
    return taken
  }
}
