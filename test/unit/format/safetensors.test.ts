// The safetensors reader: it reads what the original writes, and whatever is wrong with a file gives one clear error.
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { memorySource } from '../../../engine/format/byte-source'
import {
  limits,
  looksLikeSafetensors,
  openSafetensors,
  readSafetensors,
} from '../../../engine/format/safetensors'
import { parseStrictJson } from '../../../engine/format/strict-json'
import { EngineError } from '../../../engine/protocol/errors'
import { writeSafetensors, type SafetensorsInput } from '../../helpers/safetensors-writer'

const folder = 'test/fixtures/safetensors'

interface Expected {
  tensors: { name: string; type: string; shape: number[]; data: string }[]
  foreign: Record<string, string>
}

const f32 = (shape: readonly number[], begin: number, end: number): unknown => ({
  dtype: 'F32',
  shape,
  data_offsets: [begin, end],
})
const two: SafetensorsInput = {
  tensors: { a: f32([2], 0, 8), b: f32([1, 3], 8, 20) },
  data: new Uint8Array(20),
}

describe('safetensors reader: whole files', () => {
  it('reads what the original writes', async () => {
    const expected = await fixture()
    const model = await openSafetensors(path.join(folder, 'types.safetensors'))
    try {
      assert.deepEqual([...model.tensors.keys()].sort(), expected.tensors.map((row) => row.name).sort())
      for (const { name, type, shape, data } of expected.tensors) {
        const tensor = model.tensors.get(name)
        const bytes = Buffer.from(data, 'base64')
        assert.deepEqual(
          { type: tensor?.type, shape: tensor?.shape, bytes: tensor?.bytes },
          { type, shape, bytes: bytes.length },
        )
        assert.deepEqual(Buffer.from(await model.read(name, 0, bytes.length)), bytes, name)
        if (bytes.length > 1)
          assert.deepEqual(Buffer.from(await model.read(name, 1, 1)), bytes.subarray(1, 2))
      }
    } finally {
      await model.close()
    }
  })

  it('types that no weights here have are refused by name', async () => {
    const { foreign } = await fixture()
    assert.equal(Object.keys(foreign).length, 8)
    for (const [name, file] of Object.entries(foreign)) {
      await refuses(
        readSafetensors(memorySource(Buffer.from(file, 'base64'))),
        'unsupported-arch',
        /tensor "w" has the type "(F64|I64|I32|I16|I8|U8|BOOL|F8_E4M3)".*known: F32, F16, BF16/,
        name,
      )
    }
  })

  it('data need not be aligned, order of names need not be order of data, spaces may pad the header', async () => {
    const header = `{"b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]},"a":{"dtype":"F16","shape":[],"data_offsets":[0,2]}}   `
    const bytes = writeSafetensors({ header, data: Uint8Array.of(1, 2, 3, 4, 5, 6) })
    const tensors = await readSafetensors(memorySource(bytes))
    const start = 8 + header.length
    assert.equal(tensors.get('a')?.offset, start)
    assert.equal(tensors.get('b')?.offset, start + 2)
    assert.notEqual((start + 2) % 4, 0)
    assert.deepEqual(tensors.get('a')?.shape, [])
  })

  it('names that mean something to JavaScript are names', async () => {
    const header =
      '{"__proto__":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"constructor":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}'
    const tensors = await readSafetensors(memorySource(writeSafetensors({ header, data: new Uint8Array(8) })))
    assert.deepEqual([...tensors.keys()], ['__proto__', 'constructor'])
  })

  it('is told from other files by its start', async () => {
    const rows: [Uint8Array, boolean][] = [
      [writeSafetensors(two), true],
      [writeSafetensors({}), true],
      [Buffer.from('GGUF\x03\0\0\0{"', 'latin1'), false],
      [Buffer.from('{"a": "this is JSON"}'), false],
      [new Uint8Array(4), false],
    ]
    for (const [bytes, expected] of rows)
      assert.equal(await looksLikeSafetensors(memorySource(bytes)), expected)
  })
})

describe('safetensors reader: broken files', () => {
  const entry = (value: unknown): SafetensorsInput => ({ tensors: { t: value }, data: new Uint8Array(4) })
  const rows: readonly { name: string; file: SafetensorsInput | Uint8Array; says: RegExp; code?: string }[] =
    [
      { name: 'an empty file', file: new Uint8Array(0), says: /too short/ },
      { name: 'seven bytes', file: new Uint8Array(7), says: /too short/ },
      {
        name: 'a header over the limit',
        file: { ...two, headerLength: BigInt(limits.headerBytes) + 1n },
        says: /more than the possible 100000000/,
      },
      {
        name: 'a header of 2^64 - 1',
        file: { ...two, headerLength: 2n ** 64n - 1n },
        says: /header has 18446744073709551615 bytes/,
      },
      {
        name: 'a header longer than the file',
        file: { ...two, headerLength: 5000n },
        says: /ends in the middle of its header/,
      },
      { name: 'an empty header', file: { header: '' }, says: /not a JSON object/ },
      { name: 'a header cut short', file: { ...two, headerLength: 20n }, says: /header is damaged/ },
      { name: 'a space before the header', file: { header: ' {}' }, says: /not a JSON object/ },
      { name: 'an array', file: { header: '[]' }, says: /not a JSON object/ },
      { name: 'no JSON', file: { header: '{"a":}' }, says: /not JSON/ },
      { name: 'two objects', file: { header: '{}{}' }, says: /not JSON/ },
      { name: 'text after the header', file: { header: '{} x' }, says: /not JSON/ },
      {
        name: 'bytes that are not UTF-8',
        file: Buffer.concat([Buffer.from([5, 0, 0, 0, 0, 0, 0, 0]), Buffer.from('{"\xff":', 'latin1')]),
        says: /not UTF-8/,
      },
      { name: 'a string without end', file: { header: '{"a' }, says: /string has no end/ },
      {
        name: 'deep brackets',
        file: { header: `{"a":${'['.repeat(100_000)}` },
        says: /nested deeper than 3/,
      },
      {
        name: 'a name twice',
        file: {
          header:
            '{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}',
        },
        says: /"a" occurs twice/,
      },
      {
        name: 'a name twice, once escaped',
        file: { header: '{"a":1,"\\u0061":2}' },
        says: /"a" occurs twice/,
      },
      {
        name: 'a field twice',
        file: { header: '{"a":{"dtype":"F32","shape":[0],"shape":[0],"data_offsets":[0,0]}}' },
        says: /"shape" occurs twice/,
      },
      { name: 'a number for a tensor', file: entry(5), says: /"t" is not an object/ },
      { name: 'null for a tensor', file: entry(null), says: /"t" is not an object/ },
      { name: 'no dtype', file: entry({ shape: [1], data_offsets: [0, 4] }), says: /no dtype/ },
      {
        name: 'an unknown dtype',
        file: entry({ dtype: 'F7', shape: [1], data_offsets: [0, 4] }),
        says: /type "F7"/,
        code: 'unsupported-arch',
      },
      {
        name: 'a dtype of JavaScript',
        file: entry({ dtype: 'toString', shape: [1], data_offsets: [0, 4] }),
        says: /type "toString"/,
        code: 'unsupported-arch',
      },
      { name: 'no shape', file: entry({ dtype: 'F32', data_offsets: [0, 4] }), says: /shape of tensor "t"/ },
      { name: 'a negative dimension', file: entry(f32([-1], 0, 4)), says: /shape of tensor "t"/ },
      { name: 'half a dimension', file: entry(f32([0.5, 2], 0, 4)), says: /shape of tensor "t"/ },
      {
        name: 'a dimension as text',
        file: entry({ dtype: 'F32', shape: ['1'], data_offsets: [0, 4] }),
        says: /shape of tensor "t"/,
      },
      { name: 'nine dimensions', file: entry(f32(new Array<number>(9).fill(1), 0, 4)), says: /at most 8/ },
      { name: 'a product over 2^40', file: entry(f32([2 ** 21, 2 ** 21], 0, 4)), says: /impossible shape/ },
      {
        name: 'a product that overflows to infinity',
        file: entry(f32(new Array<number>(8).fill(2 ** 52), 0, 4)),
        says: /impossible shape/,
      },
      {
        name: 'a huge dimension beside a zero',
        file: entry(f32([2 ** 52, 0], 0, 0)),
        says: /impossible shape/,
      },
      { name: 'no offsets', file: entry({ dtype: 'F32', shape: [1] }), says: /data_offsets of tensor "t"/ },
      {
        name: 'one offset',
        file: entry({ dtype: 'F32', shape: [1], data_offsets: [0] }),
        says: /data_offsets/,
      },
      { name: 'a negative offset', file: entry(f32([1], -4, 0)), says: /data_offsets/ },
      { name: 'an offset over 2^53', file: entry(f32([1], 2 ** 60, 2 ** 60 + 4)), says: /data_offsets/ },
      {
        name: 'an end before the start',
        file: entry(f32([1], 4, 0)),
        says: /ends at 0, before it starts at 4/,
      },
      {
        name: 'bytes that do not fit the shape',
        file: entry(f32([2], 0, 4)),
        says: /has 4 bytes, but F32 of 2 needs 8/,
      },
      {
        name: 'an overlap',
        file: { tensors: { a: f32([2], 0, 8), b: f32([2], 4, 12) }, data: new Uint8Array(12) },
        says: /"b" overlaps the one before it by 4/,
      },
      {
        name: 'one place for two',
        file: { tensors: { a: f32([2], 0, 8), b: f32([2], 0, 8) }, data: new Uint8Array(8) },
        says: /"b" overlaps/,
      },
      {
        name: 'a gap',
        file: { tensors: { a: f32([2], 0, 8), b: f32([1], 12, 16) }, data: new Uint8Array(16) },
        says: /"b" leaves a gap of 4/,
      },
      {
        name: 'a gap at the start',
        file: { tensors: { a: f32([1], 4, 8) }, data: new Uint8Array(8) },
        says: /leaves a gap of 4/,
      },
      {
        name: 'missing data',
        file: { ...two, data: new Uint8Array(19) },
        says: /need 20 bytes, but the file has only 19/,
      },
      { name: 'data too many', file: { ...two, data: new Uint8Array(21) }, says: /1 bytes at its end/ },
      {
        name: 'numbers in __metadata__',
        file: { tensors: { __metadata__: { a: 1 } } },
        says: /__metadata__ must map/,
      },
      {
        name: 'a list as __metadata__',
        file: { tensors: { __metadata__: [] } },
        says: /__metadata__ must map/,
      },
      {
        name: 'a terrible name',
        file: { tensors: { [`\u001b[31m${'x'.repeat(500)}`]: 1 } },
        says: /tensor "\\u001b\[31mx{60,80}…" is not/,
      },
    ]
  for (const { name, file, says, code } of rows) {
    it(name, () =>
      refuses(
        readSafetensors(memorySource(file instanceof Uint8Array ? file : writeSafetensors(file))),
        code ?? 'bad-file',
        says,
      ),
    )
  }

  it('any change of any byte is read, or refused as one of two kinds', async () => {
    const good = Uint8Array.from(await readFile(path.join(folder, 'types.safetensors')))
    await fc.assert(
      fc.asyncProperty(
        fc.nat(good.length - 1),
        fc.nat(255),
        fc.nat(good.length),
        async (at, byte, length) => {
          const changed = good.slice(0, length)
          if (at < length) changed[at] = byte
          try {
            await readSafetensors(memorySource(changed))
          } catch (error) {
            assert.ok(
              error instanceof EngineError && ['bad-file', 'unsupported-arch'].includes(error.code),
              String(error),
            )
          }
        },
      ),
      { numRuns: 2000 },
    )
  })
})

describe('safetensors reader: folders', () => {
  let root = ''
  before(async () => {
    root = await mkdtemp(path.join(tmpdir(), 'hearth-safetensors-'))
  })
  after(() => rm(root, { recursive: true }))

  const part = (name: string): Uint8Array =>
    writeSafetensors({ tensors: { [name]: f32([1], 0, 4) }, data: Buffer.from(name.padEnd(4)) })
  const index = (map: unknown): string => JSON.stringify({ metadata: { total_size: 8 }, weight_map: map })
  const write = async (files: Record<string, Uint8Array | string>): Promise<string> => {
    const made = await mkdtemp(path.join(root, 'model-'))
    for (const [name, bytes] of Object.entries(files)) await writeFile(path.join(made, name), bytes)
    return made
  }
  const parts = { '1.safetensors': part('a'), '2.safetensors': part('b') }
  const indexName = 'model.safetensors.index.json'

  it('reads parts by their index, and a single file without one', async () => {
    const sharded = await openSafetensors(
      await write({ ...parts, [indexName]: index({ a: '1.safetensors', b: '2.safetensors' }) }),
    )
    assert.deepEqual([...sharded.tensors.keys()], ['a', 'b'])
    assert.equal(Buffer.from(await sharded.read('b', 0, 4)).toString(), 'b   ')
    await refuses(sharded.read('b', 0, 5), 'bad-file', /outside tensor "b"/)
    await refuses(sharded.read('c', 0, 1), 'bad-file', /no tensor "c"/)
    await sharded.close()
    for (const files of [
      { 'model.safetensors': part('a'), 'other.safetensors': part('b') },
      { 'some.safetensors': part('a') },
    ]) {
      const single = await openSafetensors(await write(files))
      assert.deepEqual([...single.tensors.keys()], ['a'])
      await single.close()
    }
  })

  const rows: readonly {
    name: string
    files: Record<string, Uint8Array | string>
    says: RegExp
    code?: string
  }[] = [
    { name: 'no safetensors', files: { 'a.txt': '' }, says: /no \.safetensors file/, code: 'model-missing' },
    {
      name: 'many files and no index',
      files: parts,
      says: /2 \.safetensors files and no model\.safetensors\.index\.json/,
      code: 'model-missing',
    },
    {
      name: 'a part is missing',
      files: { '1.safetensors': part('a'), [indexName]: index({ a: '1.safetensors', b: '2.safetensors' }) },
      says: /no file .*2\.safetensors/,
      code: 'model-missing',
    },
    {
      name: 'a tensor is not where the index says',
      files: { ...parts, [indexName]: index({ a: '2.safetensors', b: '1.safetensors' }) },
      says: /"a" is missing/,
    },
    {
      name: 'a tensor is nowhere',
      files: { ...parts, [indexName]: index({ a: '1.safetensors', b: '2.safetensors', c: '2.safetensors' }) },
      says: /2\.safetensors: the tensor "c" is missing/,
    },
    {
      name: 'a tensor in two parts',
      files: {
        '1.safetensors': part('a'),
        '2.safetensors': part('a'),
        [indexName]: index({ a: '1.safetensors', b: '2.safetensors' }),
      },
      says: /2\.safetensors: the tensor "a" is also in 1\.safetensors/,
    },
    {
      name: 'a part elsewhere',
      files: { ...parts, [indexName]: index({ a: '../1.safetensors' }) },
      says: /"\.\.\/1\.safetensors", which is not a file of this folder/,
    },
    {
      name: 'a part elsewhere, for Windows',
      files: { ...parts, [indexName]: index({ a: '..\\1.safetensors' }) },
      says: /not a file of this folder/,
    },
    {
      name: 'a part that is no safetensors',
      files: { [indexName]: index({ a: 'passwd' }) },
      says: /not a file of this folder/,
    },
    {
      name: 'a number for a part',
      files: { [indexName]: index({ a: 1 }) },
      says: /not a file of this folder/,
    },
    { name: 'an empty index', files: { [indexName]: index({}) }, says: /weight_map is empty/ },
    { name: 'no weight_map', files: { [indexName]: '{}' }, says: /no weight_map/ },
    {
      name: 'an index that is no JSON',
      files: { [indexName]: 'weights' },
      says: /index\.json: its file is damaged/,
    },
    {
      name: 'too many parts',
      files: {
        [indexName]: index(
          Object.fromEntries(
            Array.from({ length: limits.parts + 1 }, (_, i) => [`t${i}`, `${i}.safetensors`]),
          ),
        ),
      },
      says: /513 parts, more than the possible 512/,
    },
  ]
  for (const { name, files, says, code } of rows) {
    it(name, async () => refuses(openSafetensors(await write(files)), code ?? 'bad-file', says))
  }
})

describe('strict JSON', () => {
  const loose = { depth: 64, keys: 1000 }

  it('reads every JSON text as JSON.parse does', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), fc.boolean(), (value, pretty) => {
        const text = JSON.stringify(value, null, pretty ? 2 : 0)
        assert.deepEqual(parseStrictJson(Buffer.from(text), loose), { value: JSON.parse(text) as unknown })
      }),
    )
  })

  it('counts keys and sees twins in any spelling', () => {
    const rows: [string, RegExp][] = [
      ['{"a":{"b":1},"c":{"b":1}}', /^$/],
      ['{"a":"a","b":"b"}', /^$/],
      ['["a","a",{"x":["x","x"]}]', /^$/],
      ['{"\\"":1,"\\u0022":2}', /"\\"" occurs twice/],
      ['{"\\\\":1,"a":{"\\\\":2}}', /^$/],
      ['{"a" :1,"a"\n:2}', /"a" occurs twice/],
      [`{${Array.from({ length: 1001 }, (_, i) => `"${i}":0`).join()}}`, /more than 1000 keys/],
      ['\ufeff{}', /not JSON/],
    ]
    for (const [text, problem] of rows) {
      const result = parseStrictJson(Buffer.from(text), loose)
      assert.match('problem' in result ? result.problem : '', problem, text.slice(0, 50))
    }
  })
})

async function fixture(): Promise<Expected> {
  return JSON.parse(await readFile(path.join(folder, 'types.json'), 'utf8')) as Expected
}

async function refuses(promise: Promise<unknown>, code: string, says: RegExp, what?: string): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof EngineError, String(error))
    assert.equal(error.code, code, what)
    assert.match(error.message, says)
    return true
  })
}
