// Downloads one file from a model hub into a `.part` file that a later attempt can go on with.
import { rm } from 'node:fs/promises'
import path from 'node:path'
import { sleep } from '../base/signal'
import { EngineError } from '../protocol/errors'
import type { CatalogModel, HubSource } from './catalog'
import { CheckedFile } from './checked-file'
import { describeBytes } from './disk-error'
import { checkFreeSpace } from './disk-space'
import { defaultTimeouts, TransferMeter, type Timeouts, type TransferOptions } from './transfer'

/** `HF_ENDPOINT`, as other tools read it, else the public hub. Throws `download-failed` when that is no web address. */
export function hubEndpoint(env: NodeJS.ProcessEnv = process.env): string {
  const endpoint = (env['HF_ENDPOINT'] || 'https://huggingface.co').replace(/\/+$/, '')
  if (URL.canParse(endpoint) && /^https?:/.test(endpoint)) return endpoint
  throw failed(`HF_ENDPOINT is "${endpoint}", which is not a web address`)
}

export function hubUrl(source: HubSource): string {
  const file = source.file.split('/').map(encodeURIComponent).join('/')
  return `${hubEndpoint()}/${source.repo}/resolve/${encodeURIComponent(source.revision)}/${file}`
}

/**
 * Fills `partFile` with the checked model. A broken connection is resumed as long as each attempt brings bytes. What is there
 * stays there when the attempt fails, except when its checksum is wrong. Throws `download-failed`, `checksum` or `disk`.
 */
export async function downloadFromHub(
  model: CatalogModel,
  source: HubSource,
  partFile: string,
  options: TransferOptions,
  signal: AbortSignal,
): Promise<void> {
  const file = await CheckedFile.resume(partFile, signal)
  try {
    const meter = new TransferMeter(model, options.progress, file.size)
    const remote = await resumeUntilDone(model, source, file, meter, options, signal)
    await file.sync()
    if (remote.sha256 === undefined) {
      options.log.warn(
        `${host(remote.url)} announces no checksum for ${source.file}; only its size was checked.`,
      )
    } else if (file.digest() !== remote.sha256) {
      await rm(partFile, { force: true })
      throw wrongChecksum(`${host(remote.url)} sent ${source.file}`, file.digest(), remote.sha256)
    }
  } finally {
    await file.close()
  }
}

/** The bytes are not the promised ones, whoever sent them. */
export function wrongChecksum(what: string, actual: string, expected: string): EngineError {
  return new EngineError(
    'checksum',
    `${what} with a wrong checksum: SHA-256 ${actual.slice(0, 12)}…, expected ${expected.slice(0, 12)}….`,
    {
      hint: 'The damaged download was removed. Try again; if it stays wrong, a proxy or mirror changes the file.',
    },
  )
}

interface Remote {
  url: string
  total: number
  sha256: string | undefined
}

/** A connection that broke: worth another attempt from where it broke. */
class Interrupted extends Error {}

const mostAttempts = 6

async function resumeUntilDone(
  model: CatalogModel,
  source: HubSource,
  file: CheckedFile,
  meter: TransferMeter,
  options: TransferOptions,
  signal: AbortSignal,
): Promise<Remote> {
  for (let attempt = 1; ; attempt++) {
    const before = file.size
    try {
      return await transfer(model, source, file, meter, options.timeouts ?? defaultTimeouts, signal)
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error
      if (file.size <= before || attempt >= mostAttempts) throw failed(error.message, error)
      options.log.info(`${error.message} at ${describeBytes(file.size)}; resuming.`)
      await sleep(Math.min(2000, 200 * attempt), signal)
    }
  }
}

async function transfer(
  model: CatalogModel,
  source: HubSource,
  file: CheckedFile,
  meter: TransferMeter,
  timeouts: Timeouts,
  signal: AbortSignal,
): Promise<Remote> {
  if (model.sha256 !== undefined) {
    // All of it may be there already, when the process ended between the last byte and the rename.
    if (file.size === model.bytes && file.digest() === model.sha256) {
      return { url: hubUrl(source), total: model.bytes, sha256: model.sha256 }
    }
    if (file.size >= model.bytes) await file.clear()
  }
  const watchdog = new Watchdog(signal)
  try {
    const { response, remote } = await request(model, source, file, watchdog, timeouts)
    if (!response.body) throw new Interrupted(`${host(remote.url)} sent nothing`)
    watchdog.expect(
      timeouts.stallMs,
      () => `${host(remote.url)} sent nothing for ${timeouts.stallMs / 1000} s`,
    )
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      watchdog.pause()
      if (file.size + chunk.length > remote.total)
        throw failed(`${host(remote.url)} sent more than it announced`)
      await file.append(chunk)
      meter.report(file.size, remote.total)
      watchdog.resume()
    }
    if (file.size < remote.total) throw new Interrupted(`${host(remote.url)} closed the connection`)
    return remote
  } catch (error) {
    signal.throwIfAborted()
    if (watchdog.timedOut) throw new Interrupted(watchdog.timedOut)
    if (error instanceof EngineError || error instanceof Interrupted) throw error
    throw new Interrupted(`the connection to ${host(hubUrl(source))} failed (${networkReason(error)})`)
  } finally {
    watchdog.stop()
  }
}

async function request(
  model: CatalogModel,
  source: HubSource,
  file: CheckedFile,
  watchdog: Watchdog,
  timeouts: Timeouts,
): Promise<{ response: Response; remote: Remote }> {
  const { response, headers, url } = await follow(hubUrl(source), file.size, watchdog, timeouts)
  if (response.status === 416 && file.size > 0) {
    // What we have is longer than what they have: it is another file's beginning.
    await file.clear()
    return request(model, source, file, watchdog, timeouts)
  }
  if (response.status !== 200 && response.status !== 206) {
    await response.body?.cancel()
    throw failed(
      `${host(url)} answered ${response.status} ${response.statusText} for ${source.repo}/${source.file}`,
    )
  }
  if (response.status === 200) await file.clear()
  const range = /^bytes (\d+)-\d+\/(\d+)$/.exec(response.headers.get('content-range') ?? '')
  if (response.status === 206 && Number(range?.[1]) !== file.size) {
    throw failed(`${host(url)} answered with another part of the file than asked for`)
  }
  const total = Number(range?.[2] ?? response.headers.get('content-length') ?? model.bytes)
  if (model.sha256 !== undefined && total !== model.bytes) {
    throw failed(`${host(url)} has a file of ${total} bytes, not of ${model.bytes}`)
  }
  if (!Number.isSafeInteger(total) || total <= 0 || total > largestModel) {
    throw failed(`${host(url)} announces an impossible size of ${total} bytes`)
  }
  await checkFreeSpace(path.dirname(file.path), total - file.size)
  return { response, remote: { url, total, sha256: model.sha256 ?? announcedSha256(headers) } }
}

// The size comes from the network and ends in a free-space message; nothing we can run is near this.
const largestModel = 512e9

const mostRedirects = 5

/** Follows redirects by hand, because the checksum is a header of the first answer and the bytes come with the last. */
async function follow(
  start: string,
  from: number,
  watchdog: Watchdog,
  timeouts: Timeouts,
): Promise<{ response: Response; headers: Headers[]; url: string }> {
  const headers: Headers[] = []
  let url = start
  for (let hop = 0; hop <= mostRedirects; hop++) {
    watchdog.expect(
      timeouts.connectMs,
      () => `${host(url)} did not answer within ${timeouts.connectMs / 1000} s`,
    )
    const response = await fetch(url, {
      redirect: 'manual',
      signal: watchdog.signal,
      // Compressed bytes would not match the offsets of a range.
      headers: { 'accept-encoding': 'identity', ...(from > 0 ? { range: `bytes=${from}-` } : {}) },
    })
    headers.push(response.headers)
    const location = response.headers.get('location')
    if (response.status < 300 || response.status >= 400 || location === null)
      return { response, headers, url }
    await response.body?.cancel()
    const next = new URL(location, url)
    if (next.protocol !== 'https:' && next.protocol !== new URL(start).protocol) {
      throw failed(`${host(url)} redirects from https to ${next.protocol.slice(0, -1)}`)
    }
    url = next.href
  }
  throw failed(`${host(start)} redirects in circles`)
}

/** The hub's `x-linked-etag`, an artifact store's `x-checksum-sha256`, or an etag that is a SHA-256. */
function announcedSha256(answers: readonly Headers[]): string | undefined {
  for (const headers of answers) {
    for (const name of ['x-linked-etag', 'x-checksum-sha256', 'etag']) {
      const match = /^(?:W\/)?"?([0-9a-f]{64})"?$/i.exec(headers.get(name) ?? '')
      if (match?.[1]) return match[1].toLowerCase()
    }
  }
  return undefined
}

/** Aborts when the other side is silent for too long; our own disk's time does not count. */
class Watchdog {
  readonly #controller = new AbortController()
  readonly signal: AbortSignal
  timedOut: string | undefined
  #timer: NodeJS.Timeout | undefined
  #ms = 0
  #describe: () => string = () => ''

  constructor(outer: AbortSignal) {
    this.signal = AbortSignal.any([outer, this.#controller.signal])
  }

  expect(ms: number, describe: () => string): void {
    this.#ms = ms
    this.#describe = describe
    this.resume()
  }

  resume(): void {
    this.pause()
    this.#timer = setTimeout(() => {
      this.timedOut = this.#describe()
      this.#controller.abort()
    }, this.#ms)
  }

  pause(): void {
    clearTimeout(this.#timer)
  }

  /** Also drops a connection that still has bytes for us. */
  stop(): void {
    this.pause()
    this.#controller.abort()
  }
}

function failed(message: string, cause?: unknown): EngineError {
  return new EngineError('download-failed', message, cause === undefined ? {} : { cause })
}

function host(url: string): string {
  return new URL(url).host
}

// fetch says "fetch failed" or "terminated"; the reason is in the cause.
function networkReason(error: unknown): string {
  const cause: unknown = error instanceof Error ? (error.cause ?? error) : error
  if (cause instanceof Error && 'code' in cause && typeof cause.code === 'string') return cause.code
  return cause instanceof Error ? cause.message : String(cause)
}
