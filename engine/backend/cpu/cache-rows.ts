// Rows of a cache: written in its type by append, read as float32 by attention.
import { encodeF16, encodeQ8_0, type Encode } from '../quants/encode'
import { quants, rowBytes } from '../quants/table'
import type { Work } from './ops'
import { valuesOf, type CpuTensor } from './storage'

/** cache[position + t] = x[t]; x [T, cols], rounded to the cache's type. */
export function* append(x: Float32Array, nTokens: number, position: number, cache: CpuTensor): Work {
  const { type, cols, packed } = cache
  const rows = x.subarray(0, nTokens * cols)
  const encode = encoders[type]
  if (packed && encode) encode(rows, rows.length, packed, position * rowBytes(type, cols))
  else valuesOf(cache).set(rows, position * cols)
  yield
}

/** The first `rows` rows of a cache, [rows, cols] or more; `target` is where they are decoded to, if they are. */
export function rowsOf(
  cache: CpuTensor,
  rows: number,
  target: Float32Array = new Float32Array(cache.packed ? rows * cache.cols : 0),
): Float32Array {
  const { type, cols, packed } = cache
  if (!packed) return valuesOf(cache)
  quants[type].decode(packed, 0, rows * cols, target)
  return target
}

const encoders: Partial<Record<string, Encode>> = { f16: encodeF16, q8_0: encodeQ8_0 }
