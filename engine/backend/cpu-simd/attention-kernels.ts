// The two products of attention with rows of a cache, in float32: of a query with keys, and of weights with values.
import {
  addLanes,
  f32x4,
  FunctionBuilder,
  get,
  i32,
  increase,
  repeat,
  set,
  v128,
  type Code,
  type Local,
  type WasmFunction,
} from './assembler'

/** Rows of keys that `keyProducts` takes at a time; it may read, and write scores for, that many less one behind the last. */
export const keyGroupRows = 4

/** (query, keys, stride, quarters, groups, out): out[row] = query . keys[row] for groups of 4 rows of 4 * `quarters` columns. */
export function keyProducts(name: string): WasmFunction {
  const f = new FunctionBuilder(name)
  const query = f.parameter()
  const keys = f.parameter()
  const stride = f.parameter()
  const quarters = f.parameter()
  const groups = f.parameter()
  const out = f.parameter()
  const left = f.local('i32')
  const q = f.local('i32')
  const rows = Array.from({ length: keyGroupRows }, () => f.local('i32'))
  const sums = rows.map(() => f.local('v128'))
  const qValues = f.local('v128')

  return f.build(
    repeat(
      groups,
      rows.flatMap((row, r) => set(row, r === 0 ? get(keys) : i32.add(get(rows[r - 1]!), get(stride)))),
      set(keys, i32.add(get(rows.at(-1)!), get(stride))),
      sums.flatMap((sum) => set(sum, v128.words(0))),
      set(q, get(query)),
      set(left, get(quarters)),
      repeat(
        left,
        set(qValues, v128.load(get(q))),
        rows.flatMap((row, r) => {
          const product = f32x4.multiply(get(qValues), v128.load(get(row)))
          return [...set(sums[r]!, f32x4.add(get(sums[r]!), product)), ...increase(row, i32.value(16))]
        }),
        increase(q, i32.value(16)),
      ),
      v128.store(get(out), addLanes(sums)),
      increase(out, i32.value(4 * keyGroupRows)),
    ),
  )
}

/** (weights, values, stride, rows, parts, out): out[column] = sum over `rows` rows of weights[row] * values[row][column], for
 * `parts` parts of 4 * `quarters` columns. */
export function valueSums(name: string, quarters: number): WasmFunction {
  const f = new FunctionBuilder(name)
  const weights = f.parameter()
  const values = f.parameter()
  const stride = f.parameter()
  const rows = f.parameter()
  const parts = f.parameter()
  const out = f.parameter()
  const left = f.local('i32')
  const weight = f.local('i32')
  const row = f.local('i32')
  const factor = f.local('v128')
  const sums = Array.from({ length: quarters }, () => f.local('v128'))
  const forSums = (make: (sum: Local, at: number) => Code): Code =>
    sums.flatMap((sum, i) => make(sum, 16 * i))

  return f.build(
    repeat(
      parts,
      set(weight, get(weights)),
      set(row, get(values)),
      forSums((sum) => set(sum, v128.words(0))),
      set(left, get(rows)),
      repeat(
        left,
        set(factor, v128.loadSplat(get(weight))),
        forSums((sum, at) =>
          set(sum, f32x4.add(get(sum), f32x4.multiply(get(factor), v128.load(get(row), at)))),
        ),
        increase(weight, i32.value(4)),
        increase(row, get(stride)),
      ),
      forSums((sum, at) => v128.store(get(out), get(sum), at)),
      increase(values, i32.value(16 * quarters)),
      increase(out, i32.value(16 * quarters)),
    ),
  )
}
