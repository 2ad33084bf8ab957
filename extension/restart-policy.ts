// How often a dying engine is started again before the user is asked.

const windowMs = 3 * 60_000
const delaysMs = [250, 1000, 3000, 8000]

/** Four restarts within three minutes, each later than the one before. */
export class RestartPolicy {
  #restarts: number[] = []

  /** Milliseconds to wait before the next start, or undefined when it is the user's turn. `now` in ms. */
  next(now: number): number | undefined {
    this.#restarts = this.#restarts.filter((at) => now - at < windowMs)
    const delay = delaysMs[this.#restarts.length]
    if (delay !== undefined) this.#restarts.push(now)
    return delay
  }

  /** Restarts spent within the window. */
  get spent(): number {
    return this.#restarts.length
  }

  get limit(): number {
    return delaysMs.length
  }

  /** The user asked for a restart: earlier failures no longer count. */
  reset(): void {
    this.#restarts = []
  }
}
