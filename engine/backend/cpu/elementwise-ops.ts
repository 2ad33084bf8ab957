// Operations that treat each value, column or head by itself, as plain loops over float32 arrays. Part of the reference, as ops.ts is.
import { rowsInTurn, type Activation } from '../../graph/graph'
import type { ColumnsOf, Work } from './ops'

/** out = activation(x) over `count` values */
export function* activate(activation: Activation, x: Float32Array, count: number, out: Float32Array): Work {
  const f = activations[activation]
  for (let i = 0; i < count; i++) out[i] = f(x[i]!)
  yield
}

/** out [rows, cols] = activation(gate) * up, value by value */
export function* gated(
  activation: Activation,
  gate: ColumnsOf,
  up: ColumnsOf,
  rows: number,
  cols: number,
  out: Float32Array,
): Work {
  const f = activations[activation]
  for (let row = 0; row < rows; row++) {
    const gates = row * gate.stride + gate.from
    const ups = row * up.stride + up.from
    for (let j = 0; j < cols; j++) out[row * cols + j] = f(gate.x[gates + j]!) * up.x[ups + j]!
  }
  yield
}

/**
 * As `matmul` with a gate: out [rows, cols] of what `product` writes, [rows, 2 * cols], 8 columns of the gate before the 8 of what
 * it lets through.
 */
export function* gatedProduct(
  product: (sums: Float32Array) => Work,
  shape: {
    activation: Activation
    bias: Float32Array | undefined
    scale: number
    rows: number
    cols: number
  },
  out: Float32Array,
): Work {
  const { activation, bias, scale, rows, cols } = shape
  const f = activations[activation]
  const sums = new Float32Array(rows * 2 * cols)
  yield* product(sums)
  for (let row = 0; row < rows; row++) {
    for (let j = 0; j < cols; j++) {
      const at = (row * cols + Math.floor(j / rowsInTurn) * rowsInTurn) * 2 + (j % rowsInTurn)
      const gate = (sums[at]! + (bias?.[j] ?? 0)) * scale
      const up = (sums[at + rowsInTurn]! + (bias?.[cols + j] ?? 0)) * scale
      out[row * cols + j] = f(gate) * up
    }
  }
  yield
}

/** out = x * scale + y over `count` values */
export function* add(
  x: Float32Array,
  scale: number,
  y: Float32Array,
  count: number,
  out: Float32Array,
): Work {
  for (let i = 0; i < count; i++) out[i] = x[i]! * scale + y[i]!
  yield
}

/** out = x * y over `count` values */
export function* multiply(x: Float32Array, y: Float32Array, count: number, out: Float32Array): Work {
  for (let i = 0; i < count; i++) out[i] = x[i]! * y[i]!
  yield
}

/** out[t] = x[t] * weight + bias, column by column; x and out [rows, cols], weight and bias [cols]. */
export function* scaleColumns(
  x: Float32Array,
  rows: number,
  cols: number,
  weight: Float32Array | undefined,
  bias: Float32Array | undefined,
  out: Float32Array,
): Work {
  for (let from = 0; from < rows * cols; from += cols) {
    for (let j = 0; j < cols; j++)
      out[from + j] = x[from + j]! * (weight ? weight[j]! : 1) + (bias ? bias[j]! : 0)
  }
  yield
}

/** out = cap * tanh(x / cap) over `count` values */
export function* softcap(x: Float32Array, cap: number, count: number, out: Float32Array): Work {
  for (let i = 0; i < count; i++) out[i] = cap * Math.tanh(x[i]! / cap)
  yield
}

/** out = x / max(length of x, eps), over each `group` of `count` values. */
export function* l2Norm(
  x: Float32Array,
  count: number,
  { group, eps }: { group: number; eps: number },
  out: Float32Array,
): Work {
  for (let from = 0; from < count; from += group) {
    let sum = 0
    for (let i = from; i < from + group; i++) sum += x[i]! * x[i]!
    const length = Math.max(Math.sqrt(sum), eps)
    for (let i = from; i < from + group; i++) out[i] = x[i]! / length
  }
  yield
}

/** out[t] = x[t] * table[position + t]; x [T, cols], table [context, 1] */
export function* scaleByPosition(
  x: Float32Array,
  nTokens: number,
  cols: number,
  position: number,
  table: Float32Array,
  out: Float32Array,
): Work {
  for (let i = 0; i < nTokens * cols; i++) out[i] = x[i]! * table[position + Math.floor(i / cols)]!
  yield
}

/** Puts shared [rows, b] behind every head of x [rows, heads * a]; out [rows, heads * (a + b)]. */
export function* joinHeads(
  x: Float32Array,
  shared: Float32Array,
  rows: number,
  heads: number,
  { own, common }: { own: number; common: number },
  out: Float32Array,
): Work {
  for (let head = 0; head < rows * heads; head++) {
    const row = Math.floor(head / heads)
    const to = head * (own + common)
    out.set(x.subarray(head * own, (head + 1) * own), to)
    out.set(shared.subarray(row * common, (row + 1) * common), to + own)
  }
  yield
}

const activations: Readonly<Record<Activation, (x: number) => number>> = {
  silu: (x) => x * sigmoid(x),
  // The tanh approximation of GELU (Hendrycks and Gimpel, 2016).
  'gelu-tanh': (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x))),
  gelu: (x) => 0.5 * x * (1 + erf(x / Math.SQRT2)),
  sigmoid,
  tanh: Math.tanh,
  'relu-squared': (x) => Math.max(x, 0) ** 2,
  'exp-neg-exp': (x) => Math.exp(-Math.exp(x)),
  'exp-neg-sigmoid': (x) => Math.exp(-Math.exp(-0.5) * sigmoid(x)),
}

function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x))
}

// Abramowitz and Stegun 7.1.6: erf(x) = 2/sqrt(pi) exp(-x^2) sum over n of 2^n x^(2n+1) / (1 * 3 * ... * (2n+1)). All terms
// have the sign of x, so none cancels another.
function erf(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x)
  let term = x
  let sum = x
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
    term *= (2 * x * x) / (2 * n + 1)
    sum += term
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum
}
