// How sure a figure is: intervals that hold the true value in 95 of 100 benches.
import { randomNumbers } from './random'

export interface Estimate {
  value: number
  low: number
  high: number
}

/** A share of `total`, with Wilson's interval, which is right for small counts too. NaN of nothing. */
export function share(count: number, total: number): Estimate {
  const z = 1.959964
  const value = count / total
  const middle = (value + (z * z) / (2 * total)) / (1 + (z * z) / total)
  const half =
    (z / (1 + (z * z) / total)) * Math.sqrt((value * (1 - value)) / total + (z * z) / (4 * total * total))
  return { value, low: Math.max(0, middle - half), high: Math.min(1, middle + half) }
}

/** A mean, with the interval of 2000 resamples. NaN of nothing. */
export function mean(values: readonly number[]): Estimate {
  const value = average(values)
  const random = randomNumbers(1)
  const means = Array.from({ length: 2000 }, () =>
    average(values.map(() => values[Math.floor(random() * values.length)] ?? NaN)),
  )
  return { value, low: percentile(means, 0.025), high: percentile(means, 0.975) }
}

/** By linear interpolation between the two nearest values. NaN of nothing. */
export function percentile(values: readonly number[], at: number): number {
  const sorted = [...values].sort((one, other) => one - other)
  const index = (sorted.length - 1) * at
  const low = sorted[Math.floor(index)] ?? NaN
  const high = sorted[Math.ceil(index)] ?? NaN
  return low + (high - low) * (index - Math.floor(index))
}

function average(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
