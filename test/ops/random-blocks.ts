// Random weights in every file format: random bytes everywhere, and scales that are ordinary numbers.
import { byteLength, tensorTypes, type TensorType } from '../../engine/format/ggml-types'

/** Where the half-float scales of a block lie. */
const scalesAt: Partial<Record<TensorType, readonly number[]>> = {
  q4_0: [0],
  q4_1: [0, 2],
  q5_0: [0],
  q5_1: [0, 2],
  q8_0: [0],
  q2_k: [80, 82],
  q3_k: [108],
  q4_k: [0, 2],
  q5_k: [0, 2],
  q6_k: [208],
  iq4_nl: [0],
  iq4_xs: [0],
}

/** A small generator, so that a failing case fails again. */
export function makeRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

export function randomWeight(type: TensorType, rows: number, cols: number, seed: number): Uint8Array {
  const random = makeRandom(seed)
  const bytes = new Uint8Array(byteLength(type, rows * cols))
  const view = new DataView(bytes.buffer)
  if (type === 'f32') {
    for (let at = 0; at < bytes.length; at += 4) view.setFloat32(at, random() * 2 - 1, true)
    return bytes
  }
  if (type === 'f16' || type === 'bf16') {
    for (let at = 0; at < bytes.length; at += 2) {
      view.setUint16(at, type === 'f16' ? randomHalf(random, 10) : randomBf16(random), true)
    }
    return bytes
  }
  for (let at = 0; at < bytes.length; at++) bytes[at] = Math.floor(random() * 256)
  const block = tensorTypes[type].bytes
  for (let at = 0; at < bytes.length; at += block) {
    for (const offset of scalesAt[type] ?? []) view.setUint16(at + offset, randomHalf(random, 7), true)
  }
  return bytes
}

/** Values of float32, each 32 of them the nearest multiples of a 127th of the largest. */
export function roundedTo8Bits(bytes: Uint8Array): Uint8Array {
  const values = new Float32Array(bytes.slice().buffer)
  for (let at = 0; at < values.length; at += 32) {
    const block = values.subarray(at, at + 32)
    const unit = Math.max(...block.map(Math.abs)) / 127
    block.forEach((value, i) => (block[i] = Math.round(value / unit) * unit))
  }
  return new Uint8Array(values.buffer)
}

// A half float of either sign between 2^(exponent - 15) and 8 times that.
function randomHalf(random: () => number, exponent: number): number {
  const sign = random() < 0.5 ? 0 : 0x8000
  return sign | ((exponent + Math.floor(random() * 3)) << 10) | Math.floor(random() * 1024)
}

function randomBf16(random: () => number): number {
  const sign = random() < 0.5 ? 0 : 0x8000
  return sign | ((122 + Math.floor(random() * 5)) << 7) | Math.floor(random() * 128)
}
