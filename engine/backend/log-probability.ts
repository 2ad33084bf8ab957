// How likely a token was among those that could have come: the log-softmax of its logit.
import { createLogSum, type LogSum } from './cpu-simd/log-sum'

/** Natural logarithm of the softmax of `logits` at `token`, among some tokens or the first so many; off by 0.001 at most. */
export function logProbability(
  logits: Float32Array,
  token: number,
  among: readonly number[] | number,
): number {
  logSum ??= fastLogSum()
  const candidates =
    typeof among === 'number' ? logits.subarray(0, among) : Float32Array.from(among, (one) => logits[one]!)
  return (logits[token] ?? -Infinity) - logSum(candidates)
}

/** The same sum in plain loops, eight times as slow. */
export const plainLogSum: LogSum = (values) => {
  let highest = -Infinity
  for (const value of values) if (value > highest) highest = value
  let sum = 0
  for (const value of values) if (value > -Infinity) sum += Math.exp(value - highest)
  return highest + Math.log(sum)
}

// Made for the first token that somebody wants to know of.
let logSum: LogSum | undefined

function fastLogSum(): LogSum {
  try {
    return createLogSum()
  } catch {
    return plainLogSum
  }
}
