// The cpu backend's element-wise operations against formulas written out here in float64: no engine code does the math.
import assert from 'node:assert/strict'
import {
  activate,
  add,
  gated,
  joinHeads,
  l2Norm,
  multiply,
  scaleByPosition,
  scaleColumns,
  softcap,
} from '../../../engine/backend/cpu/elementwise-ops'
import type { Activation } from '../../../engine/graph/graph'
import { finish, numbers, same } from './check-values'

/** By other formulas than the engine's; `gelu` from values of Python's math.erfc. */
const formulas: Readonly<Record<Exclude<Activation, 'gelu'>, (x: number) => number>> = {
  silu: (x) => x / (1 + Math.E ** -x),
  // tanh(u) = 1 - 2 / (e^2u + 1)
  'gelu-tanh': (x) => 0.5 * x * (2 - 2 / (Math.E ** (2 * 0.7978845608028654 * (x + 0.044715 * x ** 3)) + 1)),
  sigmoid: (x) => Math.E ** x / (1 + Math.E ** x),
  tanh: (x) => 1 - 2 / (Math.E ** (2 * x) + 1),
  'relu-squared': (x) => (x > 0 ? x * x : 0),
  'exp-neg-exp': (x) => 1 / Math.E ** (Math.E ** x),
  'exp-neg-sigmoid': (x) => Math.E ** (-1 / (Math.sqrt(Math.E) * (1 + Math.E ** -x))),
}

describe('cpu element-wise operations', () => {
  const x = numbers(12, 14)
  const y = numbers(12, 15)
  const out = new Float32Array(12)

  for (const [name, f] of Object.entries(formulas)) {
    const activation = name as Activation
    it(`activate ${name}`, () => {
      finish(activate(activation, x, 12, out))
      same(out, (i) => f(x[i]!))
    })
    it(`gated ${name}`, () => {
      finish(gated(activation, { x, stride: 4, from: 0 }, { x: y, stride: 4, from: 0 }, 3, 4, out))
      same(out, (i) => f(x[i]!) * y[i]!)
    })
  }

  it('activate gelu', () => {
    const at = [-9, -5, -3, -1.5, -0.5, -0.001, 0, 0.25, 1, 2.5, 4, 6, 12]
    const wanted = [
      -1.015729565358458e-18, -1.4332578593959731e-6, -0.004049694094890287, -0.10021080190328713,
      -0.15426876936299344, -0.000499601057786089, 0.0, 0.14967658142073093, 0.8413447460685429,
      2.4844758366855597, 3.9998733150326675, 5.999999994080474, 12.0,
    ]
    const got = new Float32Array(at.length)
    finish(activate('gelu', Float32Array.from(at), at.length, got))
    same(got, (i) => wanted[i]!)
    // Relative, too: the negative tail is small and not zero.
    for (const [i, value] of got.entries())
      assert.ok(Math.abs(value - wanted[i]!) <= 2e-7 * Math.abs(wanted[i]!) + 1e-15)
  })

  it('activations of huge values are finite', () => {
    for (const activation of [...Object.keys(formulas), 'gelu'] as Activation[]) {
      const two = new Float32Array(2)
      finish(activate(activation, Float32Array.of(-2000, 2000), 2, two))
      assert.ok(two.every(Number.isFinite), `${activation}: ${two.join(', ')}`)
    }
  })

  it('add scales its first input', () => {
    finish(add(x, -0.3, y, 12, out))
    same(out, (i) => x[i]! * -0.3 + y[i]!)
  })

  it('multiply', () => {
    finish(multiply(x, y, 12, out))
    same(out, (i) => x[i]! * y[i]!)
  })

  for (const [hasWeight, hasBias] of [
    [true, true],
    [true, false],
    [false, true],
  ] as const) {
    it(`scale-columns${hasWeight ? ', weight' : ''}${hasBias ? ', bias' : ''}`, () => {
      const weight = numbers(4, 16)
      const bias = numbers(4, 17)
      finish(scaleColumns(x, 3, 4, hasWeight ? weight : undefined, hasBias ? bias : undefined, out))
      same(out, (i) => x[i]! * (hasWeight ? weight[i % 4]! : 1) + (hasBias ? bias[i % 4]! : 0))
    })
  }

  it('softcap', () => {
    finish(softcap(x, 1.5, 12, out))
    same(out, (i) => 1.5 - 3 / (Math.E ** ((2 * x[i]!) / 1.5) + 1))
  })

  for (const eps of [1e-12, 3]) {
    it(`l2-norm, eps ${eps}`, () => {
      finish(l2Norm(x, 12, { group: 3, eps }, out))
      same(out, (i) => {
        const [a = 0, b = 0, c = 0] = x.subarray(i - (i % 3))
        return x[i]! / Math.max(Math.hypot(a, b, c), eps)
      })
    })
  }

  it('scale-by-position counts from the position of the step', () => {
    const table = numbers(9, 18)
    finish(scaleByPosition(x, 3, 4, 5, table, out))
    same(out, (i) => x[i]! * table[5 + Math.floor(i / 4)]!)
  })

  it('join-heads repeats the shared columns behind every head', () => {
    const joined = new Float32Array(2 * 3 * 3)
    finish(joinHeads(x, y, 2, 3, { own: 2, common: 1 }, joined))
    assert.deepEqual(
      [...joined],
      [
        [x[0], x[1], y[0], x[2], x[3], y[0], x[4], x[5], y[0]],
        [x[6], x[7], y[1], x[8], x[9], y[1], x[10], x[11], y[1]],
      ].flat(),
    )
  })
})
