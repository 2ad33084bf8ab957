// Readers of the GGML block formats that keep quants, scales and minimums apart. Layouts from ggml-common.h's block structs.
import { codebook, scaleOfQ3_K } from '../quants/decode'
import { halfToFloat } from '../quants/half'

/** What the blocks of 32 columns hold; a file's block of 256 fills eight of them. */
export interface Blocks {
  /** As the layout wants them, 32 to a block. */
  readonly quants: Int8Array
  /** Two to a block; both are the same where all 32 columns share a scale. */
  readonly scales: Float32Array
  /** One to a block. */
  readonly minimums: Float32Array
}

/** Reads one block of the file at byte `at` to block 0 and on. */
export type ReadBlock = (bytes: Uint8Array, at: number, to: Blocks) => void

export const readQ4_0: ReadBlock = (bytes, at, to) => {
  share(to, 0, float(bytes, at), 0)
  for (let i = 0; i < 16; i++) {
    const q = bytes[at + 2 + i]!
    to.quants[i] = q & 15
    to.quants[i + 16] = q >> 4
  }
}

export const readQ4_1: ReadBlock = (bytes, at, to) => {
  share(to, 0, float(bytes, at), float(bytes, at + 2))
  for (let i = 0; i < 16; i++) {
    const q = bytes[at + 4 + i]!
    to.quants[i] = q & 15
    to.quants[i + 16] = q >> 4
  }
}

export const readQ5_0: ReadBlock = (bytes, at, to) => {
  share(to, 0, float(bytes, at), 0)
  readFiveBits(bytes, at + 2, 16, to.quants)
}

export const readQ5_1: ReadBlock = (bytes, at, to) => {
  share(to, 0, float(bytes, at), float(bytes, at + 2))
  readFiveBits(bytes, at + 4, 0, to.quants)
}

export const readQ8_0: ReadBlock = (bytes, at, to) => {
  share(to, 0, float(bytes, at), 0)
  for (let i = 0; i < 32; i++) to.quants[i] = bytes[at + 2 + i]!
}

export const readQ3_K: ReadBlock = (bytes, at, to) => {
  const d = float(bytes, at + 108)
  for (let group = 0; group < 16; group++) {
    to.scales[group] = d * scaleOfQ3_K(bytes, at + 96, group)
    const column = 16 * (group & 1)
    const low = at + 32 + 32 * (group >> 3) + column
    for (let i = 0; i < 16; i++) {
      const high = (bytes[at + column + i]! >> (group >> 1)) & 1
      to.quants[group * 16 + i] = ((bytes[low + i]! >> (group & 6)) & 3) + 4 * high - 4
    }
  }
}

export const readIQ4_NL: ReadBlock = (bytes, at, to) => {
  share(to, 0, float(bytes, at), 0)
  readCodes(bytes, at + 2, to.quants, 0)
}

export const readIQ4_XS: ReadBlock = (bytes, at, to) => {
  const d = float(bytes, at)
  const highBits = half(bytes, at + 2)
  for (let part = 0; part < 8; part++) {
    const low = (bytes[at + 4 + (part >> 1)]! >> (4 * (part & 1))) & 15
    const high = (highBits >> (2 * part)) & 3
    share(to, part, d * ((low | (high << 4)) - 32), 0)
    readCodes(bytes, at + 8 + 16 * part, to.quants, 32 * part)
  }
}

export const readQ4_K: ReadBlock = (bytes, at, to) => {
  readScales(bytes, at, to)
  for (let part = 0; part < 8; part++) {
    const from = at + 16 + 32 * (part >> 1)
    const shift = (part & 1) * 4
    for (let i = 0; i < 32; i++) to.quants[part * 32 + i] = (bytes[from + i]! >> shift) & 15
  }
}

export const readQ5_K: ReadBlock = (bytes, at, to) => {
  readScales(bytes, at, to)
  for (let part = 0; part < 8; part++) {
    const from = at + 48 + 32 * (part >> 1)
    const shift = (part & 1) * 4
    for (let i = 0; i < 32; i++) {
      const high = (bytes[at + 16 + i]! >> part) & 1
      to.quants[part * 32 + i] = ((bytes[from + i]! >> shift) & 15) | (high << 4)
    }
  }
}

export const readQ6_K: ReadBlock = (bytes, at, to) => {
  const d = float(bytes, at + 208)
  for (let part = 0; part < 8; part++) {
    const low = at + 64 * (part >> 2) + 32 * (part & 1)
    const high = at + 128 + 32 * (part >> 2)
    const shift = 2 * (part & 3)
    for (let i = 0; i < 32; i++) {
      const q = ((bytes[low + i]! >> (4 * ((part >> 1) & 1))) & 15) | (((bytes[high + i]! >> shift) & 3) << 4)
      to.quants[part * 32 + i] = q - 32
    }
    for (let i = 2 * part; i < 2 * part + 2; i++) to.scales[i] = d * ((bytes[at + 192 + i]! << 24) >> 24)
  }
}

function readCodes(bytes: Uint8Array, at: number, quants: Int8Array, to: number): void {
  for (let i = 0; i < 16; i++) {
    const q = bytes[at + i]!
    quants[to + i] = codebook[q & 15]!
    quants[to + i + 16] = codebook[q >> 4]!
  }
}

function readFiveBits(bytes: Uint8Array, at: number, center: number, quants: Int8Array): void {
  const high = half(bytes, at) | (half(bytes, at + 2) << 16)
  for (let i = 0; i < 16; i++) {
    const q = bytes[at + 4 + i]!
    quants[i] = ((q & 15) | (((high >>> i) & 1) << 4)) - center
    quants[i + 16] = ((q >> 4) | (((high >>> (i + 16)) & 1) << 4)) - center
  }
}

// Q4_K and Q5_K: 6-bit scales and minimums of 8 parts in 12 bytes, behind the two numbers they are multiplied by.
function readScales(bytes: Uint8Array, at: number, to: Blocks): void {
  const d = float(bytes, at)
  const dmin = float(bytes, at + 2)
  const s = at + 4
  for (let i = 0; i < 4; i++) {
    const scaleByte = bytes[s + i]!
    const minimumByte = bytes[s + 4 + i]!
    const highByte = bytes[s + 8 + i]!
    share(to, i, d * (scaleByte & 63), -dmin * (minimumByte & 63))
    const scale = (highByte & 15) | ((scaleByte >> 6) << 4)
    const minimum = (highByte >> 4) | ((minimumByte >> 6) << 4)
    share(to, i + 4, d * scale, -dmin * minimum)
  }
}

function share({ scales, minimums }: Blocks, block: number, scale: number, minimum: number): void {
  scales[2 * block] = scale
  scales[2 * block + 1] = scale
  minimums[block] = minimum
}

function float(bytes: Uint8Array, at: number): number {
  return halfToFloat[half(bytes, at)]!
}

function half(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8)
}
