// How far two rows of logits are apart, and how far the best two of one row are.

export interface Tie {
  /** The two likeliest tokens. */
  best: readonly number[]
  /** Difference of their logits. */
  gap: number
}

export function tie(logits: readonly number[]): Tie {
  let first = -1
  let second = -1
  logits.forEach((value, token) => {
    if (value > (logits[first] ?? -Infinity)) {
      second = first
      first = token
    } else if (value > (logits[second] ?? -Infinity)) {
      second = token
    }
  })
  return { best: [first, second], gap: (logits[first] ?? 0) - (logits[second] ?? 0) }
}

export function maxDifference(
  a: readonly number[],
  b: readonly number[],
): { difference: number; scale: number } {
  if (a.length === 0 || a.length !== b.length) throw new Error(`${a.length} and ${b.length} logits`)
  let difference = 0
  let scale = 0
  a.forEach((value, index) => {
    difference = Math.max(difference, Math.abs(value - (b[index] ?? NaN)))
    scale = Math.max(scale, Math.abs(value))
  })
  return { difference, scale }
}
