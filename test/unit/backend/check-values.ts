// What tests of the cpu backend's operations share: inputs, and the comparison with a formula.
import assert from 'node:assert/strict'
import type { Work } from '../../../engine/backend/cpu/ops'

/** Runs an operation of the cpu backend to its end. */
export function finish(work: Work): void {
  while (!work.next().done);
}

/** Every value is what the formula says, to 1e-6. */
export function same(got: Float32Array, expected: (i: number) => number): void {
  for (const [i, value] of got.entries()) {
    const wanted = expected(i)
    assert.ok(
      Math.abs(value - wanted) <= 1e-6 * (1 + Math.abs(wanted)),
      `value ${i} is ${value}, not ${wanted}`,
    )
  }
}

/** Values between -2 and 2. Not random: a sine of the index is as irregular as the tests need. */
export function numbers(count: number, seed: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => 2 * Math.sin(seed * 12.9898 + i * 78.233))
}
