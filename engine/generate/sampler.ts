// Chooses the next token: penalty, then top-k, top-p, min-p, then temperature, then a seeded draw.
import { EngineError } from '../protocol/errors'

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
}

/** `vocabulary` bounds the choice: rows beyond the tokenizer's size are untrained padding. */
export function createSampler(options: SamplerOptions, vocabulary: number): Sampler {
  const random = seededRandom(options.seed ?? Math.floor(Math.random() * 2 ** 32))
  return {
    next(logits, history) {
      const candidates = logits.subarray(0, Math.min(vocabulary, logits.length))
      penalize(candidates, history, options)
      const best = likeliest(candidates)
      if (Number.isNaN(candidates[best])) throw notNumbers()
      if (options.temperature === 0) return best
      return draw(keepProbable(candidates, options), options.temperature, random())
    },
  }
}

/** Index of the largest value; the lowest index when several are equal, so that every backend agrees. */
export function likeliest(logits: Float32Array): number {
  let best = 0
  for (let i = 1; i < logits.length; i++) if (logits[i]! > logits[best]!) best = i
  return best
}

function notNumbers(): EngineError {
  return new EngineError('internal', 'The model computed something that is not a number.', {
    hint: 'Download the model again, or set hearth.device to "cpu" to rule out the graphics driver.',
  })
}

interface Candidate {
  token: number
  logit: number
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

// The filters look at probabilities before temperature, so that a hot temperature does not also widen the choice.
function keepProbable(logits: Float32Array, options: SamplerOptions): Candidate[] {
  const highest = logits[likeliest(logits)]!
  let sum = 0
  for (const logit of logits) sum += Math.exp(logit - highest)
  // Tokens this far below the best cannot matter; leaving them out makes the sort cheap.
  const floor = highest + Math.log(Math.max(options.minP, 1e-9))
  let candidates: Candidate[] = []
  logits.forEach((logit, token) => {
    if (logit >= floor) candidates.push({ token, logit })
  })
  candidates.sort((a, b) => b.logit - a.logit || a.token - b.token)
  if (options.topK > 0) candidates = candidates.slice(0, options.topK)
  let cumulative = 0
  const enough = candidates.findIndex(
    ({ logit }) => (cumulative += Math.exp(logit - highest) / sum) >= options.topP,
  )
  return enough < 0 ? candidates : candidates.slice(0, enough + 1)
}

function draw(candidates: readonly Candidate[], temperature: number, point: number): number {
  const highest = candidates[0]!.logit
  const weights = candidates.map(({ logit }) => Math.exp((logit - highest) / temperature))
  let rest = point * weights.reduce((sum, weight) => sum + weight, 0)
  const index = weights.findIndex((weight) => (rest -= weight) < 0)
  return candidates[index < 0 ? candidates.length - 1 : index]!.token
}

// mulberry32: 32 bits of state are plenty for drawing tokens, and the same on every platform.
function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
