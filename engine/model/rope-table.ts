// Cosines and sines of every position, in float64 on the host: shader trigonometry loses digits far from zero.
import { EngineError } from '../protocol/errors'
import type { RopeAngles } from './rope-scaling'

/**
 * Table [positions, dims]: entry 2i of a row is cos and 2i+1 is sin of `turn(position) * base^(-2i/dims) / divisors[i]`, times the
 * magnitude (RoFormer, arXiv 2104.09864). `turn` is the position itself unless attention counts otherwise. Throws `bad-file` for
 * angles that are no numbers.
 */
export function ropeTable(
  { base, divisors, magnitude }: RopeAngles,
  dims: number,
  positions: number,
  turn: (position: number) => number = (position) => position,
): Float32Array {
  const table = new Float32Array(positions * dims)
  for (let i = 0; i < dims / 2; i++) {
    const frequency = base ** ((-2 * i) / dims) / (divisors?.[i] ?? 1)
    if (!Number.isFinite(frequency * magnitude)) {
      throw new EngineError('bad-file', `The model turns positions by a frequency of ${frequency}.`, {
        hint: 'The file is damaged or was converted by a faulty tool. Download it again.',
      })
    }
    for (let position = 0; position < positions; position++) {
      const angle = turn(position) * frequency
      table[position * dims + 2 * i] = magnitude * Math.cos(angle)
      table[position * dims + 2 * i + 1] = magnitude * Math.sin(angle)
    }
  }
  return table
}
