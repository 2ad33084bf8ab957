// How much text the model reads on both sides of the cursor, by how fast this machine reads.
import type { Usage } from '../protocol/chat'
import type { ReadingPace } from './other-files/files-in-prompt'

export interface Window {
  /** Characters before the cursor that the model may see. */
  before: number
  /** Characters after it. */
  after: number
}

// What stands before the cursor is read once, and typing adds to its end: only the first suggestion at a place waits for it.
// Less than the least costs suggestions more than it saves time: with 256 characters a 135M model gets half as many lines right
// as with 4096.
const before = { levels: [1024, 2048, 4096], budgetMs: 8000 }

// What stands after it is read again at every place that the cursor moves to.
const after = { levels: [256, 512, 1024], budgetMs: 300 }

// Tokens of other files stand before all of it: they are read again when the window moves to another place. A machine that would need
// long for them does better without.
const files = { levels: [0, 256, 512], budgetMs: 1500 }

// Nobody notices so short a wait at a new place.
const quickMs = 400

// Code in byte-pair vocabularies; only the order of magnitude matters.
const charsPerToken = 3
// Shorter prefills are dominated by fixed costs.
const leastTokens = 24

/** Grows only: every change costs a whole prefill, and a machine that is busy for a while is no slower machine. */
export class WindowSize {
  #tokensPerMs = 0

  get chars(): Window {
    return { before: this.#largest(before), after: this.#largest(after) }
  }

  /** What other files may take of the prompt. */
  get pace(): ReadingPace {
    const fileTokens = files.levels.findLast((level) => level <= this.#tokensPerMs * files.budgetMs) ?? 0
    return { fileTokens, quickTokens: this.#tokensPerMs * quickMs }
  }

  /** Learns from a request. The fastest counts: compilers and other work make the others slow. */
  note(usage: Usage): void {
    const tokens = usage.promptTokens - usage.reusedTokens
    if (tokens < leastTokens || usage.prefillMs <= 0) return
    this.#tokensPerMs = Math.max(this.#tokensPerMs, tokens / usage.prefillMs)
  }

  #largest({ levels, budgetMs }: { levels: readonly number[]; budgetMs: number }): number {
    const affordable = this.#tokensPerMs * budgetMs * charsPerToken
    return levels.findLast((level) => level <= affordable) ?? levels[0] ?? 0
  }
}
