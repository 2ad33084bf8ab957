// Rewrites a GGUF file with all weights as f32 of the same value. llama.cpp rounds the *activations* of a quantized product to
// 8 bits; on the twin it does not, so what is left of a difference is the model's and not that shortcut's.
// Shares no code with the engine, whose reader and decoders are under test here too.
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'

interface Info {
  name: string
  /** As in the file: innermost first. */
  dims: number[]
  type: number
  offset: number
}

const f32 = 0
const alignment = 32

/** Throws for tensor types that the default model has not. */
export function writeF32Twin(from: string, to: string): void {
  const file = readFileSync(from)
  const { tensors, tensorsAt, dataAt } = readLayout(file)
  const out = openSync(to, 'w')
  try {
    // Magic, version, counts and metadata stay as they are.
    const head: Buffer[] = [file.subarray(0, tensorsAt)]
    let offset = 0
    for (const { name, dims } of tensors) {
      head.push(tensorInfo(name, dims, offset))
      offset = align(offset + 4 * product(dims))
    }
    const header = Buffer.concat(head)
    writeSync(out, header)
    writeSync(out, Buffer.alloc(align(header.length) - header.length))
    for (const { name, dims, type, offset: start } of tensors) {
      const decode = decoders[type]
      if (decode === undefined) throw new Error(`${name} has type ${type}`)
      const count = product(dims)
      const values = new Float32Array(count)
      decode(file.subarray(dataAt + start), values)
      const bytes = Buffer.from(values.buffer)
      writeSync(out, bytes)
      writeSync(out, Buffer.alloc(align(bytes.length) - bytes.length))
    }
  } finally {
    closeSync(out)
  }
}

// Block layouts of ggml-common.h: f32; block_q4_1 {half d, m; 16 bytes}, low nibbles first; block_q8_0 {half d; 32 signed bytes}.
const decoders: Readonly<Record<number, (bytes: Buffer, out: Float32Array) => void>> = {
  0: (bytes, out) => {
    for (let i = 0; i < out.length; i++) out[i] = bytes.readFloatLE(4 * i)
  },
  3: (bytes, out) => {
    for (let block = 0; block < out.length / 32; block++) {
      const at = 20 * block
      const scale = half(bytes.readUInt16LE(at))
      const low = half(bytes.readUInt16LE(at + 2))
      for (let i = 0; i < 16; i++) {
        const pair = bytes.readUInt8(at + 4 + i)
        out[32 * block + i] = (pair & 15) * scale + low
        out[32 * block + 16 + i] = (pair >> 4) * scale + low
      }
    }
  },
  8: (bytes, out) => {
    for (let block = 0; block < out.length / 32; block++) {
      const at = 34 * block
      const scale = half(bytes.readUInt16LE(at))
      for (let i = 0; i < 32; i++) out[32 * block + i] = bytes.readInt8(at + 2 + i) * scale
    }
  },
}

function readLayout(file: Buffer): { tensors: Info[]; tensorsAt: number; dataAt: number } {
  let at = 8
  const u32 = (): number => file.readUInt32LE((at += 4) - 4)
  const u64 = (): number => Number(file.readBigUInt64LE((at += 8) - 8))
  const text = (): string => {
    const length = u64()
    return file.toString('utf8', at, (at += length))
  }
  // Bytes of the fixed-size metadata types, by number.
  const sizes: Readonly<Record<number, number>> = {
    0: 1,
    1: 1,
    2: 2,
    3: 2,
    4: 4,
    5: 4,
    6: 4,
    7: 1,
    10: 8,
    11: 8,
    12: 8,
  }
  const skip = (type: number): void => {
    if (type === 8) text()
    else if (type === 9) {
      const element = u32()
      for (let left = u64(); left > 0; left--) skip(element)
    } else at += sizes[type] ?? Number.NaN
  }
  const tensorCount = u64()
  for (let left = u64(); left > 0; left--) {
    text()
    skip(u32())
  }
  const tensorsAt = at
  const tensors = Array.from({ length: tensorCount }, () => {
    const name = text()
    const dims = Array.from({ length: u32() }, u64)
    return { name, dims, type: u32(), offset: u64() }
  })
  return { tensors, tensorsAt, dataAt: align(at) }
}

function tensorInfo(name: string, dims: readonly number[], offset: number): Buffer {
  const label = Buffer.from(name)
  const info = Buffer.alloc(8 + label.length + 4 + 8 * dims.length + 4 + 8)
  info.writeBigUInt64LE(BigInt(label.length), 0)
  label.copy(info, 8)
  let at = info.writeUInt32LE(dims.length, 8 + label.length)
  for (const dim of dims) at = info.writeBigUInt64LE(BigInt(dim), at)
  at = info.writeUInt32LE(f32, at)
  info.writeBigUInt64LE(BigInt(offset), at)
  return info
}

// IEEE 754 binary16: 1 sign bit, 5 of exponent with bias 15, 10 of mantissa.
function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 31
  const mantissa = bits & 1023
  return exponent === 0 ? sign * mantissa * 2 ** -24 : sign * (1 + mantissa / 1024) * 2 ** (exponent - 15)
}

function align(position: number): number {
  return Math.ceil(position / alignment) * alignment
}

function product(dims: readonly number[]): number {
  return dims.reduce((total, dim) => total * dim, 1)
}
