// Products of unquantized matrices: rows as they are in the file, 4 at a time, summed in float32.
import type { TensorType } from '../../format/ggml-types'
import {
  addLanes,
  f32x4,
  FunctionBuilder,
  get,
  i32,
  i32x4,
  increase,
  repeat,
  set,
  v128,
  type Code,
  type Local,
  type WasmFunction,
} from './assembler'

/** Rows that the kernels take at a time; a matrix is padded to whole groups. */
export const floatGroupRows = 4

/** Tokens that they take at a time. */
export const floatTileTokens = 2

/** Bytes of a value, and how 4 of them at an address become float32. */
export const floatTypes = {
  f32: { bytes: 4, load: (address: Code) => v128.load(address) },
  f16: { bytes: 2, load: (address: Code) => fromHalf(v128.loadHalves(address)) },
  bf16: { bytes: 2, load: (address: Code) => i32x4.shiftLeft(v128.loadHalves(address), 16) },
} as const satisfies Partial<Record<TensorType, { bytes: number; load: (address: Code) => Code }>>

export type FloatType = keyof typeof floatTypes

/**
 * (weights, x, xStride, out, outStride, quarters, groups, tiles): out[t][group * 4 + row] = the products of `groups` groups of
 * rows of 4 * `quarters` columns with `tiles` times `tokens` tokens; strides are bytes from one token's row to the next. All
 * counts are one at least.
 */
export function floatKernel(name: string, type: FloatType, tokens: number): WasmFunction {
  const { bytes, load } = floatTypes[type]
  const f = new FunctionBuilder(name)
  const weights = f.parameter()
  const x = f.parameter()
  const xStride = f.parameter()
  const out = f.parameter()
  const outStride = f.parameter()
  const quarters = f.parameter()
  const groups = f.parameter()
  const tiles = f.parameter()
  const left = f.local('i32')
  const tile = f.local('i32')
  const rowStride = f.local('i32')
  const target = f.local('i32')
  const xTile = f.local('i32')
  const rows = Array.from({ length: floatGroupRows }, () => f.local('i32'))
  const columns = Array.from({ length: tokens }, () => f.local('i32'))
  const values = rows.map(() => f.local('v128'))
  const xValues = f.local('v128')
  const sums = columns.map(() => rows.map(() => f.local('v128')))

  const starts = (locals: readonly Local[], first: Local, stride: Local): Code =>
    locals.flatMap((local, i) => set(local, i === 0 ? get(first) : i32.add(get(locals[i - 1]!), get(stride))))

  return f.build(
    set(rowStride, i32.multiply(get(quarters), i32.value(4 * bytes))),
    repeat(
      groups,
      set(xTile, get(x)),
      set(target, get(out)),
      set(tile, get(tiles)),
      // A group of rows stays in the nearest cache while all tokens pass by.
      repeat(
        tile,
        starts(rows, weights, rowStride),
        starts(columns, xTile, xStride),
        set(xTile, i32.add(get(columns.at(-1)!), get(xStride))),
        sums.flat().flatMap((sum) => set(sum, v128.words(0))),
        set(left, get(quarters)),
        repeat(
          left,
          rows.flatMap((row, r) => set(values[r]!, load(get(row)))),
          columns.flatMap((column, t) => [
            ...set(xValues, v128.load(get(column))),
            ...values.flatMap((value, r) => {
              const sum = sums[t]![r]!
              return set(sum, f32x4.add(get(sum), f32x4.multiply(get(value), get(xValues))))
            }),
            ...increase(column, i32.value(16)),
          ]),
          rows.flatMap((row) => increase(row, i32.value(4 * bytes))),
        ),
        sums.flatMap((ofToken) => [
          ...v128.store(get(target), addLanes(ofToken)),
          ...increase(target, get(outStride)),
        ]),
      ),
      // The last row ended where the next group begins.
      set(weights, get(rows.at(-1)!)),
      increase(out, i32.value(4 * floatGroupRows)),
    ),
  )
}

// The bits of a half, moved to those of a float, are the value without the difference of the exponents' offsets, 127 - 15.
// A power of two for a factor is exact, and makes numbers below the smallest normal half right, too. Infinities become finite.
function fromHalf(bits: Code): Code {
  const number = i32x4.shiftLeft(v128.and(bits, v128.words(0x7fff)), 13)
  return v128.or(
    f32x4.multiply(number, f32x4.splat(2 ** 112)),
    i32x4.shiftLeft(v128.and(bits, v128.words(0x8000)), 16),
  )
}
