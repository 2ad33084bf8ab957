// Decoders and encoders against gguf-py on the same bytes and values. The fixtures come from test/fixtures/make-quants.py.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { encodeQ4_0, encodeQ8_0 } from '../../../engine/backend/quants/encode'
import { quants } from '../../../engine/backend/quants/table'
import { byteLength, tensorTypes, type TensorType } from '../../../engine/format/ggml-types'

const fixture = JSON.parse(readFileSync('test/fixtures/quants.json', 'utf8')) as Record<
  TensorType,
  { bytes: string; values: string }
>

const quantized = JSON.parse(readFileSync('test/fixtures/quantized.json', 'utf8')) as Record<
  'values' | 'q8_0' | 'q4_0',
  string
>

describe('quants', () => {
  for (const type of Object.keys(tensorTypes) as TensorType[]) {
    it(`${type} equals gguf-py`, () => check(type, 0))
    it(`${type} from an odd address`, () => check(type, 1))
  }

  for (const [type, encode] of [
    ['q8_0', encodeQ8_0],
    ['q4_0', encodeQ4_0],
  ] as const) {
    it(`floats to ${type} bit for bit as gguf-py`, () => {
      const values = new Float32Array(new Uint8Array(Buffer.from(quantized.values, 'base64')).buffer)
      const expected = Buffer.from(quantized[type], 'base64')
      const got = new Uint8Array(3 + byteLength(type, values.length))
      encode(values, values.length, got, 3)
      assert.deepEqual(got.subarray(3), new Uint8Array(expected))
    })
  }
})

function check(type: TensorType, shift: number): void {
  const packed = Buffer.from(fixture[type].bytes, 'base64')
  const bytes = new Uint8Array(packed.length + 3)
  bytes.set(packed, shift + 2)
  const expected = new Float32Array(new Uint8Array(Buffer.from(fixture[type].values, 'base64')).buffer)
  const got = new Float32Array(expected.length)
  quants[type].decode(bytes.subarray(shift), 2, expected.length, got)
  // gguf-py rounds to float32 after each of up to three operations, we once at the end.
  for (const [i, value] of expected.entries()) {
    const allowed = Math.abs(value) * 2 ** -22 + 2 ** -24
    assert.ok(Math.abs((got[i] ?? NaN) - value) <= allowed, `value ${i} is ${got[i]} instead of ${value}`)
  }
  assert.ok(expected.some((value) => value !== 0))
}
