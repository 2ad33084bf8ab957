// The least GGUF reader that the oracle needs: numbers and f32, f16 and bf16 tensors of a trusted file, all as float64.
import { readFileSync } from 'node:fs'

export interface GgufFile {
  /** Numbers and strings; arrays and booleans are skipped over. */
  readonly metadata: ReadonlyMap<string, number | string>
  readonly tensors: ReadonlyMap<string, Tensor>
}

export interface Tensor {
  /** Outermost dimension first. */
  readonly shape: readonly number[]
  readonly values: Float64Array
}

/** Throws for quantized tensors: the oracle takes weights as they are. */
export function readGguf(path: string): GgufFile {
  const file = readFileSync(path)
  let at = 4
  const u32 = (): number => file.readUInt32LE((at += 4) - 4)
  const u64 = (): number => Number(file.readBigUInt64LE((at += 8) - 8))
  const text = (): string => {
    const length = u64()
    return file.toString('utf8', at, (at += length))
  }
  const skip = (bytes: number): undefined => {
    at += bytes
    return undefined
  }
  const value = (type: number): number | string | undefined => {
    switch (type) {
      case 4:
        return u32()
      case 6:
        return file.readFloatLE((at += 4) - 4)
      case 7:
        return skip(1)
      case 8:
        return text()
      case 5:
        return skip(4)
      case 9: {
        const element = u32()
        for (let count = u64(); count > 0; count--) value(element)
        return undefined
      }
      default:
        throw new Error(`${path}: metadata type ${type}`)
    }
  }

  if (u32() !== 3) throw new Error(`${path}: only GGUF version 3`)
  const tensorCount = u64()
  const metadataCount = u64()
  const metadata = new Map<string, number | string>()
  for (let i = 0; i < metadataCount; i++) {
    const key = text()
    const found = value(u32())
    if (found !== undefined) metadata.set(key, found)
  }
  const infos = Array.from({ length: tensorCount }, () => {
    const name = text()
    const shape = Array.from({ length: u32() }, u64).reverse()
    return { name, shape, type: u32(), offset: u64() }
  })
  const dataStart = Math.ceil(at / 32) * 32
  const tensors = new Map<string, Tensor>()
  for (const { name, shape, type, offset } of infos) {
    const read = elementReaders[type]
    if (!read) throw new Error(`${path}: ${name} has type ${type}`)
    const count = shape.reduce((product, extent) => product * extent, 1)
    const values = Float64Array.from({ length: count }, (_, i) => read(file, dataStart + offset, i))
    tensors.set(name, { shape, values })
  }
  return { metadata, tensors }
}

const elementReaders: Record<number, (file: Buffer, start: number, index: number) => number> = {
  0: (file, start, i) => file.readFloatLE(start + 4 * i),
  1: (file, start, i) => halfToNumber(file.readUInt16LE(start + 2 * i)),
  // A bfloat16 is the upper half of a float32.
  30: (file, start, i) => {
    const wide = Buffer.alloc(4)
    wide.writeUInt16LE(file.readUInt16LE(start + 2 * i), 2)
    return wide.readFloatLE(0)
  },
}

// IEEE 754 binary16: 1 sign bit, 5 of exponent with bias 15, 10 of mantissa.
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 31
  const mantissa = bits & 1023
  if (exponent === 31) return mantissa ? NaN : sign * Infinity
  return exponent === 0 ? sign * mantissa * 2 ** -24 : sign * (1 + mantissa / 1024) * 2 ** (exponent - 15)
}
