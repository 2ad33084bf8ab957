// Weights arrive in order and whole, however large a row is, and in memory that is used again.
import assert from 'node:assert/strict'
import type { ReadBytes, WeightSpec } from '../../../engine/backend/backend'
import { PartReader } from '../../../engine/backend/part-reader'
import { rowBytes } from '../../../engine/backend/quants/table'

const mebibyte = 1 << 20

interface Case {
  readonly name: string
  readonly spec: Pick<WeightSpec, 'type' | 'rows' | 'cols'>
  readonly from?: number
  readonly step?: number
  /** Rows of each part. */
  readonly parts: readonly number[]
}

const cases: readonly Case[] = [
  { name: 'a vector', spec: { type: 'f32', rows: 1, cols: 5 }, parts: [1] },
  { name: 'less than a part', spec: { type: 'q8_0', rows: 7, cols: 32 }, parts: [7] },
  { name: 'exactly two parts', spec: { type: 'f32', rows: 512, cols: 1024 }, parts: [256, 256] },
  { name: 'a rest', spec: { type: 'f32', rows: 600, cols: 1024 }, parts: [256, 256, 88] },
  { name: 'the end alone', spec: { type: 'f32', rows: 600, cols: 1024 }, from: 500, parts: [100] },
  { name: 'rows of half a part', spec: { type: 'f32', rows: 5, cols: 131072 }, parts: [2, 2, 1] },
  { name: 'rows of more than a part', spec: { type: 'f32', rows: 3, cols: 300000 }, parts: [1, 1, 1] },
  {
    name: 'in pairs, larger than a part',
    spec: { type: 'f32', rows: 5, cols: 262144 },
    step: 2,
    parts: [2, 2, 1],
  },
  {
    name: 'an odd number, in pairs',
    spec: { type: 'f32', rows: 900, cols: 3000 },
    step: 2,
    parts: rest(86, 900),
  },
]

describe('part reader', () => {
  for (const { name, spec, from = 0, step, parts } of cases) {
    it(name, async () => {
      const weight = { label: name, ...spec }
      const file = bytesOf(spec.rows * rowBytes(spec.type, spec.cols))
      const reader = new PartReader()
      const found: number[] = []
      const places = new Set<ArrayBufferLike>()
      for (let turn = 0; turn < 2; turn++) {
        const range = { from, to: spec.rows, ...(step === undefined ? {} : { step }) }
        let row = from
        found.length = 0
        for await (const part of reader.parts(weight, fileOf(file), range)) {
          assert.equal(part.firstRow, row)
          const start = row * rowBytes(spec.type, spec.cols)
          const expected = file.subarray(start, start + part.bytes.length)
          // Only now the next part is being read, to another place.
          await new Promise((resolve) => setImmediate(resolve))
          assert.ok(Buffer.from(part.bytes).equals(expected))
          found.push(part.rows)
          places.add(part.bytes.buffer)
          row += part.rows
        }
        assert.equal(row, spec.rows)
      }
      assert.deepEqual(found, parts)
      assert.ok(places.size <= 2)
    })
  }

  it('ends with the error of a read, and goes on with the next weight', async () => {
    const reader = new PartReader()
    const spec: WeightSpec = { label: 'w', type: 'f32', rows: 600, cols: 1024 }
    const file = bytesOf(600 * 4096)
    const broken: ReadBytes = (offset, ...rest) =>
      offset >= mebibyte ? Promise.reject(new Error('cut off')) : fileOf(file)(offset, ...rest)
    const rows: number[] = []
    const readAll = async (read: ReadBytes): Promise<void> => {
      for await (const part of reader.parts(spec, read, { from: 0, to: 600 })) rows.push(part.rows)
    }
    await assert.rejects(readAll(broken), /cut off/)
    await readAll(fileOf(file))
    assert.deepEqual(rows, [256, 256, 256, 88])
  })

  it('waits for a read that nobody wants any more', async () => {
    const reader = new PartReader()
    const spec: WeightSpec = { label: 'w', type: 'f32', rows: 600, cols: 1024 }
    const file = fileOf(bytesOf(600 * 4096))
    let reading = 0
    const slow: ReadBytes = async (...part) => {
      reading++
      await new Promise((resolve) => setTimeout(resolve, 20))
      reading--
      return file(...part)
    }
    for await (const part of reader.parts(spec, slow, { from: 0, to: 600 })) if (part.rows > 0) break
    assert.equal(reading, 0)
  })
})

function bytesOf(length: number): Buffer {
  const bytes = Buffer.alloc(length)
  for (let i = 0; i < length; i++) bytes[i] = i * 31 + (i >> 8)
  return bytes
}

/** Reads as a file does: into the place that is offered. */
function fileOf(file: Buffer): ReadBytes {
  return async (offset, length, into) => {
    await Promise.resolve()
    const bytes = into?.subarray(0, length) ?? new Uint8Array(length)
    bytes.set(file.subarray(offset, offset + length))
    return bytes
  }
}

function rest(part: number, rows: number): number[] {
  const parts = Array.from({ length: Math.floor(rows / part) }, () => part)
  return rows % part === 0 ? parts : [...parts, rows % part]
}
