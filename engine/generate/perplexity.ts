// Perplexity of a model on a text: how many tokens it hesitates between, on average. Two programs that compute alike agree in it.
import type { Model } from '../model/model'
import { EngineError } from '../protocol/errors'

export interface Perplexity {
  /** e to the mean negative log-likelihood of the scored tokens. */
  perplexity: number
  /** Standard error of `perplexity`, as if tokens were independent. */
  error: number
  /** Tokens that were predicted and compared. */
  scored: number
  windows: number
}

/**
 * As llama.cpp's perplexity tool computes it, so that figures can be compared: windows of `window` tokens side by side, each read
 * from an empty state and with `bos` in place of its first token where the model wants one; the first half of a window is context
 * only; what does not fill a window is left out. `told` is called after each window. Throws `bad-request` for fewer than two windows,
 * and what `forward` throws.
 */
export async function measurePerplexity(
  model: Model,
  tokens: readonly number[],
  window: number,
  told: (sofar: Perplexity, windows: number) => void,
  signal: AbortSignal,
): Promise<Perplexity> {
  const windows = Math.floor(tokens.length / window)
  if (windows < 2) {
    throw new EngineError(
      'bad-request',
      `The text has ${tokens.length} tokens; two windows of ${window} are needed.`,
      { hint: 'Give a longer text or a smaller --ctx.' },
    )
  }
  const { addBos, bos } = model.tokenizer
  const score = new Score()
  for (let i = 0; i < windows; i++) {
    const part = tokens.slice(i * window, (i + 1) * window)
    if (addBos && bos !== undefined) part[0] = bos
    await scoreWindow(model, part, score, signal)
    told(score.result(i + 1), windows)
  }
  return score.result(windows)
}

async function scoreWindow(
  model: Model,
  tokens: readonly number[],
  score: Score,
  signal: AbortSignal,
): Promise<void> {
  using state = model.createState(tokens.length)
  const first = tokens.length >> 1
  if (first > 0) await model.forward(state, tokens.slice(0, first), { outputs: 'none' }, signal)
  const width = model.config.vocabulary
  // Step by step: the logits of half a window can be a gigabyte. The last token predicts what is not in the window.
  for (let at = first; at < tokens.length - 1; at += model.prefillChunk) {
    const step = tokens.slice(at, Math.min(at + model.prefillChunk, tokens.length - 1))
    const logits = await model.forward(state, step, { outputs: 'all' }, signal) // [step.length, vocabulary]
    step.forEach((_, row) => {
      score.add(-logLikelihood(logits.subarray(row * width, (row + 1) * width), tokens[at + row + 1] ?? 0))
    })
  }
}

/** Logarithm of the softmax of `logits` at `token`, in float64. */
function logLikelihood(logits: Float32Array, token: number): number {
  let most = -Infinity
  for (const logit of logits) most = Math.max(most, logit)
  let total = 0
  for (const logit of logits) total += Math.exp(logit - most)
  return (logits[token] ?? NaN) - most - Math.log(total)
}

class Score {
  #count = 0
  #sum = 0
  #squares = 0

  add(loss: number): void {
    this.#count++
    this.#sum += loss
    this.#squares += loss * loss
  }

  result(windows: number): Perplexity {
    const mean = this.#sum / this.#count
    const variance = Math.max(0, this.#squares / this.#count - mean * mean)
    const perplexity = Math.exp(mean)
    const error = this.#count > 1 ? perplexity * Math.sqrt(variance / (this.#count - 1)) : Infinity
    return { perplexity, error, scored: this.#count, windows }
  }
}
