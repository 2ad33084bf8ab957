// IEEE half floats as a table lookup: every scale of every quantized block is one.

/** The value of each of the 65,536 half-precision bit patterns. */
export const halfToFloat: Float32Array = makeTable()

function makeTable(): Float32Array {
  const table = new Float32Array(65536)
  for (let bits = 0; bits < 65536; bits++) {
    const exponent = (bits >> 10) & 31
    const mantissa = bits & 1023
    const sign = bits & 0x8000 ? -1 : 1
    if (exponent === 31) table[bits] = mantissa ? NaN : sign * Infinity
    else if (exponent === 0) table[bits] = sign * mantissa * 2 ** -24
    else table[bits] = sign * (1 + mantissa / 1024) * 2 ** (exponent - 15)
  }
  return table
}

/** The bits of the nearest half float, ties to even; beyond the largest one, infinity. */
export function floatToHalf(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0
  const magnitude = Math.abs(value)
  if (Number.isNaN(value)) return 0x7e00
  // 2^-14 is the smallest normal half; below it the step between two halves stays 2^-24.
  const exponent = Math.max(-14, Math.min(16, Math.floor(Math.log2(magnitude))))
  const steps = roundToEven(magnitude / 2 ** (exponent - 10))
  // A subnormal has no implicit bit; rounding up to the next power of two carries into the exponent.
  const bits = steps + (exponent + 14) * 1024
  return sign | Math.min(bits, 0x7c00)
}

function roundToEven(value: number): number {
  const down = Math.floor(value)
  const rest = value - down
  if (rest !== 0.5) return rest < 0.5 ? down : down + 1
  return down % 2 === 0 ? down : down + 1
}
