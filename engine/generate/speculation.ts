// Decides how many guessed tokens a step tries besides the one that is known, from what steps cost and how often guesses come true.
import { guessKinds, PromptLookup, type Guess, type GuessKind } from './prompt-lookup'

/** Drafts by the clock and by what came true, or always the longest, or none. The answer is the same. */
export type SpeculationMode = 'auto' | 'always' | 'off'

/** Tokens of the steps that try a draft: the known one and its draft. Few, because a device has its best kernels for few sizes. */
export const draftSteps = [4, 8, 16] as const

/** A draft has to promise this much more speed than none, or the measurements' noise would decide. */
const worthwhile = 1.05

/** After this many steps that were not worth a draft, one is tried again: steps may have become cheaper, or were measured badly. */
const patience = 128

/** What steps cost on a device, in milliseconds by their tokens. Shared by all answers of a session. */
export class StepCosts {
  /** Undefined after the first step of a size, which has the driver's compiler in it. */
  readonly #ms = new Map<number, number | undefined>()
  #declined = 0

  measured(tokens: number, ms: number): void {
    const before = this.#ms.get(tokens)
    if (!this.#ms.has(tokens)) this.#ms.set(tokens, undefined)
    else this.#ms.set(tokens, before === undefined ? ms : before + (ms - before) / 4)
  }

  /**
   * The most promising number of tokens to try, at most `most`, when each comes true with the chance `p` if those before it did; 0
   * when none pays. `guessMs` is what it takes to guess a token.
   */
  bestDraft(p: number, most: number, guessMs = 0): number {
    const plain = this.#ms.get(1)
    if (plain === undefined) return 0
    let best = 0
    let speed = worthwhile / plain
    let [smaller, last] = [
      { size: 1, ms: plain },
      { size: 1, ms: plain },
    ]
    for (const size of draftSteps) {
      const tokens = Math.min(size - 1, most)
      const measured = this.#ms.get(size)
      // A size that was not measured goes on as the sizes before it began, or costs as little as the one before it: plain steps
      // have kernels of their own, so that nothing follows from them.
      const growth = smaller.size > 1 ? (last.ms - smaller.ms) / (last.size - smaller.size) : 0
      const ms = measured ?? last.ms + Math.max(0, growth) * (size - last.size)
      const promised = (1 + expectedTokens(p, tokens)) / (ms + tokens * guessMs)
      if (promised > speed) [best, speed] = [tokens, promised]
      // Larger ones are measured when this one was, or a short answer would pay for the most expensive first.
      if (measured === undefined) break
      ;[smaller, last] = [last, { size, ms }]
    }
    if (best > 0 || p < 0.5) return best
    this.#declined++
    if (this.#declined < patience) return 0
    this.#declined = 0
    return Math.min(draftSteps[0] - 1, most)
  }
}

/** The guesses of one answer, and how far they are to be trusted. */
export class Speculation {
  readonly #lookup: PromptLookup
  readonly #chances = new Map<GuessKind, number>(
    // What a text like code brings; soon replaced by what this text brings.
    guessKinds.map((kind, i) => [kind, [0.8, 0.6, 0.7, 0.4, 0.2][i] ?? 0]),
  )
  #guesses: readonly Guess[] = []

  constructor(
    tokens: readonly number[],
    private readonly costs: StepCosts,
    private readonly mode: SpeculationMode,
  ) {
    this.#lookup = new PromptLookup(tokens)
    this.#guesses = this.#lookup.guesses()
  }

  /** The token that came: every way of guessing is judged by it, whether its guess was tried or not. */
  came(token: number): void {
    for (const guess of this.#guesses) {
      const [guessed] = this.#lookup.draft(guess, 1)
      const chance = this.#chances.get(guess.kind) ?? 0
      this.#chances.set(guess.kind, chance + ((guessed === token ? 1 : 0) - chance) / 16)
    }
    this.#lookup.push(token)
    this.#guesses = this.#lookup.guesses()
  }

  /** Tokens to try after the last one, at most `most`. */
  draft(most: number): number[] {
    const chanceOf = ({ kind }: Guess): number => this.#chances.get(kind) ?? 0
    // Of equally trusted ones the first, which agrees with more of the text.
    const [best] = this.#guesses.toSorted((a, b) => chanceOf(b) - chanceOf(a))
    if (!best || most < 1 || this.mode === 'off') return []
    const longest = Math.min(most, draftSteps[draftSteps.length - 1]! - 1)
    return this.#lookup.draft(
      best,
      this.mode === 'always' ? longest : this.costs.bestDraft(chanceOf(best), longest),
    )
  }
}

/** How many of `tokens` guesses come true before the first that does not. */
function expectedTokens(p: number, tokens: number): number {
  let sum = 0
  for (let i = 1; i <= tokens; i++) sum += p ** i
  return sum
}
