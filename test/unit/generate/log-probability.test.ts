// How likely a token was: values of torch.log_softmax, to 6 digits.
import assert from 'node:assert/strict'
import { logProbability } from '../../../engine/generate/log-probability'

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
]

describe('log-probability', () => {
  for (const { name, logits, token, among, expected } of rows) {
    it(name, () => {
      const got = logProbability(Float32Array.from(logits), token, among)
      assert.ok(Math.abs(got - expected) < 1e-5, `${got}`)
    })
  }
})
