// What every way of getting a model is given, and how it tells its progress.
import type { Log } from '../base/log'
import type { Progress } from '../base/progress'
import type { CatalogModel } from './catalog'
import { describeBytes } from './disk-error'

export interface TransferOptions {
  log: Log
  progress: Progress
  /** Longest wait for an answer to begin, and between two pieces of it. Tests have less patience. */
  timeouts?: Timeouts
}

export interface Timeouts {
  connectMs: number
  stallMs: number
}

export const defaultTimeouts: Timeouts = { connectMs: 15_000, stallMs: 30_000 }

/** Reports bytes, total and rate, a few times a second. `start` is what an earlier attempt had already got. */
export class TransferMeter {
  readonly #begin = performance.now()
  #lastReport = 0

  constructor(
    private readonly model: CatalogModel,
    private readonly progress: Progress,
    private readonly start: number,
  ) {}

  report(done: number, total: number): void {
    const now = performance.now()
    if (now - this.#lastReport < 100 && done < total) return
    this.#lastReport = now
    const rate = (done - this.start) / Math.max(0.001, (now - this.#begin) / 1000)
    const amount = `${describeBytes(done)} of ${describeBytes(total)}, ${describeBytes(rate)}/s`
    this.progress.report(Math.min(1, done / total), `Downloading ${this.model.title}: ${amount}`)
  }
}
