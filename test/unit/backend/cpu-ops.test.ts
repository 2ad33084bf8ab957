// The cpu backend's operations against formulas written out here in float64, one value at a time: no engine code does the math.
import assert from 'node:assert/strict'
import { append } from '../../../engine/backend/cpu/cache-rows'
import {
  embed,
  layerNorm,
  matmul,
  rmsNorm,
  rope,
  ropeRows,
  selectOutputs,
} from '../../../engine/backend/cpu/ops'
import { decodeF32 } from '../../../engine/backend/quants/decode'
import type { RopeAxis } from '../../../engine/graph/graph'
import { finish, numbers, same } from './check-values'

describe('cpu operations', () => {
  it('embed copies rows, scaled', () => {
    const table = numbers(5 * 3, 1)
    const out = new Float32Array(2 * 3)
    finish(embed(matrix(table, 5, 3), [4, 1], 2.5, out))
    same(out, (i) => table[[4, 1][Math.floor(i / 3)]! * 3 + (i % 3)]! * 2.5)
  })

  for (const [width, offset] of [
    [12, 0],
    [4, 0],
    [12, 1],
  ] as const) {
    it(`rms-norm over groups of ${width} plus ${offset}`, () => {
      const x = numbers(2 * 12, 2)
      const weight = numbers(width, 3)
      const out = new Float32Array(24)
      finish(rmsNorm(x, 24, weight, { eps: 1e-3, offset }, out))
      same(out, (i) => {
        const start = i - (i % width)
        let squares = 0
        for (let j = 0; j < width; j++) squares += x[start + j]! ** 2
        return (x[i]! / Math.sqrt(squares / width + 1e-3)) * (weight[i % width]! + offset)
      })
    })
  }

  for (const [group, hasBias] of [
    [12, true],
    [4, false],
    [4, true],
  ] as const) {
    it(`layer-norm over groups of ${group}${hasBias ? ', with a bias' : ''}`, () => {
      // Far from zero, where a variance from sums of squares would lose its digits.
      const x = numbers(2 * 12, 2).map((value) => value + 1000)
      const weight = numbers(12, 3)
      const bias = hasBias ? numbers(12, 4) : undefined
      const out = new Float32Array(24)
      finish(layerNorm(x, 2, weight, bias, { group, eps: 1e-3 }, out))
      same(out, (i) => {
        const start = i - (i % group)
        const values = [...x.subarray(start, start + group)]
        const mean = values.reduce((sum, value) => sum + value, 0) / group
        const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / group
        return ((x[i]! - mean) / Math.sqrt(variance + 1e-3)) * weight[i % 12]! + (bias?.[i % 12] ?? 0)
      })
    })
  }

  for (const [name, extra] of Object.entries<readonly [boolean, boolean, number?]>({
    plain: [false, false],
    bias: [true, false],
    both: [true, true],
    scaled: [true, true, 0.3],
  })) {
    it(`matmul, ${name}`, () => {
      const [rows, cols, tokens] = [37, 7, 3]
      const w = numbers(rows * cols, 4)
      const x = numbers(tokens * cols, 5)
      const bias = extra[0] ? numbers(rows, 6) : undefined
      const scale = extra[2] ?? 1
      const add = extra[1] ? numbers(tokens * rows, 7) : undefined
      const out = new Float32Array(tokens * rows)
      finish(matmul(matrix(w, rows, cols), x, tokens, bias, scale, add, out))
      same(out, (i) => {
        const [t, row] = [Math.floor(i / rows), i % rows]
        let sum = bias?.[row] ?? 0
        for (let j = 0; j < cols; j++) sum += w[row * cols + j]! * x[t * cols + j]!
        return sum * scale + (add?.[i] ?? 0)
      })
    })
  }

  for (const pairs of ['half', 'interleaved'] as const) {
    for (const from of [0, 3]) {
      it(`rope, ${pairs}, passes the columns outside of the 6 rotary ones from ${from}`, () => {
        const [heads, headDim, rotaryDims, tokens, position] = [2, 10, 6, 2, 3]
        const x = numbers(tokens * heads * headDim, 8)
        const angle = (p: number, pair: number): number => p * 100 ** (-pair / 3)
        const table = new Float32Array(8 * rotaryDims)
        for (let p = 0; p < 8; p++) {
          for (let pair = 0; pair < 3; pair++) {
            table[p * 6 + 2 * pair] = Math.cos(angle(p, pair))
            table[p * 6 + 2 * pair + 1] = Math.sin(angle(p, pair))
          }
        }
        const out = new Float32Array(x.length)
        const rows = [position, position + 1]
        finish(rope(x, heads * headDim, rows, table, { headDim, from, rotaryDims, pairs }, out))
        same(out, (i) => {
          const j = (i % headDim) - from
          if (j < 0 || j >= rotaryDims) return x[i]!
          const head = i - j
          const pair = pairs === 'half' ? j % 3 : Math.floor(j / 2)
          const isFirst = pairs === 'half' ? j < 3 : j % 2 === 0
          const first = x[head + (pairs === 'half' ? pair : 2 * pair)]!
          const second = x[head + (pairs === 'half' ? pair + 3 : 2 * pair + 1)]!
          const a = angle(position + Math.floor(i / (heads * headDim)), pair)
          return isFirst
            ? first * Math.cos(a) - second * Math.sin(a)
            : first * Math.sin(a) + second * Math.cos(a)
        })
      })
    }
  }

  it('rows of a rope table follow the axis', () => {
    const rowsOf = (axis: RopeAxis, prefix: number): number[] =>
      [0, 1, 2, 3, 4, 5].map((position) => ropeRows[axis](position, prefix))
    assert.deepEqual(rowsOf('position', 3), [0, 1, 2, 3, 4, 5])
    assert.deepEqual(rowsOf('prefix', 3), [0, 1, 2, 2, 2, 2])
    assert.deepEqual(rowsOf('after-prefix', 3), [0, 0, 0, 1, 2, 3])
    assert.deepEqual(rowsOf('prefix', 0), [0, 1, 2, 3, 4, 5])
    assert.deepEqual(rowsOf('after-prefix', 0), [0, 0, 0, 0, 0, 0])
  })

  it('append writes at the position and nowhere else', () => {
    const x = numbers(2 * 3, 9)
    const cache = numbers(5 * 3, 10)
    const before = cache.slice()
    finish(append(x, 2, 2, { label: 'cache', type: 'f32', rows: 5, cols: 3, values: cache }))
    same(cache, (i) => (i >= 6 && i < 12 ? x[i - 6]! : before[i]!))
  })

  it('select-outputs takes the last row, or all', () => {
    const x = numbers(3 * 4, 18)
    const last = new Float32Array(4)
    finish(selectOutputs(x, 3, 4, 2, last))
    same(last, (i) => x[8 + i]!)
    const all = new Float32Array(12)
    finish(selectOutputs(x, 3, 4, 0, all))
    same(all, (i) => x[i]!)
  })
})

function matrix(values: Float32Array, rows: number, cols: number): Parameters<typeof embed>[0] {
  return { bytes: new Uint8Array(values.buffer), stride: cols * 4, rows, cols, decode: decodeF32 }
}
