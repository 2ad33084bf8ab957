// Intervals of the completion bench, beside values from textbooks.
import assert from 'node:assert/strict'
import { mean, percentile, share } from '../../quality/statistics'

const digits = (value: number): number => Math.round(value * 1000) / 1000

describe('intervals of the completion bench', () => {
  // Wilson's interval as scipy.stats.binomtest(count, total).proportion_ci(method='wilson') gives it.
  const shares: readonly [number, number, number, number][] = [
    [0, 10, 0, 0.278],
    [5, 10, 0.237, 0.763],
    [10, 10, 0.722, 1],
    [38, 300, 0.094, 0.169],
  ]
  for (const [count, total, low, high] of shares)
    it(`${count} of ${total}`, () => {
      const interval = share(count, total)
      assert.deepEqual(
        [interval.value, interval.low, interval.high].map(digits),
        [count / total, low, high].map(digits),
      )
    })

  const percentiles: readonly [number[], number, number][] = [
    [[3, 1, 2], 0.5, 2],
    [[1, 2, 3, 4], 0.5, 2.5],
    [[10, 20], 0.95, 19.5],
    [[7], 0.95, 7],
  ]
  for (const [values, at, expected] of percentiles)
    it(`${at} of ${values.join(', ')}`, () => assert.equal(digits(percentile(values, at)), expected))

  it('a mean is inside its interval, and the interval is as wide as it should be', () => {
    const values = Array.from({ length: 400 }, (_, at) => at % 2)
    const { value, low, high } = mean(values)
    assert.equal(value, 0.5)
    // 1.96 times the standard error 0.5 / 20, up to what 2000 resamples can tell.
    assert.ok(Math.abs(high - 0.549) < 0.006 && Math.abs(low - 0.451) < 0.006, `${low} to ${high}`)
  })
})
