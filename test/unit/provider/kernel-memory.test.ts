// What was measured on an adapter comes back in the next process, and nothing else does.
import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { version } from '../../../package.json'
import type { KernelChoices } from '../../../engine/backend/kernel-choice'
import { silentLog } from '../../../engine/base/log'
import { kernelMemory } from '../../../engine/provider/kernel-memory'

describe('the memory of kernels', () => {
  const choices: KernelChoices = {
    decode: { kernel: 'matvec-lanes-8', why: '1.00 ms', isMeasured: true },
    prefill: { kernel: 'matmul-tile', why: 'by the features of the adapter', isMeasured: false },
  }
  const other: KernelChoices = { ...choices, decode: { ...choices.decode, why: '2.00 ms' } }
  let folder: string
  beforeEach(async () => (folder = await mkdtemp(path.join(os.tmpdir(), 'hearth-kernels-'))))
  afterEach(() => rm(folder, { recursive: true }))

  it('keeps each adapter by itself', async () => {
    const nested = path.join(folder, 'not', 'there')
    await kernelMemory(silentLog, nested).remember('a, driver 1', choices)
    await kernelMemory(silentLog, nested).remember('b, driver 1', other)
    const memory = kernelMemory(silentLog, nested)
    assert.deepEqual(await memory.recall('a, driver 1'), choices)
    assert.deepEqual(await memory.recall('b, driver 1'), other)
    assert.equal(await memory.recall('a, driver 2'), undefined)
    assert.deepEqual(await readdir(nested), ['kernels.json'])
  })

  const broken: [string, string | undefined][] = [
    ['no file', undefined],
    ['an empty file', ''],
    ['half a file', `{"version":"${version}","adapters":{"a":`],
    ['a list', '[]'],
    ['null', 'null'],
    ['no adapters', JSON.stringify({ version })],
    ['another version', JSON.stringify({ version: '0.0.0', adapters: { a: choices } })],
    ['half a choice', JSON.stringify({ version, adapters: { a: { decode: choices.decode } } })],
    ['a name alone', JSON.stringify({ version, adapters: { a: { ...choices, prefill: 'matmul-tile' } } })],
    [
      'a number for a name',
      JSON.stringify({
        version,
        adapters: { a: { ...choices, prefill: { ...choices.prefill, kernel: 7 } } },
      }),
    ],
  ]
  for (const [name, text] of broken) {
    it(`makes nothing of ${name}, and writes over it`, async () => {
      if (text !== undefined) await writeFile(path.join(folder, 'kernels.json'), text)
      const memory = kernelMemory(silentLog, folder)
      assert.equal(await memory.recall('a'), undefined)
      await memory.remember('a', choices)
      assert.deepEqual(await memory.recall('a'), choices)
    })
  }

  it('does without a folder that cannot be made', async () => {
    const file = path.join(folder, 'file')
    await writeFile(file, 'text')
    const memory = kernelMemory(silentLog, file)
    await memory.remember('a', choices)
    assert.equal(await memory.recall('a'), undefined)
    assert.equal(await readFile(file, 'utf8'), 'text')
  })
})
