// Operations as plain loops over float32 arrays: the reference that other backends are compared with.
// JavaScript adds in float64, so every sum below is more exact than a GPU's.
import type { Decode } from '../quants/decode'

/** A weight in the file's own layout. */
export interface Matrix {
  readonly bytes: Uint8Array
  /** Bytes of one row. */
  readonly stride: number
  readonly rows: number
  readonly cols: number
  readonly decode: Decode
}

/** Work that pauses at every yield, so that the event loop can run between two parts of it. */
export type Work = Generator<undefined, void>

/** out[t] = table[token[t]] * scale; out [T, cols] */
export function* embed(table: Matrix, tokens: readonly number[], scale: number, out: Float32Array): Work {
  const { bytes, stride, cols, decode } = table
  for (const [t, token] of tokens.entries()) {
    const row = out.subarray(t * cols, (t + 1) * cols)
    decode(bytes, token * stride, cols, row)
    if (scale !== 1) for (let i = 0; i < cols; i++) row[i]! *= scale
    yield
  }
}

/** out = x / sqrt(mean(x^2) + eps) * (weight + offset) over each `weight.length` of `count` values. */
export function* rmsNorm(
  x: Float32Array,
  count: number,
  weight: Float32Array,
  { eps, offset }: { eps: number; offset: number },
  out: Float32Array,
): Work {
  const width = weight.length
  for (let from = 0; from < count; from += width) {
    let sum = 0
    for (let i = 0; i < width; i++) sum += x[from + i]! * x[from + i]!
    const factor = 1 / Math.sqrt(sum / width + eps)
    for (let i = 0; i < width; i++) out[from + i] = x[from + i]! * factor * (weight[i]! + offset)
  }
  yield
}

/** out[t] = (weight * x[t] + bias) * scale + add[t]; x [T, cols], out and add [T, rows]. Decodes each row once for all tokens. */
export function* matmul(
  weight: Matrix,
  x: Float32Array,
  nTokens: number,
  bias: Float32Array | undefined,
  scale: number,
  add: Float32Array | undefined,
  out: Float32Array,
): Work {
  const { bytes, stride, rows, cols, decode } = weight
  const values = new Float32Array(cols)
  for (let row = 0; row < rows; row++) {
    decode(bytes, row * stride, cols, values)
    const start = bias ? bias[row]! : 0
    for (let t = 0; t < nTokens; t++) {
      const at = t * rows + row
      out[at] = (start + dot(values, x, t * cols)) * scale + (add ? add[at]! : 0)
    }
    if (row % 32 === 31) yield
  }
}

/** Rotates the pairs of every head of x [T, heads * headDim] by the angles in `table` [context, rotaryDims]. */
export function* rope(
  x: Float32Array,
  nTokens: number,
  cols: number,
  position: number,
  table: Float32Array,
  shape: { headDim: number; rotaryDims: number; pairs: 'interleaved' | 'half' },
  out: Float32Array,
): Work {
  const { headDim, rotaryDims, pairs } = shape
  const half = rotaryDims / 2
  for (let t = 0; t < nTokens; t++) {
    const angles = (position + t) * rotaryDims
    for (let head = t * cols; head < (t + 1) * cols; head += headDim) {
      for (let i = 0; i < half; i++) {
        const a = head + (pairs === 'half' ? i : 2 * i)
        const b = pairs === 'half' ? a + half : a + 1
        const cos = table[angles + 2 * i]!
        const sin = table[angles + 2 * i + 1]!
        const first = x[a]!
        const second = x[b]!
        out[a] = first * cos - second * sin
        out[b] = second * cos + first * sin
      }
      for (let i = rotaryDims; i < headDim; i++) out[head + i] = x[head + i]!
    }
  }
  yield
}

/** cache[position + t] = x[t] */
export function* append(
  x: Float32Array,
  nTokens: number,
  cols: number,
  position: number,
  cache: Float32Array,
): Work {
  cache.set(x.subarray(0, nTokens * cols), position * cols)
  yield
}

/** Causal attention of q [T, heads * headDim] over k, v [capacity, kvHeads * headDim]; query head h reads kv head h / group. */
export function* attention(
  q: Float32Array,
  k: Float32Array,
  v: Float32Array,
  nTokens: number,
  position: number,
  shape: { heads: number; kvHeads: number; headDim: number; scale: number },
  out: Float32Array,
): Work {
  const { heads, kvHeads, headDim, scale } = shape
  const group = heads / kvHeads
  const cols = kvHeads * headDim
  const scores = new Float64Array(position + nTokens)
  const sums = new Float64Array(headDim)
  for (let t = 0; t < nTokens; t++) {
    const end = position + t + 1
    for (let head = 0; head < heads; head++) {
      const from = (t * heads + head) * headDim
      const shift = Math.floor(head / group) * headDim
      let highest = -Infinity
      for (let p = 0; p < end; p++) {
        const row = p * cols + shift
        let score = 0
        for (let i = 0; i < headDim; i++) score += q[from + i]! * k[row + i]!
        scores[p] = score * scale
        highest = Math.max(highest, scores[p]!)
      }
      let total = 0
      sums.fill(0)
      for (let p = 0; p < end; p++) {
        const weight = Math.exp(scores[p]! - highest)
        const row = p * cols + shift
        total += weight
        for (let i = 0; i < headDim; i++) sums[i]! += weight * v[row + i]!
      }
      for (let i = 0; i < headDim; i++) out[from + i] = sums[i]! / total
      yield
    }
  }
}

/** out = the rows of x [T, cols] from row `first` on */
export function* selectOutputs(
  x: Float32Array,
  nTokens: number,
  cols: number,
  first: number,
  out: Float32Array,
): Work {
  out.set(x.subarray(first * cols, nTokens * cols))
  yield
}

// Four sums, because one would make every addition wait for the one before.
function dot(a: Float32Array, b: Float32Array, from: number): number {
  const n = a.length
  const whole = n - (n % 4)
  let s0 = 0
  let s1 = 0
  let s2 = 0
  let s3 = 0
  for (let i = 0; i < whole; i += 4) {
    const j = from + i
    s0 += a[i]! * b[j]!
    s1 += a[i + 1]! * b[j + 1]!
    s2 += a[i + 2]! * b[j + 2]!
    s3 += a[i + 3]! * b[j + 3]!
  }
  for (let i = whole; i < n; i++) s0 += a[i]! * b[from + i]!
  return s0 + s1 + (s2 + s3)
}
