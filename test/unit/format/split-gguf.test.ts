// Models in several GGUF files: any part opens all of them, and what does not fit together gives one clear error.
import assert from 'node:assert/strict'
import { copyFile, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { openCheckpoint } from '../../../engine/format/open-checkpoint'
import { mostParts } from '../../../engine/format/split-gguf'
import { EngineError, type EngineErrorCode } from '../../../engine/protocol/errors'
import { writeGguf, type PlainValue } from '../../helpers/gguf-writer'

// Made by test/fixtures/make-split-gguf.py.
const split = 'test/fixtures/split'
const whole = 'test/fixtures/tiny/llama-q4_0.gguf'

describe('split GGUF', () => {
  let folder = ''
  beforeEach(async () => (folder = await mkdtemp(path.join(tmpdir(), 'hearth-split-'))))
  afterEach(() => rm(folder, { recursive: true }))

  for (const part of [1, 2, 3]) {
    it(`part ${part} opens the same model as the whole file`, async () => {
      const expected = await openCheckpoint(whole)
      const model = await openCheckpoint(path.join(split, `llama-q4_0-0000${part}-of-00003.gguf`))
      assert.deepEqual([...model.tensors.keys()].sort(), [...expected.tensors.keys()].sort())
      for (const [name, { type, shape, bytes }] of expected.tensors) {
        const found = model.tensors.get(name)
        assert.deepEqual([found?.type, found?.shape, found?.bytes], [type, shape, bytes])
        assert.deepEqual(await model.read(name, 0, bytes), await expected.read(name, 0, bytes))
      }
      for (const [key, value] of expected.metadata) assert.deepEqual(model.metadata.get(key), value, key)
      await model.close()
      await expected.close()
    })
  }

  it('a first part may have metadata alone', async () => {
    await write('m-00001-of-00002.gguf', part(0, 2, 1, []))
    await write('m-00002-of-00002.gguf', part(1, 2, 1, ['a']))
    const model = await openCheckpoint(path.join(folder, 'm-00002-of-00002.gguf'))
    assert.equal(model.metadata.get('general.name'), 'part 0')
    assert.deepEqual(await model.read('a', 0, 4), new Uint8Array(4).fill(1))
    await model.close()
  })

  it('names the part that is missing', async () => {
    for (const name of await readdir(split)) {
      if (!name.includes('00002-of')) await copyFile(path.join(split, name), path.join(folder, name))
    }
    await refuses('llama-q4_0-00003-of-00003.gguf', 'model-missing', /^Part 2 of 3 is missing: .*-00002-of/)
  })

  const broken: readonly {
    name: string
    /** Contents by name; the last one is opened. */
    files: Readonly<Record<string, Uint8Array>>
    code?: EngineErrorCode
    says: RegExp
  }[] = [
    {
      name: 'a part of another name',
      files: { 'model.gguf': part(1, 3, 2, ['a']) },
      says: /is part 2 of 3 of a model, but its name does not end in -00002-of-00003\.gguf/,
    },
    {
      name: 'a part under the name of another one',
      files: { 'm-00001-of-00002.gguf': part(1, 2, 2, ['a']) },
      says: /is part 2 of 2 of a model, but its name/,
    },
    {
      name: 'the same part twice',
      files: { 'm-00002-of-00002.gguf': part(0, 2, 2, ['a']), 'm-00001-of-00002.gguf': part(0, 2, 2, ['a']) },
      says: /00002-of-00002\.gguf: the file says that it is part 1 of 2 .* where part 2 of 2/,
    },
    {
      name: 'a part of another model',
      files: { 'm-00002-of-00002.gguf': part(1, 2, 9, ['b']), 'm-00001-of-00002.gguf': part(0, 2, 2, ['a']) },
      says: /a model with 9 tensors, but stands where part 2 of 2 of one with 2 belongs/,
    },
    {
      name: 'a whole model among the parts',
      files: { 'm-00002-of-00002.gguf': part(0, 1, 2, ['b']), 'm-00001-of-00002.gguf': part(0, 2, 2, ['a']) },
      says: /00002-of-00002\.gguf: the file says that it is part 1 of 1/,
    },
    {
      name: 'one tensor in two parts',
      files: { 'm-00002-of-00002.gguf': part(1, 2, 2, ['a']), 'm-00001-of-00002.gguf': part(0, 2, 2, ['a']) },
      says: /00002-of-00002\.gguf: the tensor "a" is also in m-00001-of-00002\.gguf/,
    },
    {
      name: 'too few tensors',
      files: { 'm-00002-of-00002.gguf': part(1, 2, 3, ['b']), 'm-00001-of-00002.gguf': part(0, 2, 3, ['a']) },
      says: /the 2 parts have 2 tensors together, but split\.tensors\.count is 3/,
    },
    {
      name: 'a part that is no GGUF',
      files: { 'm-00002-of-00002.gguf': Buffer.from('hello'), 'm-00001-of-00002.gguf': part(0, 2, 2, ['a']) },
      says: /00002-of-00002\.gguf: this is not a GGUF file/,
    },
    {
      name: 'more parts than can be open',
      files: { 'm.gguf': part(0, mostParts + 1, 2, ['a']) },
      says: /split\.count is 513, more than the possible 512/,
    },
    {
      name: 'a part behind the last one',
      files: { 'm.gguf': part(2, 2, 2, ['a']) },
      says: /split\.no is 2 of 2 parts/,
    },
    {
      name: 'a number of parts that is none',
      files: { 'm.gguf': writeGguf({ metadata: { 'split.count': 'three' } }) },
      says: /split\.count must be a number/,
    },
    {
      name: 'a part without its number',
      files: { 'm.gguf': writeGguf({ metadata: { 'split.count': 3 } }) },
      says: /split\.no is missing/,
    },
  ]
  for (const { name, files, code, says } of broken) {
    it(`refuses ${name}`, async () => {
      for (const [file, bytes] of Object.entries(files)) await write(file, bytes)
      await refuses(Object.keys(files).at(-1) ?? '', code ?? 'bad-file', says)
    })
  }

  function write(name: string, bytes: Uint8Array): Promise<void> {
    return writeFile(path.join(folder, name), bytes)
  }

  async function refuses(name: string, code: EngineErrorCode, says: RegExp): Promise<void> {
    await assert.rejects(openCheckpoint(path.join(folder, name)), (error: unknown) => {
      assert.ok(error instanceof EngineError, String(error))
      assert.equal(error.code, code)
      assert.match(error.message, says)
      return true
    })
  }
})

/** One part, with tensors of one value. */
function part(no: number, count: number, tensors: number, names: readonly string[]): Uint8Array {
  const metadata: Record<string, PlainValue> = {
    'general.name': `part ${no}`,
    'split.no': no,
    'split.count': count,
    'split.tensors.count': tensors,
  }
  return writeGguf({
    metadata,
    tensors: names.map((name) => ({ name, type: 'f32', shape: [1], data: new Uint8Array(4).fill(1) })),
  })
}
