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
