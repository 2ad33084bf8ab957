// A forward pass as a list of operations on named values. The same graph runs on every backend.

/** Rows of a value: one per token of the step, or one per position whose logits are wanted. */
export type Rows = 'tokens' | 'outputs'

/** An activation: f32, [rows, cols], row after row. */
export interface Value {
  readonly id: number
  readonly rows: Rows
  readonly cols: number
  readonly label: string
}

/** Columns of a value, as many as the reader takes, `from` being the first: part of a product of stacked matrices. */
export interface Columns {
  readonly value: Value
  readonly from: number
}

/** A tensor that never changes, by its name in the model: matrices are [rows, cols], vectors have one row. */
export interface WeightRef {
  readonly weight: string
}

/** How a state keeps its values: in full, as half floats, or in blocks of 32 columns with a scale each. */
export type StateType = 'f32' | 'f16' | 'q8_0'

/** A tensor that belongs to a State and outlives the step: [capacity, cols], or [rows, cols] for a recurrent one. */
export interface StateRef {
  readonly state: string
  /** f32 when left out. Only `append` and `attention` know others; f16 takes heads of 8 columns, q8_0 of 32, and multiples. */
  readonly type?: StateType
}

/** `exp-neg-exp` is exp(-exp(x)), `exp-neg-sigmoid` exp(-sigmoid(x) / sqrt(e)). */
export type Activation =
  'silu' | 'gelu-tanh' | 'gelu' | 'sigmoid' | 'tanh' | 'relu-squared' | 'exp-neg-exp' | 'exp-neg-sigmoid'

/** x[t] / sqrt(mean(x[t]^2) + eps) * (weight + offset) */
export interface RowNorm {
  readonly weight: WeightRef
  readonly eps: number
  readonly offset: number
}

/** Rows of each of two matrices that are multiplied as one with a gate: a lane of the kernels has both sums of a result then. */
export const rowsInTurn = 8

/** Which row of a rope table a token takes: its position, or its way to the last token of the prefix, or its way from there. */
export type RopeAxis = 'position' | 'prefix' | 'after-prefix'

/**
 * Attention in chunks of `length` tokens (Dual Chunk Attention, arXiv 2402.17463): a query meets keys of its own chunk as `q`,
 * keys of the chunk before as `successive`, and all earlier ones as `inter`. Keys are turned by their position in their chunk.
 */
export interface AttentionChunks {
  readonly length: number
  readonly successive: Value
  readonly inter: Value
}

/**
 * The vocabulary of operations. `out` is written whole; inputs are never changed, state tensors are.
 * T is the number of tokens of the step, `position` the number of tokens already in the state, `prefix` the number of tokens at
 * the start of the sequence that see each other both ways (0 in all families but one).
 */
export type Operation =
  /** out[t] = table[token[t]] * scale */
  | { op: 'embed'; table: WeightRef; scale: number; out: Value }
  /** out[t] = x[t] / sqrt(mean(x[t]^2) + eps) * (weight + offset), over each `group` columns, for which weight [group] is the same */
  | { op: 'rms-norm'; x: Value; weight: WeightRef; group: number; eps: number; offset: number; out: Value }
  /**
   * out[t] = (x[t] - mean) / sqrt(variance + eps) * weight + bias, mean and variance over each `group` columns;
   * weight and bias have x.cols values. A group norm when `group` is narrower than x.
   */
  | {
      op: 'layer-norm'
      x: Value
      weight: WeightRef
      bias: WeightRef | undefined
      group: number
      eps: number
      out: Value
    }
  /**
   * out[t] = (weight * x[t] + bias) * scale + add[t]. With `gate`, an activation, two matrices of out.cols rows in one:
   * out[t] = gate(a) * b of their products (weight * x[t] + bias) * scale, without `add`. Their rows take turns, `rowsInTurn` of a
   * and then as many of b, and so on; in the bias all of a is before all of b. With `norm`, x[t] is normed first, as by rms-norm of a
   * whole row.
   */
  | {
      op: 'matmul'
      weight: WeightRef
      bias: WeightRef | undefined
      scale: number
      x: Value
      add: Value | undefined
      norm?: RowNorm
      gate?: Activation
      out: Value
    }
  /**
   * Rotates pairs inside each head of x [T, heads * headDim] by the angles of the token's position.
   * `table` [context, rotaryDims] holds cos and sin interleaved: entry 2i is the cosine of pair i, 2i+1 its sine;
   * a table computed in float64 on the host, because WGSL's sin is only exact near zero.
   * Pair i is (x[2i], x[2i+1]) when interleaved, (x[i], x[i + rotaryDims/2]) when half, counted from column `from` of the head;
   * the other columns pass through. Row of the table: position + t, min(position + t, prefix - 1) on the axis `prefix`,
   * max(position + t - (prefix - 1), 0) on `after-prefix`; without a prefix position + t and 0.
   */
  | {
      op: 'rope'
      x: Value
      table: WeightRef
      heads: number
      headDim: number
      from: number
      rotaryDims: number
      pairs: 'interleaved' | 'half'
      axis: RopeAxis
      out: Value
    }
  /** cache[position + t] = x[t], rounded to the cache's type */
  | { op: 'append'; x: Value; cache: StateRef }
  /**
   * What attention needs of one token, at once: out [T, heads * headDim] is q turned as by `rope`, keys[position + t] is k turned the same
   * way, values[position + t] is v. Rows of k have kvHeads * headDim columns, rows of v kvHeads * valueDim.
   */
  | {
      op: 'rope-append'
      q: Columns
      k: Columns
      v: Columns
      table: WeightRef
      heads: number
      kvHeads: number
      headDim: number
      valueDim: number
      from: number
      rotaryDims: number
      pairs: 'interleaved' | 'half'
      keys: StateRef
      values: StateRef
      out: Value
    }
  /**
   * Attention of q [T, heads * headDim] over rows 0 to position + t of k [capacity, kvHeads * headDim] and
   * v [capacity, kvHeads * valueDim]: softmax over s of cap(q . k_s * scale) + slope[head] * (s - position - t), times v;
   * query head h reads kv head floor(h / (heads / kvHeads)); out [T, heads * valueDim].
   * With `window`, only the last `window` rows, the token's own among them. cap(x) is softcap * tanh(x / softcap), or x when
   * `softcap` is undefined. `slopes` [heads] are those of ALiBi (arXiv 2108.12409). With `prefix`, tokens before the step's prefix see all rows before it.
   */
  | {
      op: 'attention'
      q: Value
      k: StateRef
      v: StateRef
      heads: number
      kvHeads: number
      headDim: number
      valueDim: number
      scale: number
      window: number | undefined
      softcap: number | undefined
      slopes: WeightRef | undefined
      prefix: boolean
      chunks: AttentionChunks | undefined
      out: Value
    }
  /** out[t] = x[t] * table[position + t]; table [context, 1] */
  | { op: 'scale-by-position'; x: Value; table: WeightRef; out: Value }
  /** Puts `shared` [T, b] behind every head of x [T, heads * a]: out [T, heads * (a + b)] */
  | { op: 'join-heads'; x: Value; shared: Value; heads: number; out: Value }
  /** out = activation(x), element by element */
  | { op: 'activate'; activation: Activation; x: Value; out: Value }
  /** out = activation(gate) * up, element by element */
  | { op: 'gated'; activation: Activation; gate: Columns; up: Columns; out: Value }
  /** out = x * scale + y, or x * y, element by element */
  | { op: 'add'; x: Value; scale: number; y: Value; out: Value }
  | { op: 'multiply'; x: Value; y: Value; out: Value }
  /** out[t] = x[t] * weight + bias, column by column; weight and bias [cols], 1 and 0 when undefined */
  | { op: 'scale-columns'; x: Value; weight: WeightRef | undefined; bias: WeightRef | undefined; out: Value }
  /** out = cap * tanh(x / cap) */
  | { op: 'softcap'; x: Value; cap: number; out: Value }
  /** out[t] = x[t] / max(|x[t]|, eps), the length over each `group` columns */
  | { op: 'l2-norm'; x: Value; group: number; eps: number; out: Value }
  /**
   * out[t] = x[t] + (x[t-1] - x[t]) * (weight + dynamic[t]), column by column; weight [cols]. x[-1] is the row of `previous`
   * [1, cols], which is read and not changed: `keep-last` does that after the last reader.
   */
  | {
      op: 'shift-mix'
      x: Value
      previous: StateRef
      weight: WeightRef
      dynamic: Value | undefined
      out: Value
    }
  /** state[0] = x[T - 1] */
  | { op: 'keep-last'; x: Value; state: StateRef }
  /**
   * The recurrence of RWKV-4 per column, in its overflow-safe form. `decay` [cols] is -exp(time_decay), `first` [cols].
   * `state` [3, cols] holds numerator, denominator and exponent; a denominator of 0 is the start, whatever the exponent.
   */
  | { op: 'wkv-4'; k: Value; v: Value; decay: WeightRef; first: WeightRef; state: StateRef; out: Value }
  /**
   * Linear attention of RWKV-5 and 6, per head of n columns, with S [n, n] in `state` [heads * n, n], row = key, column = value:
   * out[j] = sum_i r[i] * (first[i] * k[i] * v[j] + S[i][j]), then S[i][j] = decay[i] * S[i][j] + k[i] * v[j].
   * `decay` is between 0 and 1, one vector [heads * n] in RWKV-5 and one row per token in RWKV-6; `first` [heads * n].
   */
  | {
      op: 'wkv-5'
      r: Value
      k: Value
      v: Value
      decay: WeightRef | Value
      first: WeightRef
      heads: number
      state: StateRef
      out: Value
    }
  /**
   * The delta rule of RWKV-7, per head of n columns, with S [n, n] in `state` [heads * n, n], row = value, column = key:
   * S[i][j] = S[i][j] * decay[j] - (sum_m S[i][m] * removal[m]) * removal[j] * rate[j] + v[i] * k[j], then out[i] = sum_j S[i][j] * r[j].
   */
  | {
      op: 'wkv-7'
      r: Value
      decay: Value
      k: Value
      v: Value
      removal: Value
      rate: Value
      heads: number
      state: StateRef
      out: Value
    }
  /** out[t] = x[t] + (sum over the head of r[t] * k[t] * weight) * v[t]; weight [cols], heads of `group` columns */
  | { op: 'add-bonus'; x: Value; r: Value; k: Value; v: Value; weight: WeightRef; group: number; out: Value }
  /** out[0] = x[T - 1] when only the last position's logits are wanted, else out = x */
  | { op: 'select-outputs'; x: Value; out: Value }

export interface Graph {
  readonly operations: readonly Operation[]
  /** The value that is read back: [outputs, vocabulary]. */
  readonly result: Value
}

/** Collects operations; every method appends one and returns what it computes. */
export class GraphBuilder {
  readonly #operations: Operation[] = []
  #nextId = 0

  value(rows: Rows, cols: number, label: string): Value {
    return { id: this.#nextId++, rows, cols, label }
  }

  push(operation: Operation): void {
    this.#operations.push(operation)
  }

  build(result: Value): Graph {
    return { operations: this.#operations, result }
  }
}

/** All columns of a value. */
export function whole(value: Value): Columns {
  return { value, from: 0 }
}

/** Values an operation reads, in a fixed order. */
export function inputsOf(operation: Operation): Value[] {
  switch (operation.op) {
    case 'embed':
      return []
    case 'matmul':
      return operation.add ? [operation.x, operation.add] : [operation.x]
    case 'attention':
      return operation.chunks
        ? [operation.q, operation.chunks.successive, operation.chunks.inter]
        : [operation.q]
    case 'rope-append':
      return [operation.q.value, operation.k.value, operation.v.value]
    case 'gated':
      return [operation.gate.value, operation.up.value]
    case 'join-heads':
      return [operation.x, operation.shared]
    case 'add':
    case 'multiply':
      return [operation.x, operation.y]
    case 'shift-mix':
      return operation.dynamic ? [operation.x, operation.dynamic] : [operation.x]
    case 'wkv-4':
      return [operation.k, operation.v]
    case 'wkv-5':
      return 'id' in operation.decay
        ? [operation.r, operation.k, operation.v, operation.decay]
        : [operation.r, operation.k, operation.v]
    case 'wkv-7':
      return [operation.r, operation.decay, operation.k, operation.v, operation.removal, operation.rate]
    case 'add-bonus':
      return [operation.x, operation.r, operation.k, operation.v]
    default:
      return [operation.x]
  }
}

/** Weights an operation reads. */
export function weightsOf(operation: Operation): WeightRef[] {
  switch (operation.op) {
    case 'embed':
    case 'rope':
    case 'rope-append':
    case 'scale-by-position':
      return [operation.table]
    case 'rms-norm':
    case 'shift-mix':
    case 'add-bonus':
      return [operation.weight]
    case 'layer-norm':
      return operation.bias ? [operation.weight, operation.bias] : [operation.weight]
    case 'matmul':
      return [operation.norm?.weight, operation.weight, operation.bias].filter((ref) => ref !== undefined)
    case 'attention':
      return operation.slopes ? [operation.slopes] : []
    case 'scale-columns':
      return [operation.weight, operation.bias].filter((ref) => ref !== undefined)
    case 'wkv-4':
      return [operation.decay, operation.first]
    case 'wkv-5':
      return 'id' in operation.decay ? [operation.first] : [operation.decay, operation.first]
    default:
      return []
  }
}

/** The value an operation writes; `append` and `keep-last` write state only. */
export function outputOf(operation: Operation): Value | undefined {
  return 'out' in operation ? operation.out : undefined
}

/**
 * Whether an operation asks for more than the rows of values that it computes from: the position, rows before, a state. In a step of
 * several sequences it runs once for each of them, the others once for all.
 */
export function isPerSequence(op: Operation['op']): boolean {
  return perSequence[op]
}

const perSequence: Readonly<Record<Operation['op'], boolean>> = {
  embed: false,
  'rms-norm': false,
  'layer-norm': false,
  matmul: false,
  rope: true,
  append: true,
  'rope-append': true,
  attention: true,
  'scale-by-position': true,
  'join-heads': false,
  activate: false,
  gated: false,
  add: false,
  multiply: false,
  'scale-columns': false,
  softcap: false,
  'l2-norm': false,
  'shift-mix': true,
  'keep-last': true,
  'wkv-4': true,
  'wkv-5': true,
  'wkv-7': true,
  'add-bonus': false,
  // A copy of every row: such a step wants all outputs.
  'select-outputs': false,
}

/** States that get a row for every token of the step. */
export function grownBy(operation: Operation): StateRef[] {
  if (operation.op === 'append') return [operation.cache]
  return operation.op === 'rope-append' ? [operation.keys, operation.values] : []
}
