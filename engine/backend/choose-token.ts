// How logits become a token: the likeliest, or a seeded draw. What devices compute by themselves, here in plain loops.
import { EngineError } from '../protocol/errors'

/** Chooses without looking at the text, so that a device can do it. Filters look at probabilities before temperature. */
export interface TokenChoice {
  /** Tokens to choose among; logits beyond are of untrained padding. */
  readonly vocabulary: number
  /** 0 takes the likeliest token, whatever the filters and the seed. */
  readonly temperature: number
  /** Keep this many of the likeliest tokens, and those that are as likely as the last of them; 0 keeps all. */
  readonly topK: number
  /** Keep the likeliest tokens whose probabilities reach this sum, and those that are as likely as the last of them; 1 keeps all. */
  readonly topP: number
  /** Drop tokens less likely than this share of the likeliest; 0 drops those that never come up. */
  readonly minP: number
  /** 32 bits. Draws depend on the seed, the position and the logits alone. */
  readonly seed: number
  /** Whether it is told how likely the token was; it is not when left out. */
  readonly tellsProbability?: boolean
}

/** What a choice led to. */
export interface ChoiceResult {
  readonly token: number
  /** Natural logarithm of the token's probability among the whole vocabulary, before temperature; undefined unless asked for. */
  readonly logProbability: number | undefined
}

/**
 * The token at `position`, the number of tokens before it. A draw takes the largest of logit / temperature + noise (the Gumbel-max
 * trick), the noise being a hash of seed, position and token: no state, and the same on every device. Throws `internal` for logits
 * that are not numbers.
 */
export function chooseToken(logits: Float32Array, choice: TokenChoice, position: number): number {
  const candidates = logits.subarray(0, Math.min(choice.vocabulary, logits.length))
  const best = likeliest(candidates)
  const highest = candidates[best] ?? NaN
  if (Number.isNaN(highest)) throw notNumbers()
  if (choice.temperature === 0) return best
  const least = leastKept(candidates, highest, choice)
  const draw = drawKey(choice.seed, position)
  let chosen = best
  let largest = -Infinity
  candidates.forEach((logit, token) => {
    if (logit < least || Number.isNaN(logit)) return
    const score = (logit - highest) / choice.temperature + noise(draw, token)
    if (score > largest) [chosen, largest] = [token, score]
  })
  return chosen
}

/** Index of the largest value; the lowest index when several are equal, so that every backend agrees. */
export function likeliest(logits: Float32Array): number {
  let best = 0
  for (let i = 1; i < logits.length; i++) if (logits[i]! > logits[best]!) best = i
  return best
}

/** What is told when a model's weights or a driver are broken. */
export function notNumbers(): EngineError {
  return new EngineError('internal', 'The model computed something that is not a number.', {
    hint: 'Download the model again, or set hearth.device to "cpu" to rule out the graphics driver.',
  })
}

/** How far below the highest logit one may be: less likely ones never come up, and leaving them out makes sorting cheap. */
export function furthestBelow({ minP }: TokenChoice): number {
  return -Math.log(Math.max(minP, 1e-9))
}

// The smallest logit that no filter drops.
function leastKept(logits: Float32Array, highest: number, choice: TokenChoice): number {
  const floor = highest - furthestBelow(choice)
  const { topK, topP } = choice
  if (topK === 0 && topP >= 1) return floor
  let sum = 0
  for (const logit of logits) sum += Math.exp(logit - highest)
  const sorted = logits.filter((logit) => logit >= floor).sort()
  let reached = 0
  for (let kept = 1; kept <= sorted.length; kept++) {
    const logit = sorted[sorted.length - kept]!
    reached += Math.exp(logit - highest)
    if (kept === topK || (topP < 1 && reached >= topP * sum)) return logit
  }
  return floor
}

/** The part of the hash that all tokens of a draw share. */
export function drawKey(seed: number, position: number): number {
  return mixed(seed ^ mixed(position + 0x9e3779b9))
}

// -log(-log(u)) of u in (0, 1), written with 1 - u, whose small values decide: the largest noise comes of them.
function noise(draw: number, token: number): number {
  const w = ((mixed(draw + Math.imul(token, 0x9e3779b9)) >>> 9) + 0.5) / 2 ** 23
  return -Math.log(-Math.log1p(-w))
}

// The finalizer of MurmurHash3: every bit of the input changes half of the output's.
function mixed(value: number): number {
  let h = value >>> 0
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}
