// Weights of several matrices of a file, in whatever parts they are read.
import assert from 'node:assert/strict'
import type { Checkpoint } from '../../../engine/format/checkpoint'
import { Quantizer } from '../../../engine/model/quantize'
import { weightOf, type StoredSource } from '../../../engine/model/weights'

const live = new AbortController().signal
const cols = 3

// Parts, turns, and rows of the whole: those of `a` are 0 and up, those of `b` 100 and up.
const rows: readonly [string, readonly StoredSource[], number | undefined, readonly number[]][] = [
  ['one below the other', [stored('a', 0, 3), stored('b', 0, 2)], undefined, [0, 1, 2, 100, 101]],
  ['by turns', [stored('a', 0, 6), stored('b', 0, 6)], 2, [0, 1, 100, 101, 2, 3, 102, 103, 4, 5, 104, 105]],
  ['by turns, of other rows', [stored('a', 5, 7), stored('b', 3, 5)], 1, [5, 103, 6, 104]],
  ['one turn', [stored('a', 0, 2), stored('b', 0, 2)], 2, [0, 1, 100, 101]],
]

describe('stacked weights', () => {
  for (const [name, parts, inTurn, expected] of rows) it(name, () => check(parts, inTurn, expected))
})

function stored(tensor: string, from: number, to: number): StoredSource {
  return { kind: 'stored', tensor, rows: [{ from, to }] }
}

async function check(
  parts: readonly StoredSource[],
  inTurn: number | undefined,
  expected: readonly number[],
): Promise<void> {
  const quantizer = new Quantizer('none', 0, [])
  const { spec, read } = weightOf(checkpoint(), 'w', { kind: 'stacked', parts, inTurn }, quantizer, live)
  assert.deepEqual([spec.rows, spec.cols], [expected.length, cols])
  const stride = cols * 4
  for (let from = 0; from < expected.length; from++) {
    for (let to = from + 1; to <= expected.length; to++) {
      const memory = new Uint8Array(expected.length * stride).fill(7)
      const bytes = await read(from * stride, (to - from) * stride, memory)
      assert.deepEqual(valuesOf(bytes), expected.slice(from, to).flatMap(rowOf), `rows ${from} to ${to}`)
      assert.deepEqual(await read(from * stride, (to - from) * stride), bytes)
    }
  }
}

function valuesOf(bytes: Uint8Array): number[] {
  return [...new Float32Array(bytes.slice().buffer)]
}

function rowOf(row: number): number[] {
  return Array.from({ length: cols }, (_, col) => row + col / 4)
}

function checkpoint(): Checkpoint {
  const values = new Map(
    [0, 100].map((first, i) => {
      const all = Array.from({ length: 8 }, (_, row) => rowOf(first + row)).flat()
      return ['ab'.charAt(i), new Uint8Array(new Float32Array(all).buffer)] as const
    }),
  )
  return {
    path: 'two matrices',
    layout: 'gguf',
    metadata: new Map(),
    tensors: new Map(
      [...values].map(([name, { length }]) => [name, { name, type: 'f32', shape: [8, cols], bytes: length }]),
    ),
    read: (tensor, offset, length) =>
      Promise.resolve(values.get(tensor)?.subarray(offset, offset + length) ?? new Uint8Array()),
    close: () => Promise.resolve(),
  }
}
