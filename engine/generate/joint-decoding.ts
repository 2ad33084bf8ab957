// Whether two sequences that both want their next token take one step for it: where that costs much less than two steps.
import type { Continuation } from '../model/model'

/** A model, as far as steps of several sequences go. */
export interface Decoder {
  /** As `Model.runsTogether`. */
  runsTogether(sequences: number): Promise<boolean>
  /** As `Model.forwardTogether`. */
  forwardTogether(sequences: readonly Continuation[]): Promise<Float32Array[]>
}

/** Typing and chat. */
const mostSequences = 2

/** A common step may take so many times as long as one sequence's own: whoever types waits longer while a chat is written. */
const mostSlowdown = 1.7

/** Steps of either kind, in turns, whose fastest are compared. */
const trialSteps = 4

/** Steps after which they are compared again: a context grows, threads come and go. */
const period = 256

type Kind = 'alone' | 'together'

export class JointDecoding {
  #able = false
  #asked = false
  #trial: Readonly<Record<Kind, number[]>> | undefined = { alone: [], together: [] }
  #chosen: Kind = 'alone'
  #left = 0

  /** `now` tells the time in milliseconds. */
  constructor(
    private readonly decoder: Decoder,
    private readonly now: () => number,
  ) {}

  /** Whether the step should be one of two sequences, which both wait. The first answer is no: what it needs is prepared meanwhile. */
  pays(): boolean {
    if (!this.#able) {
      this.#prepare()
      return false
    }
    if (!this.#trial && --this.#left <= 0) this.#trial = { alone: [], together: [] }
    if (!this.#trial) return this.#chosen === 'together'
    return this.#trial.together.length <= this.#trial.alone.length
  }

  /** A step of one sequence while another one waits. */
  alone(step: () => Promise<Float32Array>): Promise<Float32Array> {
    return this.#measure('alone', step)
  }

  /** A step of two: the logits of each. */
  together(sequences: readonly [Continuation, Continuation]): Promise<Float32Array[]> {
    return this.#measure('together', () => this.decoder.forwardTogether(sequences))
  }

  async #measure<T>(kind: Kind, step: () => Promise<T>): Promise<T> {
    const start = this.now()
    const result = await step()
    const trial = this.#trial
    if (!this.#able || !trial) return result
    trial[kind].push(this.now() - start)
    if (Math.min(trial.alone.length, trial.together.length) < trialSteps) return result
    const pays = Math.min(...trial.together) < mostSlowdown * Math.min(...trial.alone)
    this.#chosen = pays ? 'together' : 'alone'
    this.#trial = undefined
    this.#left = period
    return result
  }

  // Kernels may have to be compiled, which nobody waits for. Where that fails, sequences go apart.
  #prepare(): void {
    if (this.#asked) return
    this.#asked = true
    void this.decoder.runsTogether(mostSequences).then(
      (able) => (this.#able = able),
      () => undefined,
    )
  }
}
