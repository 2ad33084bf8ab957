// Operations as plain loops over float32 arrays: the reference that other backends are compared with.
// JavaScript adds in float64, so every sum below is more exact than a GPU's.
import type { RopeAxis } from '../../graph/graph'
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

/** out = (x - mean) / sqrt(variance + eps) * weight + bias over each `group` columns; x and out [T, weight.length] */
export function* layerNorm(
  x: Float32Array,
  nTokens: number,
  weight: Float32Array,
  bias: Float32Array | undefined,
  { group, eps }: { group: number; eps: number },
  out: Float32Array,
): Work {
  const cols = weight.length
  for (let from = 0; from < nTokens * cols; from += group) {
    let sum = 0
    for (let i = from; i < from + group; i++) sum += x[i]!
    const mean = sum / group
    let squares = 0
    for (let i = from; i < from + group; i++) squares += (x[i]! - mean) ** 2
    const factor = 1 / Math.sqrt(squares / group + eps)
    for (let i = from; i < from + group; i++) {
      const column = i % cols
      out[i] = (x[i]! - mean) * factor * weight[column]! + (bias ? bias[column]! : 0)
    }
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

/** Rotates pairs of every head of x [T, heads * headDim] by the angles in row rows[t] of `table` [context, rotaryDims]. */
export function* rope(
  x: Float32Array,
  cols: number,
  rows: readonly number[],
  table: Float32Array,
  shape: { headDim: number; from: number; rotaryDims: number; pairs: 'interleaved' | 'half' },
  out: Float32Array,
): Work {
  const { headDim, from, rotaryDims, pairs } = shape
  const half = rotaryDims / 2
  out.set(x.subarray(0, rows.length * cols))
  for (const [t, row] of rows.entries()) {
    const angles = row * rotaryDims
    for (let head = t * cols; head < (t + 1) * cols; head += headDim) {
      for (let i = 0; i < half; i++) {
        const a = head + from + (pairs === 'half' ? i : 2 * i)
        const b = pairs === 'half' ? a + half : a + 1
        const cos = table[angles + 2 * i]!
        const sin = table[angles + 2 * i + 1]!
        const first = x[a]!
        const second = x[b]!
        out[a] = first * cos - second * sin
        out[b] = second * cos + first * sin
      }
    }
  }
  yield
}

/** The row of a rope table that the token at `position` takes. */
export const ropeRows: Readonly<Record<RopeAxis, (position: number, prefix: number) => number>> = {
  position: (position) => position,
  prefix: (position, prefix) => (prefix > 0 ? Math.min(position, prefix - 1) : position),
  'after-prefix': (position, prefix) => (prefix > 0 ? Math.max(position - (prefix - 1), 0) : 0),
}

/** Columns of x [T, stride], `from` the first. */
export interface ColumnsOf {
  readonly x: Float32Array
  readonly stride: number
  readonly from: number
}

/** out [T, heads * headDim] is q turned; k turned and v are what `keep` gets to append, rows [T, kvHeads * headDim or valueDim]. */
export function* ropeAppend(
  { q, k, v }: { q: ColumnsOf; k: ColumnsOf; v: ColumnsOf },
  nTokens: number,
  position: number,
  table: Float32Array,
  shape: {
    heads: number
    kvHeads: number
    headDim: number
    valueDim: number
    from: number
    rotaryDims: number
    pairs: 'interleaved' | 'half'
  },
  keep: { keys: (rows: Float32Array) => Work; values: (rows: Float32Array) => Work },
  out: Float32Array,
): Work {
  const { heads, kvHeads, headDim, valueDim } = shape
  const rows = Array.from({ length: nTokens }, (_, t) => position + t)
  const keyCols = kvHeads * headDim
  const keys = new Float32Array(nTokens * keyCols)
  yield* rope(gather(q, nTokens, heads * headDim), heads * headDim, rows, table, shape, out)
  yield* rope(gather(k, nTokens, keyCols), keyCols, rows, table, shape, keys)
  yield* keep.keys(keys)
  yield* keep.values(gather(v, nTokens, kvHeads * valueDim))
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

function gather({ x, stride, from }: ColumnsOf, nTokens: number, cols: number): Float32Array {
  const out = new Float32Array(nTokens * cols)
  for (let t = 0; t < nTokens; t++) out.set(x.subarray(t * stride + from, t * stride + from + cols), t * cols)
  return out
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
