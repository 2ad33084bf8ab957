// A model of random weights becomes a file that reads back as the same model, and does not stay.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { syntheticCheckpoint } from '../../../engine/cli/synthetic'
import { withGgufFile } from '../../../engine/cli/synthetic-file'
import type { Checkpoint } from '../../../engine/format/checkpoint'
import { openCheckpoint } from '../../../engine/format/open-checkpoint'
import { EngineError } from '../../../engine/protocol/errors'

const { signal } = new AbortController()

describe('files of synthetic models', () => {
  it('a file holds what the model says', async () => {
    // A shape of seconds and megabytes: the real one's metadata with its small tensors only.
    const whole = syntheticCheckpoint('gemma2-2b:q4_0', 512)
    const tensors = new Map([...whole.tensors].filter(([name]) => /norm|attn_k/.test(name)).slice(0, 20))
    const part: Checkpoint = { ...whole, tensors }
    let written = ''
    await withGgufFile(part, signal, async (file) => {
      written = file
      const read = await openCheckpoint(file)
      try {
        assert.deepEqual([...read.tensors.keys()], [...tensors.keys()])
        for (const [key, value] of whole.metadata) {
          const found = read.metadata.get(key)
          // Floats have four bytes in the file.
          if (typeof value === 'number')
            assert.equal(found, key.includes('epsilon') ? Math.fround(value) : value)
          else assert.deepEqual(found, value, key)
        }
        for (const { name, type, shape, bytes } of tensors.values()) {
          const found = read.tensors.get(name)
          assert.deepEqual([found?.type, found?.shape, found?.bytes], [type, shape, bytes])
          const at = Math.max(0, bytes - 100)
          assert.deepEqual(
            Buffer.from(await read.read(name, at, bytes - at)),
            Buffer.from(await whole.read(name, at, bytes - at)),
          )
        }
      } finally {
        await read.close()
      }
    })
    assert.equal(existsSync(written), false)
  })

  it('a layout that GGUF lacks', async () => {
    await assert.rejects(
      withGgufFile(syntheticCheckpoint('rwkv5-0.4b', 512), signal, () => Promise.resolve()),
      (error: unknown) => error instanceof EngineError && error.code === 'bad-request',
    )
  })
})
