// Opening a model from disk, and reading its tensors.
import assert from 'node:assert/strict'
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import {
  numberOf,
  numberPerLayer,
  optionalStringOf,
  stringOf,
  stringsOf,
} from '../../../engine/format/metadata'
import { openCheckpoint } from '../../../engine/format/open-checkpoint'
import { EngineError } from '../../../engine/protocol/errors'
import { writeGguf } from '../../helpers/gguf-writer'

const data = Uint8Array.from({ length: 96 }, (_, i) => i)
const model = writeGguf({
  metadata: { 'general.name': 'tiny', count: 3, list: ['a'], layers: Uint32Array.of(4, 5) },
  tensors: [
    { name: 'first', type: 'f32', shape: [4], data: new Uint8Array(16) },
    { name: 'second', type: 'f32', shape: [24], data },
  ],
})

describe('open checkpoint', () => {
  let folder = ''
  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'hearth-format-'))
  })
  after(() => rm(folder, { recursive: true }))

  const write = async (name: string, bytes: Uint8Array | string): Promise<string> => {
    const file = path.join(folder, name)
    await writeFile(file, bytes)
    return file
  }

  it('reads any part of a tensor', async () => {
    const checkpoint = await openCheckpoint(await write('model.gguf', model))
    assert.deepEqual(await checkpoint.read('second', 0, 96), data)
    assert.deepEqual(await checkpoint.read('second', 90, 6), data.subarray(90))
    assert.deepEqual(await checkpoint.read('second', 96, 0), new Uint8Array(0))
    await refuses(checkpoint.read('second', 90, 7), 'bad-file', /outside tensor "second"/)
    await refuses(checkpoint.read('second', -1, 7), 'bad-file', /outside tensor/)
    await refuses(checkpoint.read('third', 0, 1), 'bad-file', /no tensor "third"/)
    await checkpoint.close()
  })

  it('goes by contents, not by name', async () => {
    const checkpoint = await openCheckpoint(await write('sha256-0123', model))
    assert.equal(checkpoint.metadata.get('general.name'), 'tiny')
    await checkpoint.close()
  })

  it('tells what it cannot open', async () => {
    await refuses(openCheckpoint(path.join(folder, 'none.gguf')), 'model-missing', /no file .*none\.gguf/)
    await refuses(openCheckpoint(path.join(folder, 'none.gguf', 'x')), 'model-missing', /no file/)
    await refuses(openCheckpoint(folder), 'bad-file', /is a folder/)
    await refuses(
      openCheckpoint(await write('notes.txt', 'hello')),
      'bad-file',
      /notes\.txt is neither a GGUF file nor/,
    )
    await refuses(openCheckpoint(await write('notes.gguf', 'hello')), 'bad-file', /not a GGUF file, .* text/)
    await refuses(openCheckpoint(await write('empty.gguf', '')), 'bad-file', /is empty/)
    await refuses(openCheckpoint(await write('cut.gguf', model.subarray(0, -1))), 'bad-file', /ends at byte/)
  })

  it('notices a file that shrinks while it is open', async () => {
    const file = await write('shrinks.gguf', model)
    const checkpoint = await openCheckpoint(file)
    await truncate(file, model.length - 10)
    await refuses(checkpoint.read('second', 0, 96), 'bad-file', /ends at byte/)
    await checkpoint.close()
  })

  it('names key and file when metadata is not as needed', async () => {
    const file = await write('metadata.gguf', model)
    const checkpoint = await openCheckpoint(file)
    const { metadata } = checkpoint
    assert.equal(numberOf(metadata, 'count'), 3)
    assert.equal(numberOf(metadata, 'other', 7), 7)
    assert.equal(optionalStringOf(metadata, 'other'), undefined)
    assert.deepEqual(stringsOf(metadata, 'list'), ['a'])
    assert.deepEqual(numberPerLayer(metadata, 'count', 2), [3, 3])
    assert.deepEqual(numberPerLayer(metadata, 'layers', 2), [4, 5])
    for (const [read, says] of [
      [() => numberOf(metadata, 'other'), /metadata\.gguf: other is missing; it must be a number/],
      [() => numberOf(metadata, 'general.name'), /metadata\.gguf: general\.name must be a number/],
      [() => stringOf(metadata, 'count', 'x'), /count must be a text/],
      [() => stringsOf(metadata, 'layers'), /layers must be a list of texts/],
      [() => numberPerLayer(metadata, 'layers', 3), /layers has 2 entries, one for each of the 3 layers/],
    ] as const) {
      assert.throws(
        read,
        (error) => error instanceof EngineError && error.code === 'bad-file' && says.test(error.message),
      )
    }
    await checkpoint.close()
  })
})

async function refuses(promise: Promise<unknown>, code: string, says: RegExp): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof EngineError, String(error))
    assert.equal(error.code, code)
    assert.match(error.message, says)
    return true
  })
}
