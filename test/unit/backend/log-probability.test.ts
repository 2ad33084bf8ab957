// How likely a token was: values of torch.log_softmax, to 6 digits.
import assert from 'node:assert/strict'
import { createLogSum } from '../../../engine/backend/cpu-simd/log-sum'
import { logProbability, plainLogSum } from '../../../engine/backend/log-probability'

interface Row {
  name: string
  logits: readonly number[]
  token: number
  among: readonly number[] | number
  expected: number
}

const rows: readonly Row[] = [
  { name: 'the likeliest', logits: [1, 2, 3], token: 2, among: 3, expected: -0.407606 },
  { name: 'the least likely', logits: [1, 2, 3], token: 0, among: 3, expected: -2.407606 },
  { name: 'padding does not count', logits: [1, 2, 3, 99], token: 2, among: 3, expected: -0.407606 },
  { name: 'among some', logits: [1, 2, 3], token: 0, among: [0, 2], expected: -2.126928 },
  { name: 'the only one there could be', logits: [1, 2, 3], token: 0, among: [0], expected: 0 },
  { name: 'far from the others', logits: [90, -90], token: 0, among: 2, expected: 0 },
  { name: 'a very unlikely one', logits: [90, -90], token: 1, among: 2, expected: -180 },
  { name: 'minus infinity among them', logits: [0, 0, -Infinity], token: 0, among: 3, expected: -0.693147 },
  {
    name: 'a flat vocabulary',
    logits: new Array<number>(1000).fill(7),
    token: 3,
    among: 1000,
    expected: -6.907755,
  },
  { name: 'a large vocabulary', logits: rising(100_000), token: 99_999, among: 100_000, expected: -0.458675 },
  { name: 'a block and one more', logits: rising(16_385), token: 16_384, among: 16_385, expected: -0.458675 },
  { name: 'not a number among them', logits: [1, NaN, 3], token: 2, among: 3, expected: -0.126928 },
  { name: 'minus infinity all the others', logits: allHiddenBut(17, 40), token: 17, among: 40, expected: 0 },
  { name: 'huge ones', logits: [1e6, 1e6, -1e30], token: 1, among: 3, expected: -0.693147 },
]

/** Each is one above the one before. */
function rising(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i - count)
}

function allHiddenBut(token: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => (i === token ? 0 : -Infinity))
}

function isAmong(tokens: readonly number[]): (value: number, token: number) => boolean {
  return (_, token) => tokens.includes(token)
}

describe('log-probability', () => {
  for (const { name, logits, token, among, expected } of rows) {
    it(name, () => {
      const values = Float32Array.from(logits)
      const candidates = typeof among === 'number' ? values.subarray(0, among) : values.filter(isAmong(among))
      for (const got of [
        logProbability(values, token, among),
        values[token]! - createLogSum()(candidates),
        values[token]! - plainLogSum(candidates),
      ])
        assert.ok(Math.abs(got - expected) < 1e-5, `${got}`)
    })
  }
})
