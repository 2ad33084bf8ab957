// Rearranges file blocks for the GPU: quants in one plane of 16-byte words, scales in another, so that every load is aligned.
// Blocks of 18, 22, 34 and 210 bytes would put every other block on a half-word, which WGSL cannot address.
import { scaleOfQ3_K } from './decode'

/** Two planes of one matrix or of a run of its rows. `scales` is empty for types without blocks. */
export interface Planes {
  quants: Uint32Array
  scales: Uint32Array
}

/** Fills the planes from `blocks` consecutive blocks that start at byte 0. */
export type Pack = (bytes: Uint8Array, blocks: number, planes: Planes) => void

/** f32, f16 and bf16 have no blocks: `blocks` is the number of words, and rows are already padded to whole chunks. */
export const packPlain: Pack = (bytes, blocks, { quants }) => {
  new Uint8Array(quants.buffer, quants.byteOffset, blocks * 4).set(bytes.subarray(0, blocks * 4))
}

// Plane sizes are rows of the table in table.ts; each chunk of 32 values has its own quants, in the order of Q4_0:
// value i < 16 in the low nibble of byte i, value i + 16 in its high nibble.

export const packQ4_0: Pack = (bytes, blocks, planes) => packHalves(bytes, blocks, 4, planes)

export const packQ4_1: Pack = (bytes, blocks, { quants, scales }) => {
  for (let b = 0, at = 0; b < blocks; b++, at += 20) {
    scales[b] = word(bytes, at)
    copyWords(bytes, at + 4, quants, b * 4, 4)
  }
}

export const packQ5_0: Pack = (bytes, blocks, { quants, scales }) => {
  for (let b = 0, at = 0; b < blocks; b++, at += 22) {
    scales[b * 2] = half(bytes, at)
    scales[b * 2 + 1] = word(bytes, at + 2)
    copyWords(bytes, at + 6, quants, b * 4, 4)
  }
}

export const packQ5_1: Pack = (bytes, blocks, { quants, scales }) => {
  for (let b = 0, at = 0; b < blocks; b++, at += 24) {
    scales[b * 2] = word(bytes, at)
    scales[b * 2 + 1] = word(bytes, at + 4)
    copyWords(bytes, at + 8, quants, b * 4, 4)
  }
}

export const packQ8_0: Pack = (bytes, blocks, planes) => packHalves(bytes, blocks, 8, planes)

export const packQ2_K: Pack = (bytes, blocks, { quants, scales }) => {
  for (let b = 0, at = 0; b < blocks; b++, at += 84) {
    scales[b * 5] = word(bytes, at + 80)
    copyWords(bytes, at, scales, b * 5 + 1, 4)
    for (let part = 0; part < 8; part++) {
      gatherPairs(bytes, at + 16 + 32 * (part >> 2), part & 3, quants, b * 16 + part * 2)
    }
  }
}

export const packQ3_K: Pack = (bytes, blocks, { quants, scales }) => {
  const signedScales = new Int8Array(scales.buffer, scales.byteOffset, scales.length * 4)
  for (let b = 0, at = 0; b < blocks; b++, at += 110) {
    const block = b * 13
    scales[block] = half(bytes, at + 108)
    for (let group = 0; group < 16; group++) {
      signedScales[(block + 1) * 4 + group] = scaleOfQ3_K(bytes, at + 96, group)
    }
    gatherBits(bytes, at, scales, block + 5)
    for (let part = 0; part < 8; part++) {
      gatherPairs(bytes, at + 32 + 32 * (part >> 2), part & 3, quants, b * 16 + part * 2)
    }
  }
}

export const packQ4_K: Pack = (bytes, blocks, { quants, scales }) => {
  for (let b = 0, at = 0; b < blocks; b++, at += 144) {
    copyWords(bytes, at, scales, b * 4, 4)
    for (let pair = 0; pair < 4; pair++) splitNibbles(bytes, at + 16 + 32 * pair, quants, b * 32 + pair * 8)
  }
}

export const packQ5_K: Pack = (bytes, blocks, { quants, scales }) => {
  for (let b = 0, at = 0; b < blocks; b++, at += 176) {
    copyWords(bytes, at, scales, b * 12, 4)
    gatherBits(bytes, at + 16, scales, b * 12 + 4)
    for (let pair = 0; pair < 4; pair++) splitNibbles(bytes, at + 48 + 32 * pair, quants, b * 32 + pair * 8)
  }
}

export const packQ6_K: Pack = (bytes, blocks, { quants, scales }) => {
  for (let b = 0, at = 0; b < blocks; b++, at += 210) {
    for (let part = 0; part < 8; part++) {
      const n = part >> 2
      const k = part & 3
      const low = at + 64 * n + 32 * (k & 1)
      const high = at + 128 + 32 * n
      const shift = 4 * (k >> 1)
      for (let w = 0; w < 4; w++) {
        let bits = 0
        for (let l = 0; l < 4; l++) {
          const first = (bytes[low + 4 * w + l]! >> shift) & 15
          const second = (bytes[low + 16 + 4 * w + l]! >> shift) & 15
          bits |= (first | (second << 4)) << (8 * l)
        }
        quants[b * 32 + part * 4 + w] = bits
      }
      gatherPairs(bytes, high, k, scales, b * 24 + part * 3)
      const two = half(bytes, at + 192 + 2 * part)
      scales[b * 24 + part * 3 + 2] = two | (half(bytes, at + 208) << 16)
    }
  }
}

export const packIQ4_XS: Pack = (bytes, blocks, { quants, scales }) => {
  for (let b = 0, at = 0; b < blocks; b++, at += 136) {
    copyWords(bytes, at, scales, b * 2, 2)
    copyWords(bytes, at + 8, quants, b * 32, 32)
  }
}

// Blocks of one half-float scale and so many words of quants. Read by half-words, which is twice as fast as by bytes.
function packHalves(bytes: Uint8Array, blocks: number, words: number, { quants, scales }: Planes): void {
  const aligned = bytes.byteOffset % 2 === 0 ? bytes : bytes.slice()
  const from = new Uint16Array(aligned.buffer, aligned.byteOffset, blocks * (1 + 2 * words))
  const halves = new Uint16Array(scales.buffer, scales.byteOffset, scales.length * 2)
  for (let b = 0, at = 0, to = 0; b < blocks; b++) {
    halves[b] = from[at++]!
    for (let i = 0; i < words; i++, at += 2) quants[to++] = from[at]! | (from[at + 1]! << 16)
  }
  // Two share a word.
  if (blocks % 2 === 1) halves[blocks] = 0
}

/** Bit `part` of 32 bytes becomes bit l of word `part`: each chunk finds its 32 high bits in one word. */
function gatherBits(bytes: Uint8Array, at: number, to: Uint32Array, index: number): void {
  for (let part = 0; part < 8; part++) {
    let bits = 0
    for (let l = 0; l < 32; l++) bits |= ((bytes[at + l]! >> part) & 1) << l
    to[index + part] = bits
  }
}

/** Bit pair `pair` of 32 bytes in two words: four values to a byte in the order of the values, so a byte serves one vec4. */
function gatherPairs(bytes: Uint8Array, at: number, pair: number, to: Uint32Array, index: number): void {
  for (let w = 0; w < 2; w++) {
    let bits = 0
    for (let l = 0; l < 16; l++) bits |= ((bytes[at + 16 * w + l]! >> (2 * pair)) & 3) << (2 * l)
    to[index + w] = bits
  }
}

/** 32 bytes whose low nibbles are one chunk and whose high nibbles are the next, as two chunks in Q4_0's order. */
function splitNibbles(bytes: Uint8Array, at: number, quants: Uint32Array, to: number): void {
  for (let w = 0; w < 4; w++) {
    const first = word(bytes, at + 4 * w)
    const second = word(bytes, at + 16 + 4 * w)
    quants[to + w] = (first & 0x0f0f0f0f) | ((second & 0x0f0f0f0f) << 4)
    quants[to + 4 + w] = ((first >>> 4) & 0x0f0f0f0f) | (second & 0xf0f0f0f0)
  }
}

function copyWords(bytes: Uint8Array, at: number, to: Uint32Array, index: number, count: number): void {
  for (let i = 0; i < count; i++) to[index + i] = word(bytes, at + 4 * i)
}

function word(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
}

function half(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8)
}
