// Sleeps through the time a step will surely take, then looks for its end now and then. node-webgpu polls at full speed while
// a map is pending, which on a software adapter takes a core from the very work that is waited for.
import { sleep } from '../../base/signal'

/** Longest sleep in milliseconds. A wrong estimate must not hurt for long, and polling for the rest costs little. */
const longest = 500

/** Milliseconds between two looks for the end of a step; the event loop stands still as long. */
const nap = 0.2
const never = new Int32Array(new SharedArrayBuffer(4))

/** A step on its way through the device. Times in milliseconds of `performance.now()`. */
export interface SubmittedStep {
  readonly kind: string
  /** When it was submitted, or started as far as is known. */
  since: number
  /** The step that it starts after, while that one's end is not known. */
  before: SubmittedStep | undefined
  /** When its end was seen. */
  end: number | undefined
}

/** Learns how long each kind of step takes on a device that runs one after the other. */
export class StepClock {
  /** By kind. Undefined after the first, cold wait. */
  readonly #expected = new Map<string, number | undefined>()
  #latest: SubmittedStep | undefined

  /** A step was submitted. Steps of one kind take about as long as each other. */
  submitted(kind: string): SubmittedStep {
    const before = this.#latest
    if (before) {
      before.since = this.#start(before)
      before.before = undefined
    }
    this.#latest = { kind, since: performance.now(), before, end: undefined }
    return this.#latest
  }

  /** Awaits `start`, asleep at first when `step` is known to take more than 2 ms from now. */
  async until<T>(step: SubmittedStep, start: () => Promise<T>): Promise<T> {
    const expected = this.#expected.get(step.kind)
    const left =
      expected === undefined ? 0 : Math.min(longest, this.#start(step) + expected - performance.now())
    const asleep = left > 2
    if (asleep) await sleep(Math.floor(left - 1))
    const awake = performance.now()
    const result = await napping(start())
    const end = performance.now()
    this.#learn(step, end, end - awake >= 0.2, asleep)
    step.end = end
    return result
  }

  // As far as is known: a step before whose end nobody saw took what steps of its kind take.
  #start({ since, before }: SubmittedStep): number {
    if (!before) return since
    return Math.max(since, before.end ?? this.#start(before) + (this.#expected.get(before.kind) ?? 0))
  }

  // Aims below the true time: waking early costs a little polling, waking late costs the user. The first wait teaches
  // nothing, it has the driver's compiler in it; nor does a step that had ended before anybody asked.
  #learn(step: SubmittedStep, end: number, waited: boolean, slept: boolean): void {
    const { kind } = step
    const took = end - this.#start(step)
    const expected = this.#expected.get(kind)
    if (!this.#expected.has(kind)) this.#expected.set(kind, undefined)
    else if (expected === undefined) this.#expected.set(kind, took * 0.7)
    else if (waited) this.#expected.set(kind, Math.min(took * 0.95, expected * 1.05))
    else if (slept) this.#expected.set(kind, expected * 0.85)
  }
}

/**
 * Awaits what the device will do. node-webgpu looks once per turn of the event loop, and loops as long as something is pending: a
 * turn that naps is one look.
 */
export function napping<T>(pending: Promise<T>): Promise<T> {
  let settled = false
  const turn = (): void => {
    if (settled) return
    Atomics.wait(never, 0, 0, nap)
    setImmediate(turn)
  }
  setImmediate(turn)
  return pending.finally(() => (settled = true))
}
