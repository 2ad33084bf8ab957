// Cosines and sines of every position, in float64 on the host: shader trigonometry loses digits far from zero.
import type { RopeConfig } from './config'

/**
 * Table [positions, dims]: entry 2i of a row is cos and 2i+1 is sin of `position * base^(-2i/dims) / factors[i]`
 * (RoFormer, arXiv 2104.09864; the divisors are Llama 3.1's frequency scaling, from the file or from `llama3Factors`).
 */
export function ropeTable(
  rope: RopeConfig,
  positions: number,
  factors: Float32Array | undefined,
): Float32Array {
  const pairs = rope.dims / 2
  const table = new Float32Array(positions * rope.dims)
  for (let i = 0; i < pairs; i++) {
    const frequency = rope.base ** ((-2 * i) / rope.dims) / (factors?.[i] ?? 1) / rope.positionScale
    for (let position = 0; position < positions; position++) {
      const angle = position * frequency
      table[position * rope.dims + 2 * i] = Math.cos(angle)
      table[position * rope.dims + 2 * i + 1] = Math.sin(angle)
    }
  }
  return table
}
