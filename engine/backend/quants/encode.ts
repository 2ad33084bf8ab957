// Encoders of GGML formats: float32 to the bytes of a tensor row. Blocks are bit for bit what the reference in ggml-quants.c
// computes, so every operation rounds to float32 as it does there.
import { floatToHalf } from './half'

/** Writes the first `count` values as blocks from byte `offset` on. `count` is a multiple of the type's block. */
export type Encode = (values: Float32Array, count: number, out: Uint8Array, offset: number) => void

const { fround } = Math

/** The nearest half float, and the largest one for what is beyond it. */
export const encodeF16: Encode = (values, count, out, offset) => {
  for (let i = 0; i < count; i++) {
    writeHalf(out, offset + 2 * i, Math.max(-largestHalf, Math.min(largestHalf, values[i]!)))
  }
}

const largestHalf = 65504

/** d = largest |value| / 127, q = value / d rounded, halves away from zero. */
export const encodeQ8_0: Encode = (values, count, out, offset) => {
  for (let i = 0, at = offset; i < count; i += 32, at += 34) {
    let largest = 0
    for (let j = 0; j < 32; j++) largest = Math.max(largest, Math.abs(values[i + j]!))
    const d = fround(largest / 127)
    const inverse = d === 0 ? 0 : fround(1 / d)
    writeHalf(out, at, d)
    for (let j = 0; j < 32; j++) {
      const scaled = fround(values[i + j]! * inverse)
      out[at + 2 + j] = Math.sign(scaled) * Math.floor(Math.abs(scaled) + 0.5)
    }
  }
}

/** d = the value of largest magnitude / -8, so that it becomes 0 of 0 to 15 and is exact; q = value / d + 8 rounded. */
export const encodeQ4_0: Encode = (values, count, out, offset) => {
  for (let i = 0, at = offset; i < count; i += 32, at += 18) {
    let extreme = 0
    for (let j = 0; j < 32; j++) {
      if (Math.abs(values[i + j]!) > Math.abs(extreme)) extreme = values[i + j]!
    }
    const d = fround(extreme / -8)
    const inverse = d === 0 ? 0 : fround(1 / d)
    writeHalf(out, at, d)
    for (let j = 0; j < 16; j++) {
      out[at + 2 + j] = nibble(values[i + j]!, inverse) | (nibble(values[i + j + 16]!, inverse) << 4)
    }
  }
}

function nibble(value: number, inverse: number): number {
  return Math.min(15, Math.trunc(fround(fround(value * inverse) + 8.5)))
}

function writeHalf(out: Uint8Array, at: number, value: number): void {
  const bits = floatToHalf(value)
  out[at] = bits & 255
  out[at + 1] = bits >> 8
}
