// Decoders of the GGML block formats: bytes of a tensor row to float32. Layouts from ggml-common.h's block structs.
import { halfToFloat } from './half'

/**
 * Writes `count` values to out[0 .. count) from the blocks that start at byte `offset`.
 * `count` is a multiple of the type's block.
 */
export type Decode = (bytes: Uint8Array, offset: number, count: number, out: Float32Array) => void

// Float32Array and friends need an aligned start, which a slice of a file rarely has, hence DataView-free byte arithmetic.
const scratch = new Uint32Array(1)
const scratchFloat = new Float32Array(scratch.buffer)

export const decodeF32: Decode = (bytes, offset, count, out) => {
  const start = bytes.byteOffset + offset
  if (start % 4 === 0) {
    out.set(new Float32Array(bytes.buffer, start, count))
    return
  }
  for (let i = 0, at = offset; i < count; i++, at += 4) {
    scratch[0] = half(bytes, at) | (half(bytes, at + 2) << 16)
    out[i] = scratchFloat[0]!
  }
}

export const decodeF16: Decode = (bytes, offset, count, out) => {
  for (let i = 0, at = offset; i < count; i++, at += 2) out[i] = halfToFloat[half(bytes, at)]!
}

export const decodeBf16: Decode = (bytes, offset, count, out) => {
  for (let i = 0, at = offset; i < count; i++, at += 2) {
    scratch[0] = half(bytes, at) << 16
    out[i] = scratchFloat[0]!
  }
}

export const decodeQ4_0: Decode = (bytes, offset, count, out) => {
  for (let i = 0, at = offset; i < count; i += 32, at += 18) {
    const d = halfToFloat[half(bytes, at)]!
    const m = -8 * d
    for (let j = 0; j < 16; j++) {
      const q = bytes[at + 2 + j]!
      out[i + j] = d * (q & 15) + m
      out[i + j + 16] = d * (q >> 4) + m
    }
  }
}

export const decodeQ4_1: Decode = (bytes, offset, count, out) => {
  for (let i = 0, at = offset; i < count; i += 32, at += 20) {
    const d = halfToFloat[half(bytes, at)]!
    const m = halfToFloat[half(bytes, at + 2)]!
    for (let j = 0; j < 16; j++) {
      const q = bytes[at + 4 + j]!
      out[i + j] = d * (q & 15) + m
      out[i + j + 16] = d * (q >> 4) + m
    }
  }
}

export const decodeQ5_0: Decode = (bytes, offset, count, out) => {
  for (let i = 0, at = offset; i < count; i += 32, at += 22) {
    const d = halfToFloat[half(bytes, at)]!
    const m = -16 * d
    const high = half(bytes, at + 2) | (half(bytes, at + 4) << 16)
    for (let j = 0; j < 16; j++) {
      const q = bytes[at + 6 + j]!
      out[i + j] = d * ((q & 15) | (((high >>> j) & 1) << 4)) + m
      out[i + j + 16] = d * ((q >> 4) | (((high >>> (j + 16)) & 1) << 4)) + m
    }
  }
}

export const decodeQ5_1: Decode = (bytes, offset, count, out) => {
  for (let i = 0, at = offset; i < count; i += 32, at += 24) {
    const d = halfToFloat[half(bytes, at)]!
    const m = halfToFloat[half(bytes, at + 2)]!
    const high = half(bytes, at + 4) | (half(bytes, at + 6) << 16)
    for (let j = 0; j < 16; j++) {
      const q = bytes[at + 8 + j]!
      out[i + j] = d * ((q & 15) | (((high >>> j) & 1) << 4)) + m
      out[i + j + 16] = d * ((q >> 4) | (((high >>> (j + 16)) & 1) << 4)) + m
    }
  }
}

export const decodeQ8_0: Decode = (bytes, offset, count, out) => {
  for (let i = 0, at = offset; i < count; i += 32, at += 34) {
    const d = halfToFloat[half(bytes, at)]!
    for (let j = 0; j < 32; j++) out[i + j] = d * signed(bytes[at + 2 + j]!)
  }
}

export const decodeQ2_K: Decode = (bytes, offset, count, out) => {
  for (let i = 0, at = offset; i < count; i += 256, at += 84) {
    const d = halfToFloat[half(bytes, at + 80)]!
    const dmin = halfToFloat[half(bytes, at + 82)]!
    for (let group = 0; group < 16; group++) {
      const packed = bytes[at + group]!
      const scale = d * (packed & 15)
      const min = dmin * (packed >> 4)
      const from = at + 16 + 32 * (group >> 3) + 16 * (group & 1)
      const shift = group & 6
      const to = i + group * 16
      for (let l = 0; l < 16; l++) out[to + l] = scale * ((bytes[from + l]! >> shift) & 3) - min
    }
  }
}

export const decodeQ3_K: Decode = (bytes, offset, count, out) => {
  for (let i = 0, at = offset; i < count; i += 256, at += 110) {
    const d = halfToFloat[half(bytes, at + 108)]!
    for (let group = 0; group < 16; group++) {
      const scale = d * scaleOfQ3_K(bytes, at + 96, group)
      const column = 16 * (group & 1)
      const low = at + 32 + 32 * (group >> 3) + column
      const shift = group & 6
      const to = i + group * 16
      for (let l = 0; l < 16; l++) {
        // A high bit that is missing takes 4 away.
        const high = (bytes[at + column + l]! >> (group >> 1)) & 1
        out[to + l] = scale * (((bytes[low + l]! >> shift) & 3) + 4 * high - 4)
      }
    }
  }
}

export const decodeQ4_K: Decode = (bytes, offset, count, out) => {
  for (let i = 0, at = offset; i < count; i += 256, at += 144) {
    const d = halfToFloat[half(bytes, at)]!
    const dmin = halfToFloat[half(bytes, at + 2)]!
    for (let part = 0; part < 8; part++) {
      const scale = d * scaleOf(bytes, at + 4, part)
      const min = dmin * minOf(bytes, at + 4, part)
      const from = at + 16 + 32 * (part >> 1)
      const shift = (part & 1) * 4
      const to = i + part * 32
      for (let l = 0; l < 32; l++) out[to + l] = scale * ((bytes[from + l]! >> shift) & 15) - min
    }
  }
}

export const decodeQ5_K: Decode = (bytes, offset, count, out) => {
  for (let i = 0, at = offset; i < count; i += 256, at += 176) {
    const d = halfToFloat[half(bytes, at)]!
    const dmin = halfToFloat[half(bytes, at + 2)]!
    for (let part = 0; part < 8; part++) {
      const scale = d * scaleOf(bytes, at + 4, part)
      const min = dmin * minOf(bytes, at + 4, part)
      const from = at + 48 + 32 * (part >> 1)
      const shift = (part & 1) * 4
      const to = i + part * 32
      for (let l = 0; l < 32; l++) {
        const high = (bytes[at + 16 + l]! >> part) & 1
        out[to + l] = scale * (((bytes[from + l]! >> shift) & 15) | (high << 4)) - min
      }
    }
  }
}

export const decodeQ6_K: Decode = (bytes, offset, count, out) => {
  for (let i = 0, at = offset; i < count; i += 256, at += 210) {
    const d = halfToFloat[half(bytes, at + 208)]!
    for (let part = 0; part < 8; part++) {
      const n = part >> 2
      const k = part & 3
      const low = at + 64 * n + 32 * (k & 1)
      const high = at + 128 + 32 * n
      const to = i + part * 32
      for (let l = 0; l < 32; l++) {
        const scale = d * signed(bytes[at + 192 + 2 * part + (l >> 4)]!)
        const q = ((bytes[low + l]! >> (4 * (k >> 1))) & 15) | (((bytes[high + l]! >> (2 * k)) & 3) << 4)
        out[to + l] = scale * (q - 32)
      }
    }
  }
}

export const decodeIQ4_NL: Decode = (bytes, offset, count, out) => {
  for (let i = 0, at = offset; i < count; i += 32, at += 18) {
    decodeCodebook(bytes, at + 2, halfToFloat[half(bytes, at)]!, out, i)
  }
}

export const decodeIQ4_XS: Decode = (bytes, offset, count, out) => {
  for (let i = 0, at = offset; i < count; i += 256, at += 136) {
    const d = halfToFloat[half(bytes, at)]!
    const highBits = half(bytes, at + 2)
    for (let part = 0; part < 8; part++) {
      const low = (bytes[at + 4 + (part >> 1)]! >> (4 * (part & 1))) & 15
      const high = (highBits >> (2 * part)) & 3
      decodeCodebook(bytes, at + 8 + 16 * part, d * ((low | (high << 4)) - 32), out, i + 32 * part)
    }
  }
}

/** The values of IQ4_NL and IQ4_XS, closer together near zero, where most weights are; kvalues_iq4nl of ggml-common.h. */
export const codebook = Int8Array.of(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113)

/** 32 values in the order of Q4_0 from the 16 bytes at `at`, to out[to .. to + 32). */
function decodeCodebook(bytes: Uint8Array, at: number, scale: number, out: Float32Array, to: number): void {
  for (let j = 0; j < 16; j++) {
    const q = bytes[at + j]!
    out[to + j] = scale * codebook[q & 15]!
    out[to + j + 16] = scale * codebook[q >> 4]!
  }
}

/** The signed 6-bit scale of 16 values in the 12 packed bytes of a Q3_K block. */
export function scaleOfQ3_K(bytes: Uint8Array, at: number, group: number): number {
  const low = (bytes[at + (group & 7)]! >> (4 * (group >> 3))) & 15
  const high = (bytes[at + 8 + (group & 3)]! >> (2 * (group >> 2))) & 3
  return (low | (high << 4)) - 32
}

/** The 6-bit scale of sub-block `part` in the 12 packed bytes of a Q4_K or Q5_K block. */
function scaleOf(bytes: Uint8Array, at: number, part: number): number {
  return part < 4
    ? bytes[at + part]! & 63
    : (bytes[at + part + 4]! & 15) | ((bytes[at + part - 4]! >> 6) << 4)
}

/** The 6-bit minimum beside it. */
function minOf(bytes: Uint8Array, at: number, part: number): number {
  return part < 4
    ? bytes[at + part + 4]! & 63
    : (bytes[at + part + 4]! >> 4) | ((bytes[at + part]! >> 6) << 4)
}

function half(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8)
}

function signed(byte: number): number {
  return (byte << 24) >> 24
}
