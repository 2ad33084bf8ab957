// The cpu backend's recurrent operations against their definitions as sums and matrix products in float64: no engine code does
// the math. Each row runs all tokens in one step, and again one token per step on a state that carries over.
import assert from 'node:assert/strict'
import { addBonus, keepLast, shiftMix, wkv4, wkv5, wkv7 } from '../../../engine/backend/cpu/recurrent-ops'
import type { Work } from '../../../engine/backend/cpu/ops'
import { finish, numbers, same } from './check-values'

const tokens = 5

describe('cpu recurrent operations', () => {
  for (const withDynamic of [false, true]) {
    check(`shift-mix${withDynamic ? ', dynamic' : ''}`, {
      cols: 6,
      state: numbers(6, 1),
      run: (state, from, count, out) => {
        const weight = numbers(6, 3)
        const dynamic = withDynamic ? rows('d', 6, from, count) : undefined
        finish(shiftMix(rows('x', 6, from, count), count, 6, state, weight, dynamic, out))
        return keepLast(rows('x', 6, from, count), count, 6, state)
      },
      expected: (t, j) => {
        const x = rows('x', 6, 0, tokens)
        const now = x[t * 6 + j]!
        const before = t === 0 ? numbers(6, 1)[j]! : x[(t - 1) * 6 + j]!
        const share = numbers(6, 3)[j]! + (withDynamic ? rows('d', 6, 0, tokens)[t * 6 + j]! : 0)
        return now * (1 - share) + before * share
      },
    })
  }

  const wkv4Vectors = { decay: numbers(7, 2).map((w) => -Math.abs(w)), first: numbers(7, 3) }
  check('wkv-4', {
    cols: 7,
    state: new Float32Array(3 * 7),
    run: (state, from, count, out) =>
      wkv4(rows('k', 7, from, count), rows('v', 7, from, count), count, 7, wkv4Vectors, state, out),
    // A weighted mean of all values so far: an older one's weight is e^(key + decay * distance), the present one's e^(key + first).
    expected: (t, j) => {
      const [k, v] = [rows('k', 7, 0, tokens), rows('v', 7, 0, tokens)]
      let above = 0
      let below = 0
      for (let s = 0; s <= t; s++) {
        const extra = s === t ? wkv4Vectors.first[j]! : (t - 1 - s) * wkv4Vectors.decay[j]!
        const weight = Math.exp(k[s * 7 + j]! + extra)
        above += weight * v[s * 7 + j]!
        below += weight
      }
      return above / below
    },
  })

  it('wkv-4 survives keys that exp cannot hold, and ignores the exponent of an empty state', () => {
    const out = new Float32Array(3)
    const vectors = { decay: Float32Array.of(-1), first: Float32Array.of(0) }
    const state = Float32Array.of(0, 0, 5000)
    finish(wkv4(Float32Array.of(900, -900, 901), Float32Array.of(1, 2, 3), 3, 1, vectors, state, out))
    // The first key outweighs the second, and then meets one that is e^1 and two decays' e^1 stronger.
    const newest = Math.exp(1) / (Math.exp(1) + Math.exp(-1))
    same(out, (i) => [1, 1, newest * 3 + (1 - newest)][i]!)
    assert.ok(state.every(Number.isFinite))
  })

  for (const [heads, n] of [
    [1, 4],
    [3, 5],
  ] as const) {
    const cols = heads * n
    for (const perToken of [false, true]) {
      const fixed = numbers(cols, 4).map((w) => Math.abs(w) / 2)
      const decayRow = (t: number): Float32Array => (perToken ? decays('w', cols, t, 1) : fixed)
      check(`wkv-5 ${heads}x${n}, decay per ${perToken ? 'token' : 'column'}`, {
        cols,
        state: numbers(cols * n, 5),
        run: (state, from, count, out) => {
          const inputs = {
            r: rows('r', cols, from, count),
            k: rows('k', cols, from, count),
            v: rows('v', cols, from, count),
          }
          const decay = { values: perToken ? decays('w', cols, from, count) : fixed, perToken }
          return wkv5(inputs, count, { cols, heads }, decay, numbers(cols, 6), state, out)
        },
        // out = r (diag(first) k^T v + S), with S = diag(decays) S0 + sum of diag(decays since) k^T v of the tokens before.
        expected: (t, column) => {
          const head = column - (column % n)
          const at = (name: string, s: number): number[] => [
            ...rows(name, cols, s, 1).subarray(head, head + n),
          ]
          const since = (s: number): number[] => {
            const product = Array<number>(n).fill(1)
            for (let u = s; u < t; u++) for (let i = 0; i < n; i++) product[i]! *= decayRow(u)[head + i]!
            return product
          }
          let s = times(diagonal(since(0)), square(numbers(cols * n, 5), head, n))
          for (let u = 0; u < t; u++)
            s = plus(s, times(diagonal(since(u + 1)), outer(at('k', u), at('v', u))))
          const first = [...numbers(cols, 6).subarray(head, head + n)]
          const bonus = times(diagonal(first), outer(at('k', t), at('v', t)))
          return times([at('r', t)], plus(bonus, s))[0]![column - head]!
        },
      })
    }

    check(`wkv-7 ${heads}x${n}`, {
      cols,
      state: numbers(cols * n, 7),
      run: (state, from, count, out) => {
        const inputs = {
          r: rows('r', cols, from, count),
          decay: decays('w', cols, from, count),
          k: rows('k', cols, from, count),
          v: rows('v', cols, from, count),
          removal: decays('a', cols, from, count),
          rate: decays('b', cols, from, count),
        }
        return wkv7(inputs, count, { cols, heads }, state, out)
      },
      // S = S (diag(decay) - removal^T (removal * rate)) + v^T k for each token so far, then out = S r^T.
      expected: (t, column) => {
        const head = column - (column % n)
        const part = (values: Float32Array): number[] => [...values.subarray(head, head + n)]
        let s = square(numbers(cols * n, 7), head, n)
        for (let u = 0; u <= t; u++) {
          const removal = part(decays('a', cols, u, 1))
          const rate = part(decays('b', cols, u, 1))
          const removed = outer(
            removal,
            removal.map((a, j) => -a * rate[j]!),
          )
          const change = plus(diagonal(part(decays('w', cols, u, 1))), removed)
          s = plus(times(s, change), outer(part(rows('v', cols, u, 1)), part(rows('k', cols, u, 1))))
        }
        return times(
          s,
          part(rows('r', cols, t, 1)).map((r) => [r]),
        )[column - head]![0]!
      },
    })
  }

  check('add-bonus', {
    cols: 6,
    state: new Float32Array(0),
    run: (_, from, count, out) => {
      const inputs = {
        x: rows('x', 6, from, count),
        r: rows('r', 6, from, count),
        k: rows('k', 6, from, count),
        v: rows('v', 6, from, count),
      }
      return addBonus(inputs, count, { cols: 6, group: 3 }, numbers(6, 8), out)
    },
    expected: (t, j) => {
      const weight = numbers(6, 8)
      const of = (name: string, column: number): number => rows(name, 6, t, 1)[column]!
      const head = j - (j % 3)
      const bonus = [0, 1, 2].map((i) => of('r', head + i) * of('k', head + i) * weight[head + i]!)
      return of('x', j) + (bonus[0]! + bonus[1]! + bonus[2]!) * of('v', j)
    },
  })
})

interface Row {
  readonly cols: number
  /** Before the first token. */
  readonly state: Float32Array
  /** Runs `count` tokens of the sequence from token `from` on. */
  run: (state: Float32Array, from: number, count: number, out: Float32Array) => Work
  /** Column j of the result of token t. */
  expected: (t: number, j: number) => number
}

function check(name: string, { cols, state, run, expected }: Row): void {
  for (const [how, counts] of Object.entries({
    'one step': [tokens],
    'single tokens': Array<number>(tokens).fill(1),
    'uneven steps': [2, 1, 2],
  })) {
    it(`${name}, ${how}`, () => {
      const carried = state.slice()
      let from = 0
      for (const count of counts) {
        const out = new Float32Array(count * cols)
        finish(run(carried, from, count, out))
        const first = from
        same(out, (i) => expected(first + Math.floor(i / cols), i % cols))
        from += count
      }
    })
  }
}

/** Rows of the input called `name`, which is the same however the sequence is cut into steps. */
function rows(name: string, cols: number, from: number, count: number): Float32Array {
  return numbers(tokens * cols, name.charCodeAt(0)).subarray(from * cols, (from + count) * cols)
}

/** The same between 0 and 1. */
function decays(name: string, cols: number, from: number, count: number): Float32Array {
  return rows(name, cols, from, count).map((w) => Math.abs(w) / 2)
}

type Table = readonly (readonly number[])[]

/** Rows `from` to from + n of a matrix with n columns. */
function square(values: Float32Array, from: number, n: number): Table {
  return Array.from({ length: n }, (_, i) => [...values.subarray((from + i) * n, (from + i + 1) * n)])
}

function diagonal(values: readonly number[]): Table {
  return values.map((value, i) => values.map((_, j) => (i === j ? value : 0)))
}

function outer(a: readonly number[], b: readonly number[]): Table {
  return a.map((x) => b.map((y) => x * y))
}

function plus(a: Table, b: Table): Table {
  return a.map((row, i) => row.map((value, j) => value + b[i]![j]!))
}

function times(a: Table, b: Table): Table {
  return a.map((row) => b[0]!.map((_, j) => row.reduce((sum, value, i) => sum + value * b[i]![j]!, 0)))
}
