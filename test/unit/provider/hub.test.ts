// Downloading a model over real sockets: whatever the network or the disk does, the cache holds a whole file or none.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { createLog } from '../../../engine/base/log'
import { noProgress } from '../../../engine/base/progress'
import type { CatalogModel, HubSource } from '../../../engine/provider/catalog'
import {
  downloadModel,
  ensureModel,
  listModels,
  removeModel,
  resolveModel,
} from '../../../engine/provider/hub'
import type { TransferOptions } from '../../../engine/provider/transfer'
import { EngineError } from '../../../engine/protocol/errors'
import { sha256, startFakeHub, type Answer, type FakeHub } from './fake-hub'

const file = randomBytes(300_000)
const source: HubSource = { kind: 'hub', repo: 'org/model', file: 'model.gguf', revision: 'main' }
const row = { id: 'test-model', title: 'Test model', license: 'MIT', description: '', bytes: file.length }
const pinned: CatalogModel = { ...row, sha256: sha256(file), sources: [source] }
const unpinned: CatalogModel = { ...row, sources: [source] }
const forever = new AbortController().signal

describe('downloading from a hub', function () {
  this.timeout(20_000)
  let hub: FakeHub
  let folder: string
  let lines: string[]

  beforeEach(async () => {
    hub = await startFakeHub(file)
    folder = await mkdtemp(path.join(os.tmpdir(), 'hearth-hub-'))
    lines = []
    process.env['HF_ENDPOINT'] = hub.url
    process.env['HEARTH_CACHE'] = folder
  })
  afterEach(async () => {
    delete process.env['HF_ENDPOINT']
    delete process.env['HEARTH_CACHE']
    await hub.close()
    await rm(folder, { recursive: true, force: true })
  })

  const options = (): TransferOptions => ({
    log: createLog((level, text) => lines.push(`${level}: ${text.replaceAll(hub.url.slice(7), 'HUB')}`)),
    progress: noProgress,
    timeouts: { connectMs: 1000, stallMs: 400 },
  })
  const cached = async (): Promise<string[]> => (await readdir(path.join(folder, 'models'))).toSorted()

  interface Row {
    name: string
    model?: CatalogModel
    /** Bytes that an earlier attempt left. */
    part?: Buffer
    answers: Answer[]
    /** Ranges asked for. */
    asked: string[]
    /** `code: message`, or nothing when the file arrives. */
    error?: RegExp
    left?: string[]
    said?: RegExp
  }

  const rows: Row[] = [
    { name: 'a whole file', answers: [{}], asked: ['whole'] },
    {
      name: 'a reset in the middle is resumed',
      answers: [{ send: 100_000, then: 'reset' }, {}],
      asked: ['whole', 'bytes=100000-'],
      said: /info: the connection to HUB failed \(.*\) at 0\.1 MB; resuming\./,
    },
    {
      name: 'a silent connection is dropped and resumed',
      answers: [{ send: 100_000, then: 'stall' }, {}],
      asked: ['whole', 'bytes=100000-'],
      said: /HUB sent nothing for 0\.4 s at 0\.1 MB; resuming/,
    },
    {
      name: 'a hub that never gets further gives up and keeps the part',
      answers: [
        { send: 100_000, then: 'reset' },
        { send: 0, then: 'reset' },
      ],
      asked: ['whole', 'bytes=100000-'],
      error: /^download-failed: Test model could not be downloaded: the connection to HUB failed/,
      left: ['test-model.gguf.part'],
    },
    {
      name: 'an earlier part is continued',
      part: file.subarray(0, 123_456),
      answers: [{}],
      asked: ['bytes=123456-'],
    },
    {
      name: 'a complete part needs no network',
      part: file,
      answers: [{ status: 500 }],
      asked: [],
    },
    {
      name: 'a server without ranges starts again',
      part: file.subarray(0, 1000),
      answers: [{ ignoreRange: true }],
      asked: ['bytes=1000-'],
    },
    {
      name: 'a part longer than the file starts again',
      model: unpinned,
      part: Buffer.concat([file, file]),
      answers: [{}],
      asked: ['bytes=600000-', 'whole'],
      said: /warn: HUB announces no checksum for model\.gguf; only its size was checked\./,
    },
    {
      name: 'a part of another file is found by its checksum and removed',
      part: randomBytes(1000),
      answers: [{}],
      asked: ['bytes=1000-'],
      error: /^checksum: HUB sent model\.gguf with a wrong checksum: SHA-256 [0-9a-f]{12}…, expected/,
      left: [],
    },
    {
      name: 'flipped bits are refused',
      answers: [{ corrupt: true }],
      asked: ['whole'],
      error: /^checksum: .* The damaged download was removed\. Try again/,
      left: [],
    },
    {
      name: 'a file of another size is refused before it is read',
      answers: [{ body: file.subarray(0, 5) }],
      asked: ['whole'],
      error: /^download-failed: .*has a file of 5 bytes, not of 300000\. Check the network/,
      left: ['test-model.gguf.part'],
    },
    {
      name: 'no such file',
      answers: [{ status: 404 }],
      asked: ['whole'],
      error: /^download-failed: .*HUB answered 404 Not Found for org\/model\/model\.gguf\. Check the network/,
      left: ['test-model.gguf.part'],
    },
    {
      name: 'a broken hub',
      answers: [{ status: 500 }],
      asked: ['whole'],
      error: /^download-failed: .*HUB answered 500 Internal Server Error/,
      left: ['test-model.gguf.part'],
    },
    {
      name: 'redirects in circles',
      answers: [{ status: 302, headers: { location: '/again' } }],
      asked: ['whole', 'whole', 'whole', 'whole', 'whole', 'whole'],
      error: /^download-failed: .*HUB redirects in circles/,
      left: ['test-model.gguf.part'],
    },
    {
      name: 'the checksum of an unpinned file comes with the redirect',
      model: unpinned,
      answers: [{ status: 302, headers: { location: '/cdn', 'x-linked-etag': `"${sha256(file)}"` } }, {}],
      asked: ['whole', 'whole'],
    },
    {
      name: 'and is checked',
      model: unpinned,
      answers: [
        { status: 302, headers: { location: '/cdn', 'x-linked-etag': `"${sha256(file)}"` } },
        { corrupt: true },
      ],
      asked: ['whole', 'whole'],
      error: /^checksum: /,
      left: [],
    },
  ]

  for (const { name, model = pinned, part, answers, asked, error, left, said } of rows) {
    it(name, async () => {
      await mkdir(path.join(folder, 'models'))
      if (part) await writeFile(path.join(folder, 'models', 'test-model.gguf.part'), part)
      hub.answers = answers
      const outcome = await downloadModel(model, options(), forever).then(
        (found) => found,
        (failure: unknown) => describe_(failure, hub),
      )
      assert.deepEqual(
        hub.requests.map((line) => line.split(' ')[1]),
        asked,
        outcome,
      )
      if (error) assert.match(outcome, error)
      else assert.ok((await readFile(outcome)).equals(file), outcome)
      assert.deepEqual(await cached(), left ?? ['test-model.gguf'])
      if (said) assert.match(lines.join('\n'), said)
    })
  }

  it('says nothing and asks nothing when the file is there', async () => {
    await downloadModel(pinned, options(), forever)
    await downloadModel(pinned, options(), forever)
    assert.equal(hub.requests.length, 1)
  })

  it('cancelling keeps the part for the next time', async () => {
    hub.answers = [{ send: 100_000, then: 'stall' }]
    const controller = new AbortController()
    setTimeout(() => controller.abort(), 250)
    await assert.rejects(downloadModel(pinned, options(), controller.signal), { name: 'AbortError' })
    assert.deepEqual(await cached(), ['test-model.gguf.part'])
    assert.equal((await stat(path.join(folder, 'models', 'test-model.gguf.part'))).size, 100_000)
  })

  it('two at once share one download', async () => {
    hub.answers = [{ send: 100_000, then: 'reset' }, {}]
    const [a, b] = await Promise.all([
      downloadModel(pinned, options(), forever),
      downloadModel(pinned, options(), forever),
    ])
    assert.equal(a, b)
    assert.equal(hub.requests.length, 2, hub.requests.join('\n'))
    assert.match(lines.join('\n'), /Another Hearth process is downloading this model; waiting for it\./)
    assert.deepEqual(await cached(), ['test-model.gguf'])
  })

  it('the lock of a process that is gone is taken over', async () => {
    await mkdir(path.join(folder, 'models'))
    // The largest pid of Linux is 2^22, so nobody has this one.
    await writeFile(path.join(folder, 'models', 'test-model.gguf.lock'), '99999999 gone')
    await downloadModel(pinned, options(), forever)
    assert.deepEqual(await cached(), ['test-model.gguf'])
  })

  it('nobody listens', async () => {
    await hub.close()
    const failure = await downloadModel(pinned, options(), forever).catch((error: unknown) => error)
    assert.match(describe_(failure, hub), /^download-failed: .*the connection to HUB failed \(ECONNREFUSED\)/)
  })

  it('an endpoint that is no address', async () => {
    process.env['HF_ENDPOINT'] = 'hub.example'
    const failure = await downloadModel(pinned, options(), forever).catch((error: unknown) => error)
    assert.match(
      describe_(failure, hub),
      /^download-failed: .*HF_ENDPOINT is "hub\.example", which is not a web address/,
    )
  })

  it('a cache folder that is a file', async () => {
    const blocker = path.join(folder, 'file')
    await writeFile(blocker, '')
    process.env['HEARTH_CACHE'] = blocker
    const failure = await downloadModel(pinned, options(), forever).catch((error: unknown) => error)
    assert.match(
      describe_(failure, hub),
      /^disk: .* cannot be created: a part of that path is a file\. Free some space/,
    )
  })

  // Root may write anywhere, so a folder without permission needs a system that refuses even root.
  it('a cache folder nobody may write to', async () => {
    const locked = process.getuid?.() === 0 ? '/sys/hearth' : path.join(folder, 'locked')
    if (process.getuid?.() !== 0) {
      await mkdir(locked)
      await chmod(locked, 0o500)
    }
    process.env['HEARTH_CACHE'] = locked
    const failure = await downloadModel(pinned, options(), forever).catch((error: unknown) => error)
    assert.ok(failure instanceof EngineError, String(failure))
    assert.equal(failure.code, 'disk')
  })

  describe('names', () => {
    it('a path needs no catalog', async () => {
      const own = path.join(folder, 'own.gguf')
      await writeFile(own, 'x')
      assert.equal(await ensureModel(own, options(), forever), own)
      assert.equal(await resolveModel(folder), own)
      await writeFile(path.join(folder, 'second.gguf'), 'x')
      await assert.rejects(resolveModel(folder), { code: 'bad-request', message: /has 2 GGUF files/ })
      await rm(own)
      await rm(path.join(folder, 'second.gguf'))
      await assert.rejects(resolveModel(folder), { code: 'model-missing', message: /has no model in it/ })
      // RWKV's repositories are a .pth file and its vocabulary.
      const rwkv = path.join(folder, 'RWKV-x070.PTH')
      await writeFile(rwkv, 'x')
      await writeFile(path.join(folder, 'rwkv_vocab_v20230424.txt'), 'x')
      assert.equal(await resolveModel(folder), rwkv)
      await writeFile(path.join(folder, 'second.pth'), 'x')
      await assert.rejects(resolveModel(folder), { code: 'bad-request', message: /has 2 \.pth files/ })
      for (const name of await readdir(folder)) await rm(path.join(folder, name), { recursive: true })
    })

    it('neither a file nor in the catalog', async () => {
      await assert.rejects(ensureModel('nonsense', options(), forever), {
        code: 'model-missing',
        message: '"nonsense" is neither a file nor a model of the catalog.',
      })
      await assert.rejects(removeModel('nonsense'), { code: 'model-missing' })
    })

    it('in the catalog but not here', async () => {
      await assert.rejects(resolveModel('smollm2-135m-instruct'), {
        code: 'model-missing',
        hint: 'Download it with `hearth models get smollm2-135m-instruct` (98.4 MB).',
      })
      assert.ok((await listModels()).every((model) => !model.installed))
    })

    it('removing frees the file and its leftovers', async () => {
      await mkdir(path.join(folder, 'models'))
      for (const name of ['smollm2-135m-instruct.gguf.part', 'smollm2-360m-instruct.gguf']) {
        await writeFile(path.join(folder, 'models', name), 'four')
      }
      assert.equal(await removeModel('smollm2-135m-instruct'), 4)
      assert.deepEqual(await cached(), ['smollm2-360m-instruct.gguf'])
    })
  })
})

function describe_(failure: unknown, hub: FakeHub): string {
  if (!(failure instanceof EngineError)) return `not an EngineError: ${String(failure)}`
  return `${failure.code}: ${failure.message} ${failure.hint ?? ''}`.replaceAll(hub.url.slice(7), 'HUB')
}
