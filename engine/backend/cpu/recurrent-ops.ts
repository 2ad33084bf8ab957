// Operations whose tokens follow from the ones before through a state of fixed size, as plain loops. Part of the reference, as ops.ts is.
import type { Work } from './ops'

/** out[t] = x[t] + (x[t-1] - x[t]) * (weight + dynamic[t]); x [T, cols], weight [cols], x[-1] is `previous` [1, cols]. */
export function* shiftMix(
  x: Float32Array,
  nTokens: number,
  cols: number,
  previous: Float32Array,
  weight: Float32Array,
  dynamic: Float32Array | undefined,
  out: Float32Array,
): Work {
  for (let i = 0; i < nTokens * cols; i++) {
    const before = i < cols ? previous[i]! : x[i - cols]!
    out[i] = x[i]! + (before - x[i]!) * (weight[i % cols]! + (dynamic ? dynamic[i]! : 0))
  }
  yield
}

/** state[0] = x[T - 1]; x [T, cols], state [1, cols] */
export function* keepLast(x: Float32Array, nTokens: number, cols: number, state: Float32Array): Work {
  state.set(x.subarray((nTokens - 1) * cols, nTokens * cols))
  yield
}

/**
 * The recurrence of RWKV-4 (arXiv 2305.13048, appendix D), column by column; k, v and out [T, cols], decay and first [cols],
 * state [3, cols] with the numerator and denominator divided by e to the third row, so that no exponential overflows.
 */
export function* wkv4(
  k: Float32Array,
  v: Float32Array,
  nTokens: number,
  cols: number,
  { decay, first }: { decay: Float32Array; first: Float32Array },
  state: Float32Array,
  out: Float32Array,
): Work {
  for (let j = 0; j < cols; j++) {
    let above = state[j]!
    let below = state[cols + j]!
    let exponent = below === 0 ? -Infinity : state[2 * cols + j]!
    for (let i = j; i < nTokens * cols; i += cols) {
      const now = first[j]! + k[i]!
      const highest = Math.max(exponent, now)
      const past = Math.exp(exponent - highest)
      const present = Math.exp(now - highest)
      out[i] = (past * above + present * v[i]!) / (past * below + present)

      const higher = Math.max(exponent + decay[j]!, k[i]!)
      const kept = Math.exp(exponent + decay[j]! - higher)
      const added = Math.exp(k[i]! - higher)
      above = kept * above + added * v[i]!
      below = kept * below + added
      exponent = higher
    }
    state[j] = above
    state[cols + j] = below
    state[2 * cols + j] = exponent
  }
  yield
}

/**
 * Linear attention of RWKV-5 and 6 (arXiv 2404.05892); r, k, v and out [T, heads * n], first [heads * n], `decay` one such
 * vector or one row per token, state [heads * n, n] with a row per key and a column per value.
 */
export function* wkv5(
  inputs: { r: Float32Array; k: Float32Array; v: Float32Array },
  nTokens: number,
  { cols, heads }: { cols: number; heads: number },
  decay: { values: Float32Array; perToken: boolean },
  first: Float32Array,
  state: Float32Array,
  out: Float32Array,
): Work {
  const { r, k, v } = inputs
  const n = cols / heads
  const sums = new Float64Array(n)
  for (let t = 0; t < nTokens; t++) {
    for (let head = 0; head < heads; head++) {
      const from = t * cols + head * n
      sums.fill(0)
      for (let i = 0; i < n; i++) {
        const column = head * n + i
        const keep = decay.values[decay.perToken ? from + i : column]!
        for (let j = 0; j < n; j++) {
          const at = column * n + j
          const added = k[from + i]! * v[from + j]!
          sums[j]! += r[from + i]! * (first[column]! * added + state[at]!)
          state[at] = keep * state[at]! + added
        }
      }
      out.set(sums, from)
      yield
    }
  }
}

/**
 * The delta rule of RWKV-7 (arXiv 2503.14456); all inputs and out [T, heads * n], state [heads * n, n] with a row per value
 * and a column per key.
 */
export function* wkv7(
  inputs: {
    r: Float32Array
    decay: Float32Array
    k: Float32Array
    v: Float32Array
    removal: Float32Array
    rate: Float32Array
  },
  nTokens: number,
  { cols, heads }: { cols: number; heads: number },
  state: Float32Array,
  out: Float32Array,
): Work {
  const { r, decay, k, v, removal, rate } = inputs
  const n = cols / heads
  for (let t = 0; t < nTokens; t++) {
    for (let head = 0; head < heads; head++) {
      const from = t * cols + head * n
      for (let i = 0; i < n; i++) {
        const row = (head * n + i) * n
        let removed = 0
        for (let j = 0; j < n; j++) removed += state[row + j]! * removal[from + j]!
        let sum = 0
        for (let j = 0; j < n; j++) {
          const c = from + j
          const kept = state[row + j]! * decay[c]! - removed * removal[c]! * rate[c]!
          state[row + j] = kept + v[from + i]! * k[c]!
          sum += state[row + j]! * r[c]!
        }
        out[from + i] = sum
      }
      yield
    }
  }
}

/** out = x + (sum of r * k * weight) * v over each `group` of columns; weight [cols], all others [T, cols]. */
export function* addBonus(
  inputs: { x: Float32Array; r: Float32Array; k: Float32Array; v: Float32Array },
  nTokens: number,
  { cols, group }: { cols: number; group: number },
  weight: Float32Array,
  out: Float32Array,
): Work {
  const { x, r, k, v } = inputs
  for (let from = 0; from < nTokens * cols; from += group) {
    let sum = 0
    for (let i = from; i < from + group; i++) sum += r[i]! * k[i]! * weight[i % cols]!
    for (let i = from; i < from + group; i++) out[i] = x[i]! + sum * v[i]!
  }
  yield
}
