// Sleeps through the time a step will surely take. node-webgpu polls at full speed while a map is pending, which on a
// software adapter takes a core from the very work that is waited for.
import { sleep } from '../../base/signal'

/** Learns from each step how long a token of an executable takes. Times in milliseconds. */
export class StepWait {
  #perToken = 0
  #tokens = 0
  #since = 0

  /** A step was submitted. */
  submitted(tokens: number): void {
    if (this.#tokens === 0) this.#since = performance.now()
    this.#tokens += tokens
  }

  /** Awaits `ready`, asleep at first when the steps since the last wait are known to take more than 2 ms. */
  async until<T>(start: () => Promise<T>): Promise<T> {
    const tokens = this.#tokens
    const since = this.#since
    this.#tokens = 0
    const left = this.#perToken * tokens - (performance.now() - since)
    if (left > 2) await sleep(Math.floor(left - 1))
    const awake = performance.now()
    const result = await start()
    const end = performance.now()
    if (tokens > 0) this.#learn((end - since) / tokens, end - awake < 0.2)
    return result
  }

  // Aims below the true time: waking early costs a little polling, waking late costs the user.
  #learn(perToken: number, overslept: boolean): void {
    if (this.#perToken === 0) this.#perToken = perToken * 0.7
    else if (overslept) this.#perToken *= 0.85
    else this.#perToken = Math.min(perToken * 0.95, this.#perToken * 1.05)
  }
}
