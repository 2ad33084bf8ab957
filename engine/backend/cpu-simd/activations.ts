// Activations as the block kernel reads them: int16 with a scale per 32 columns, a few tokens interleaved.
import {
  acrossLanes,
  f32x4,
  FunctionBuilder,
  get,
  i16x8,
  i32,
  i32x4,
  increase,
  repeat,
  set,
  v128,
  type Code,
  type WasmFunction,
} from './assembler'

const largest = 32767

/**
 * Bytes of a record of 32 columns of `tokens` tokens: 16 pairs of int16, of every 4 columns the even ones and the odd ones, each
 * pair for one token after the other; from `scale`
 * on a float32 scale per token; from `center` on -8 times the sum of the token's integers (int32), which takes 8 from every
 * quant; from `sum` on that sum times the scale (float32).
 */
export function activationRecord(tokens: number): {
  scale: number
  center: number
  sum: number
  bytes: number
} {
  const scale = 64 * tokens
  return { scale, center: scale + 4 * tokens, sum: scale + 8 * tokens, bytes: scale + 12 * tokens }
}

/**
 * (x, out, records): rounds one token's columns, 32 float32 per record, to its place among `tokens` tokens. `out` is the address
 * of the first record plus 4 times the token's index.
 */
export function activationKernel(name: string, tokens: number): WasmFunction {
  const f = new FunctionBuilder(name)
  const x = f.parameter()
  const out = f.parameter()
  const records = f.parameter()
  const columns = Array.from({ length: 8 }, () => f.local('v128'))
  const high = f.local('v128')
  const scale = f.local('v128')
  const factor = f.local('v128')
  const sum = f.local('v128')
  const halves = f.local('v128')
  const record = activationRecord(tokens)

  return f.build(
    repeat(
      records,
      columns.flatMap((column, i) => set(column, v128.load(get(x), 16 * i))),
      set(high, f32x4.absolute(get(columns[0]!))),
      columns.slice(1).flatMap((column) => set(high, f32x4.max(get(high), f32x4.absolute(get(column))))),
      acrossLanes(f32x4.max, high),
      // A block of zeros would divide by zero; any scale is right for it, and this one is too small to matter.
      set(high, f32x4.max(get(high), f32x4.splat(1e-30))),
      set(scale, f32x4.multiply(get(high), f32x4.splat(1 / largest))),
      set(factor, f32x4.divide(f32x4.splat(largest), get(high))),
      set(sum, v128.words(0)),
      [0, 1, 2, 3].flatMap((i) => {
        const round = (column: typeof high): Code =>
          i32x4.fromFloat(f32x4.nearest(f32x4.multiply(get(column), get(factor))))
        return [
          ...set(halves, i16x8.narrow(round(columns[2 * i]!), round(columns[2 * i + 1]!))),
          ...set(sum, i32x4.add(get(sum), i32x4.dot(get(halves), v128.words(0x00010001)))),
          ...set(halves, v128.shuffle(get(halves), get(halves), evenBeforeOdd)),
          ...[0, 1, 2, 3].flatMap((lane) =>
            v128.storeLane(get(out), get(halves), lane, (4 * i + lane) * 4 * tokens),
          ),
        ]
      }),
      acrossLanes(i32x4.add, sum),
      v128.storeLane(get(out), get(scale), 0, record.scale),
      v128.storeLane(get(out), i32x4.multiply(get(sum), v128.words(-8)), 0, record.center),
      v128.storeLane(get(out), f32x4.multiply(f32x4.fromInt(get(sum)), get(scale)), 0, record.sum),
      increase(x, i32.value(128)),
      increase(out, i32.value(record.bytes)),
    ),
  )
}

// Of each 4 halves: the first, the third, the second, the fourth.
const evenBeforeOdd = [0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15]
