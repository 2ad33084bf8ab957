// Writing to a disk that is full, for real: Linux has a device for that.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { CheckedFile } from '../../../engine/provider/checked-file'
import { checkFreeSpace } from '../../../engine/provider/disk-space'
import { sha256 } from './fake-hub'

const signal = new AbortController().signal

describe('checked file', () => {
  let folder: string
  beforeEach(async () => (folder = await mkdtemp(path.join(os.tmpdir(), 'hearth-file-'))))
  afterEach(() => rm(folder, { recursive: true, force: true }))

  it('knows the checksum of what earlier attempts and this one wrote', async () => {
    const target = path.join(folder, 'model.part')
    for (const piece of ['one', 'two']) {
      const file = await CheckedFile.resume(target, signal)
      await file.append(Buffer.from(piece))
      assert.equal(file.digest(), sha256(await readFile(target)))
      await file.close()
    }
    assert.equal(await readFile(target, 'utf8'), 'onetwo')
    const file = await CheckedFile.resume(target, signal)
    await file.clear()
    await file.append(Buffer.from('three'))
    await file.close()
    assert.equal(await readFile(target, 'utf8'), 'three')
  })

  it('refuses a folder without room before the download', async () => {
    await assert.rejects(checkFreeSpace(folder, Number.MAX_SAFE_INTEGER), {
      code: 'disk',
      message: /^The model needs 9007199\.3 GB in .*, but only [\d.]+ [MG]B are free\.$/,
    })
  })

  if (existsSync('/dev/full')) {
    it('a full disk is told as one', async () => {
      const file = await CheckedFile.resume('/dev/full', signal)
      await assert.rejects(file.append(Buffer.from('x')), {
        code: 'disk',
        message: 'The disk is full: no room for the model in /dev.',
        hint: 'Free some space or fix the permissions, or set HEARTH_CACHE to another folder.',
      })
      await file.close()
    })
  }
})
