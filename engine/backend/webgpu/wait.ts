// Sleeps through the time a step will surely take, then looks for its end now and then. node-webgpu polls at full speed while
// a map is pending, which on a software adapter takes a core from the very work that is waited for.
import { sleep } from '../../base/signal'

/** Longest sleep in milliseconds. A wrong estimate must not hurt for long, and polling for the rest costs little. */
const longest = 500

/** Milliseconds between two looks for the end of a step; the event loop stands still as long. */
const nap = 0.2
const never = new Int32Array(new SharedArrayBuffer(4))

/** Learns how long the steps of one executable take. Times in milliseconds. */
export class StepWait {
  /** By tokens submitted since the wait before: time does not grow in proportion. Undefined after the first, cold wait. */
  readonly #expected = new Map<number, number | undefined>()
  #tokens = 0
  #since = 0

  /** A step was submitted. */
  submitted(tokens: number): void {
    if (this.#tokens === 0) this.#since = performance.now()
    this.#tokens += tokens
  }

  /** Awaits `start`, asleep at first when the steps since the last wait are known to take more than 2 ms. */
  async until<T>(start: () => Promise<T>): Promise<T> {
    const tokens = this.#tokens
    const since = this.#since
    this.#tokens = 0
    const left = Math.min(longest, (this.#expected.get(tokens) ?? 0) - (performance.now() - since))
    if (left > 2) await sleep(Math.floor(left - 1))
    const awake = performance.now()
    const result = await napping(start())
    const end = performance.now()
    if (tokens > 0) this.#learn(tokens, end - since, end - awake < 0.2)
    return result
  }

  // Aims below the true time: waking early costs a little polling, waking late costs the user. The first wait teaches
  // nothing, it has the driver's compiler in it.
  #learn(tokens: number, took: number, overslept: boolean): void {
    const before = this.#expected.get(tokens)
    if (!this.#expected.has(tokens)) this.#expected.set(tokens, undefined)
    else if (before === undefined) this.#expected.set(tokens, took * 0.7)
    else if (overslept) this.#expected.set(tokens, before * 0.85)
    else this.#expected.set(tokens, Math.min(took * 0.95, before * 1.05))
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
