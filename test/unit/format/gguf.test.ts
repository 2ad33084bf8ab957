// The GGUF reader: what it reads equals what was written, and whatever is wrong with a file gives one clear error.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { memorySource, type ByteSource } from '../../../engine/format/byte-source'
import type { MetadataValue } from '../../../engine/format/checkpoint'
import { limits, readGguf } from '../../../engine/format/gguf'
import { EngineError } from '../../../engine/protocol/errors'
import { writeGguf, type GgufInput, type TypedValue } from '../../helpers/gguf-writer'

const small: GgufInput = {
  metadata: {
    'general.architecture': 'llama',
    'llama.block_count': 2,
    'llama.scale': 0.5,
    flag: true,
    tokens: ['a', 'bé', ''],
    scores: Float32Array.of(0, -1.5),
    types: Int32Array.of(1, 3),
  },
  tensors: [
    { name: 'a', type: 'f32', shape: [2, 3], data: new Uint8Array(24).fill(1) },
    { name: 'b', type: 'q4_0', shape: [3, 2, 32], data: new Uint8Array(108).fill(2) },
  ],
}

describe('GGUF reader: whole files', () => {
  for (const version of [2, 3]) {
    it(`reads metadata and tensors of version ${version}`, async () => {
      const bytes = writeGguf({ ...small, version })
      const gguf = await readGguf(memorySource(bytes))
      assert.equal(gguf.version, version)
      assert.deepEqual(
        [...gguf.metadata],
        [
          ['general.architecture', 'llama'],
          ['llama.block_count', 2],
          ['llama.scale', 0.5],
          ['flag', true],
          ['tokens', ['a', 'bé', '']],
          ['scores', Float32Array.of(0, -1.5)],
          ['types', Int32Array.of(1, 3)],
        ],
      )
      const start = gguf.dataStart
      assert.equal(start % 32, 0)
      assert.deepEqual(
        [...gguf.tensors.values()],
        [
          { name: 'a', type: 'f32', shape: [2, 3], bytes: 24, offset: start },
          { name: 'b', type: 'q4_0', shape: [3, 2, 32], bytes: 108, offset: start + 32 },
        ],
      )
      assert.deepEqual(bytes.slice(start + 32, start + 140), new Uint8Array(108).fill(2))
    })
  }

  it('aligns to general.alignment', async () => {
    const gguf = await readGguf(memorySource(writeGguf({ ...small, metadata: { 'general.alignment': 256 } })))
    assert.equal(gguf.dataStart % 256, 0)
    assert.equal(gguf.tensors.get('b')?.offset, gguf.dataStart + 256)
  })

  it('gives 64-bit numbers as doubles where they fit, else as bigint', async () => {
    const big = 2n ** 63n
    const gguf = await readGguf(
      memorySource(
        writeGguf({
          metadata: {
            small: 5n,
            big,
            negative: { type: 'i64', value: -(2n ** 62n) },
            list: { type: 'array', of: 'u64', values: [1n, big] },
          },
        }),
      ),
    )
    assert.deepEqual(Object.fromEntries(gguf.metadata), {
      small: 5,
      big,
      negative: -(2n ** 62n),
      list: [1, big],
    })
  })

  it('equals what was written, for any metadata', async () => {
    await fc.assert(
      fc.asyncProperty(fc.dictionary(fc.string({ minLength: 1 }), value), async (metadata) => {
        const written = Object.entries(metadata)
        const gguf = await readGguf(memorySource(writeGguf({ entries: written })))
        assert.deepEqual(
          [...gguf.metadata],
          written.map(([key, item]) => [key, expected(item)]),
        )
      }),
      { numRuns: 200 },
    )
  })

  it('reads across the window of read-ahead', async () => {
    const tokens = Array.from({ length: 60_000 }, (_, i) => `token ${i} ${'é'.repeat(i % 40)}`)
    const reads: number[] = []
    const source = memorySource(writeGguf({ metadata: { tokens, after: 'end' } }))
    const counted: ByteSource = {
      ...source,
      read: (offset, length) => {
        reads.push(length)
        return source.read(offset, length)
      },
    }
    const gguf = await readGguf(counted)
    assert.deepEqual(gguf.metadata.get('tokens'), tokens)
    assert.equal(gguf.metadata.get('after'), 'end')
    assert.ok(reads.length < 10, `${reads.length} reads`)
  })
})

describe('GGUF reader: broken files', () => {
  const cases: readonly { name: string; bytes: Uint8Array; says: RegExp; code?: string }[] = [
    { name: 'an empty file', bytes: new Uint8Array(0), says: /the file is empty/ },
    {
      name: 'a text file',
      bytes: Buffer.from('Hello, this is my shopping list.'),
      says: /not a GGUF file, .* a text file/,
    },
    { name: 'two bytes', bytes: Buffer.from('GG'), says: /not a GGUF file/ },
    { name: 'a web page', bytes: Buffer.from('<!DOCTYPE html><html><body>404'), says: /a web page/ },
    {
      name: 'a Git LFS pointer',
      bytes: Buffer.from('version https://git-lfs.github.com/spec/v1\noid x'),
      says: /Git LFS pointer/,
    },
    { name: 'a zip', bytes: Buffer.from('PK\x03\x04....', 'latin1'), says: /zip/ },
    {
      name: 'safetensors',
      bytes: Buffer.from('\x10\0\0\0\0\0\0\0{"a":{"dtype"', 'latin1'),
      says: /safetensors/,
    },
    { name: 'the old GGML format', bytes: Buffer.from('tjgg\x03\0\0\0', 'latin1'), says: /before GGUF/ },
    { name: 'the magic alone', bytes: Buffer.from('GGUF'), says: /ends in the middle/ },
    { name: 'version 1', bytes: patch(writeGguf(small), 4, 1), says: /version 1 is too old/ },
    { name: 'version 4', bytes: patch(writeGguf(small), 4, 4), says: /version 4 is unknown/ },
    { name: 'version 0', bytes: patch(writeGguf(small), 4, 0), says: /version 0 is unknown/ },
    { name: 'big-endian', bytes: patch(writeGguf(small), 4, 0x03000000), says: /big-endian/ },
    {
      name: 'too many tensors',
      bytes: patch(writeGguf(small), 8, limits.tensors + 1),
      says: /number of tensors is/,
    },
    {
      name: '2^63 tensors',
      bytes: patch(writeGguf(small), 12, 0x80000000),
      says: /number of tensors is 9223372036854775810/,
    },
    {
      name: 'too many entries',
      bytes: patch(writeGguf(small), 16, limits.metadataEntries + 1),
      says: /number of metadata entries/,
    },
    {
      name: 'one entry more than there are',
      bytes: patch(writeGguf({ metadata: { a: 1 } }), 16, 2),
      says: /metadata key is empty/,
    },
    {
      name: 'a long key',
      bytes: writeGguf({ metadata: { ['k'.repeat(limits.nameBytes + 1)]: 1 } }),
      says: /length of the metadata key/,
    },
    {
      name: 'an unknown value type',
      bytes: patch(writeGguf({ metadata: { key: 1 } }), 24 + 8 + 3, 13),
      says: /"key" has the unknown value type 13/,
    },
    {
      name: 'an unknown element type',
      bytes: patch(writeGguf({ metadata: { key: ['a'] } }), 24 + 8 + 3 + 4, 99),
      says: /unknown element type 99/,
    },
    {
      name: 'a truth value of 2',
      bytes: writeGguf({ metadata: { key: { type: 'bool', value: 2 } } }),
      says: /must be 0 or 1/,
    },
    {
      name: 'an array longer than the file',
      bytes: patch(writeGguf({ metadata: { key: Int32Array.of(1) } }), 24 + 8 + 3 + 8, 1000),
      says: /ends in the middle/,
    },
    {
      name: 'an array of 2^40',
      bytes: patch(writeGguf({ metadata: { key: ['a'] } }), 24 + 8 + 3 + 12, 256),
      says: /length of "key" is 1099511627777/,
    },
    {
      name: 'a string longer than the file',
      bytes: patch(writeGguf({ metadata: { key: 'value' } }), 24 + 8 + 3 + 4, 1000),
      says: /ends in the middle/,
    },
    {
      name: 'a string of 2^40',
      bytes: patch(writeGguf({ metadata: { key: 'value' } }), 24 + 8 + 3 + 8, 256),
      says: /length of the value of "key"/,
    },
    {
      name: 'arrays too deep',
      bytes: writeGguf({ metadata: { key: nested(limits.arrayNesting + 1) } }),
      says: /deeper than 3/,
    },
    {
      name: 'a key twice',
      bytes: writeGguf({
        entries: [
          ['a', 1],
          ['a', 2],
        ],
      }),
      says: /"a" occurs twice/,
    },
    {
      name: 'alignment 24',
      bytes: writeGguf({ metadata: { 'general.alignment': 24 } }),
      says: /power of two/,
    },
    {
      name: 'alignment 0',
      bytes: writeGguf({ metadata: { 'general.alignment': { type: 'u32', value: 0 } } }),
      says: /power of two/,
    },
    {
      name: 'alignment 2^20',
      bytes: writeGguf({ metadata: { 'general.alignment': 2 ** 20 } }),
      says: /power of two up to/,
    },
    {
      name: 'alignment as text',
      bytes: writeGguf({ metadata: { 'general.alignment': '32' } }),
      says: /power of two/,
    },
    {
      name: 'a tensor twice',
      bytes: writeGguf({ tensors: [tensor(), tensor()] }),
      says: /tensor "t" occurs twice/,
    },
    { name: 'rank 0', bytes: writeGguf({ tensors: [tensor({ shape: [] })] }), says: /has 0 dimensions/ },
    {
      name: 'rank 5',
      bytes: writeGguf({ tensors: [tensor({ shape: [1, 1, 1, 1, 8] })] }),
      says: /has 5 dimensions/,
    },
    {
      name: 'a dimension of 0',
      bytes: writeGguf({ tensors: [tensor({ shape: [0, 8] })] }),
      says: /impossible dimension 0/,
    },
    {
      name: 'a product over 2^40',
      bytes: writeGguf({ tensors: [tensor({ shape: [2 ** 30, 2 ** 30] })] }),
      says: /impossible dimension/,
    },
    {
      name: 'a product that wraps 64 bits to 0',
      bytes: writeGguf({ tensors: [tensor({ shape: [2 ** 32, 2 ** 32] })] }),
      says: /impossible dimension/,
    },
    {
      name: 'rows of half a block',
      bytes: writeGguf({ tensors: [tensor({ type: 'q8_0', shape: [16] })] }),
      says: /not a whole number of q8_0 blocks/,
    },
    {
      name: 'data behind the end',
      bytes: writeGguf({ tensors: [tensor({ offset: 4096 })] }),
      says: /data of tensor "t" ends at byte/,
    },
    {
      name: 'an offset between alignments',
      bytes: writeGguf({ tensors: [tensor({ offset: 8 })] }),
      says: /not a multiple of 32/,
    },
    {
      name: 'a removed tensor type',
      bytes: writeGguf({ tensors: [tensor({ type: 4 })] }),
      says: /has the type 4/,
      code: 'unsupported-arch',
    },
    {
      name: 'a tensor type we do not read',
      bytes: writeGguf({ tensors: [tensor({ type: 16 })] }),
      says: /has the type IQ2_XXS.*known: F32, F16/,
      code: 'unsupported-arch',
    },
    {
      name: 'a terrible name',
      bytes: writeGguf({ tensors: [tensor({ name: `\u001b[31m${'x'.repeat(500)}`, shape: [0] })] }),
      says: /tensor "\\u001b\[31mx{60,80}…" has/,
    },
  ]
  for (const { name, bytes, says, code } of cases) {
    it(`refuses ${name}`, () => check(bytes, says, code ?? 'bad-file'))
  }

  it('refuses a file cut at any byte', async () => {
    const whole = writeGguf(small)
    for (let length = 0; length < whole.length; length++) {
      await check(whole.subarray(0, length), /./, 'bad-file')
    }
    await readGguf(memorySource(whole))
  })

  it('survives any byte of the header being another', async () => {
    const whole = writeGguf(small)
    const { dataStart } = await readGguf(memorySource(whole))
    for (let at = 0; at < dataStart; at++) {
      for (const value of [0x00, 0x01, 0x7f, 0x80, 0xff]) {
        const bytes = whole.slice()
        bytes[at] = value
        try {
          await readGguf(memorySource(bytes))
        } catch (error) {
          assert.ok(error instanceof EngineError, `byte ${at} = ${value}: ${String(error)}`)
        }
      }
    }
  })

  it('stops when aborted', async () => {
    const controller = new AbortController()
    controller.abort(new Error('enough'))
    await assert.rejects(readGguf(memorySource(writeGguf(small)), controller.signal), /enough/)
  })
})

async function check(bytes: Uint8Array, says: RegExp, code: string): Promise<void> {
  await assert.rejects(readGguf(memorySource(bytes, 'model.gguf')), (error) => {
    assert.ok(error instanceof EngineError, String(error))
    assert.equal(error.code, code)
    assert.match(error.message, says)
    assert.match(error.message, /model\.gguf/)
    assert.match(error.hint ?? '', /\.$/, 'a next step, as a sentence')
    return true
  })
}

/** Writes a 32-bit number over a place of a file. */
function patch(bytes: Uint8Array, at: number, value: number): Uint8Array {
  new DataView(bytes.buffer).setUint32(at, value, true)
  return bytes
}

function tensor(
  change: Partial<NonNullable<GgufInput['tensors']>[number]> = {},
): NonNullable<GgufInput['tensors']>[number] {
  return { name: 't', type: 'f32', shape: [8], data: new Uint8Array(32), ...change }
}

function nested(depth: number): TypedValue {
  if (depth === 1) return { type: 'array', of: 'u8', values: [1] }
  return { type: 'array', of: 'array', values: [nested(depth - 1)] }
}

const integer = (
  type: 'u8' | 'i8' | 'u16' | 'i16' | 'u32' | 'i32',
  min: number,
  max: number,
): fc.Arbitrary<TypedValue> => fc.integer({ min, max }).map((item) => ({ type, value: item }))

const value: fc.Arbitrary<TypedValue> = fc.oneof(
  integer('u8', 0, 255),
  integer('i8', -128, 127),
  integer('u16', 0, 65_535),
  integer('i16', -32_768, 32_767),
  integer('u32', 0, 2 ** 32 - 1),
  integer('i32', -(2 ** 31), 2 ** 31 - 1),
  fc.float().map((item): TypedValue => ({ type: 'f32', value: item })),
  fc.double().map((item): TypedValue => ({ type: 'f64', value: item })),
  fc.boolean().map((item): TypedValue => ({ type: 'bool', value: Number(item) })),
  fc.bigInt(0n, 2n ** 64n - 1n).map((item): TypedValue => ({ type: 'u64', value: item })),
  fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n).map((item): TypedValue => ({ type: 'i64', value: item })),
  fc.string({ unit: 'grapheme' }).map((item): TypedValue => ({ type: 'string', value: item })),
  fc
    .array(fc.string({ unit: 'binary' }))
    .map((values): TypedValue => ({ type: 'array', of: 'string', values })),
  fc.array(fc.float()).map((values): TypedValue => ({ type: 'array', of: 'f32', values })),
  fc.array(fc.integer()).map((values): TypedValue => ({ type: 'array', of: 'i32', values })),
  fc
    .array(fc.integer({ min: 0, max: 255 }))
    .map((values): TypedValue => ({ type: 'array', of: 'u8', values })),
  fc
    .array(fc.integer({ min: -32_768, max: 32_767 }))
    .map((values): TypedValue => ({ type: 'array', of: 'i16', values })),
  fc.array(fc.double()).map((values): TypedValue => ({ type: 'array', of: 'f64', values })),
)

/** What the reader makes of a written value. */
function expected(item: TypedValue): MetadataValue {
  if (item.type === 'bool') return item.value === 1
  if (item.type !== 'array') return typeof item.value === 'bigint' ? exact(item.value) : item.value
  if (item.of === 'f32') return Float32Array.from(item.values, Number)
  if (item.of === 'i32') return Int32Array.from(item.values, Number)
  if (item.of === 'u8') return Uint8Array.from(item.values, Number)
  if (item.of === 'i16') return Int16Array.from(item.values, Number)
  if (item.of === 'array') return item.values.map(expected)
  return [...item.values]
}

function exact(item: bigint): number | bigint {
  return BigInt.asIntN(54, item) === item ? Number(item) : item
}
