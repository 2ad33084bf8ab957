// Chooses the next token: penalty, then top-k, top-p, min-p, then temperature, then a seeded draw.
import { chooseToken, type TokenChoice } from '../backend/choose-token'

export interface SamplerOptions {
  /** 0 takes the likeliest token and ignores everything but the penalty. */
  temperature: number
  /** Keep this many of the likeliest tokens; 0 keeps all. */
  topK: number
  /** Keep the smallest set whose probabilities reach this sum; 1 keeps all. */
  topP: number
  /** Drop tokens less likely than this share of the likeliest; 0 keeps all. */
  minP: number
  /** Logits of recent tokens are divided (positive) or multiplied (negative) by this; 1 is off (CTRL, arXiv 1909.05858). */
  repeatPenalty: number
  /** How many recent tokens the penalty looks at. */
  repeatWindow: number
  /** Absent: a new seed each time. */
  seed?: number
}

export const greedy: SamplerOptions = {
  temperature: 0,
  topK: 0,
  topP: 1,
  minP: 0,
  repeatPenalty: 1,
  repeatWindow: 0,
}

export interface Sampler {
  /** The next token. `logits` is [vocabulary] and is changed by the penalty; `history` is every token so far. */
  next(logits: Float32Array, history: readonly number[]): number
  /** What a device can do instead; undefined when the choice depends on the text. */
  readonly choice?: TokenChoice | undefined
  /** The tokens that the last one of `next` was chosen among; undefined stands for the whole vocabulary. */
  readonly among?: readonly number[] | undefined
}

/** `vocabulary` bounds the choice: rows beyond the tokenizer's size are untrained padding. */
export function createSampler(options: SamplerOptions, vocabulary: number): Sampler {
  const { temperature, topK, topP, minP, repeatPenalty } = options
  const seed = (options.seed ?? Math.floor(Math.random() * 2 ** 32)) >>> 0
  const choice = { vocabulary, temperature, topK, topP, minP, seed }
  return {
    next(logits, history) {
      penalize(logits.subarray(0, vocabulary), history, options)
      return chooseToken(logits, choice, history.length)
    },
    choice: repeatPenalty === 1 ? choice : undefined,
  }
}

function penalize(logits: Float32Array, history: readonly number[], options: SamplerOptions): void {
  if (options.repeatPenalty === 1) return
  const recent = options.repeatWindow > 0 ? history.slice(-options.repeatWindow) : []
  for (const token of new Set(recent)) {
    const logit = logits[token]
    if (logit !== undefined)
      logits[token] = logit > 0 ? logit / options.repeatPenalty : logit * options.repeatPenalty
  }
}
