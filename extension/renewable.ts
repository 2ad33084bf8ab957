// Something that runs once at a time and can be renewed: whoever asks while it is being renewed gets the new one.

export interface Lifecycle<T> {
  /** Brings it up; `signal` aborts when it is to end. `failure` is why an earlier one ended by itself. */
  begin(failure: Error | undefined, signal: AbortSignal): Promise<T>
  /** Resolves when what `begin` brought up is gone. Called after the signal aborted. */
  end(): Promise<void>
}

export class Renewable<T> {
  #current: Promise<T> | undefined
  #renewing: Promise<void> | undefined
  #abort = new AbortController()
  #isOver = false

  constructor(private readonly lifecycle: Lifecycle<T>) {}

  /** Begins unless it has begun, or is ending. */
  start(): void {
    if (!this.#abort.signal.aborted) this.#current ??= this.#begin(undefined)
  }

  /** The one that runs, waiting for a renewal in progress. Undefined after `stop`. Rejects as `begin` did. */
  async current(): Promise<T | undefined> {
    while (this.#renewing !== undefined) await this.#renewing
    this.start()
    return this.#current
  }

  /** Begins again after it ended by itself. */
  replace(failure: Error): void {
    this.#current = this.#begin(failure)
  }

  /** Ends it and begins a new one; `between` runs in the pause. A second call joins the first. */
  async renew(between: () => void): Promise<void> {
    this.#renewing ??= this.#renew(between).finally(() => (this.#renewing = undefined))
    await this.#renewing
  }

  /** Ends it for good, even in the middle of a renewal. */
  async stop(): Promise<void> {
    this.#isOver = true
    await this.#end()
  }

  async #renew(between: () => void): Promise<void> {
    await this.#end()
    if (this.#isOver) return
    between()
    this.#abort = new AbortController()
    this.start()
  }

  async #end(): Promise<void> {
    this.#abort.abort()
    this.#current = undefined
    await this.lifecycle.end()
  }

  #begin(failure: Error | undefined): Promise<T> {
    const begun = this.lifecycle.begin(failure, this.#abort.signal)
    // Nobody need be waiting for it; whoever asks later still gets the reason.
    begun.catch(() => undefined)
    return begun
  }
}
