// How much text the model reads, by how fast this machine reads: a screenful on a GPU, a few lines on a slow processor.
import type { Usage } from '../protocol/chat'

// Few and far apart: every change moves the start of the prompt and costs a whole prefill.
const levels = [256, 512, 1024, 2048, 4096] as const

// The first request must end soon on any machine; a fast one is known to be fast after it.
const firstLevel = 1

const prefillBudgetMs = 700
// Code in byte-pair vocabularies; only the order of magnitude matters.
const charsPerToken = 3
// Shorter prefills are dominated by fixed costs.
const leastTokens = 24

export class WindowSize {
  #level: number = firstLevel

  get chars(): number {
    return levels[this.#level] ?? levels[0]
  }

  /** Learns from a finished request. Grows by one level at a time, and only with room to spare. */
  note(usage: Usage): void {
    const tokens = usage.promptTokens - usage.reusedTokens
    if (tokens < leastTokens || usage.prefillMs <= 0) return
    const affordable = (tokens / usage.prefillMs) * prefillBudgetMs * charsPerToken
    const next = levels[this.#level + 1]
    if (next !== undefined && affordable >= next * 1.25) this.#level++
    else if (affordable < this.chars * 0.6) this.#shrink()
  }

  /** Learns from a request that was given up before its first token, after this many milliseconds. */
  noteGivenUp(waitedMs: number): void {
    if (waitedMs > 3 * prefillBudgetMs) this.#shrink()
  }

  #shrink(): void {
    this.#level = Math.max(0, this.#level - 1)
  }
}
