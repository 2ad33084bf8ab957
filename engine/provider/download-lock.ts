// One process downloads a model while the others wait for it: two editors often start at the same time.
import { randomUUID } from 'node:crypto'
import { readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import type { Log } from '../base/log'
import { sleep } from '../base/signal'

/** Runs `work` while holding `lockFile`. Its folder exists. A lock whose owner is gone is taken over. */
export async function withDownloadLock<T>(
  lockFile: string,
  log: Log,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  const owner = `${process.pid} ${randomUUID()}`
  await acquire(lockFile, owner, log, signal)
  const heartbeat = setInterval(() => {
    // A lock that somebody removed by hand has no time to set; the work goes on, the checksum guards the result.
    utimes(lockFile, new Date(), new Date()).catch(() => undefined)
  }, heartbeatMs)
  heartbeat.unref()
  try {
    return await work()
  } finally {
    clearInterval(heartbeat)
    if ((await contents(lockFile)) === owner) await rm(lockFile, { force: true })
  }
}

const heartbeatMs = 5_000
// A laptop that slept may be late by a beat or two, a process that is gone is late for ever.
const staleMs = 60_000
const waitMs = 500

async function acquire(lockFile: string, owner: string, log: Log, signal: AbortSignal): Promise<void> {
  for (let told = false; ;) {
    try {
      await writeFile(lockFile, owner, { flag: 'wx' })
      return
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
    }
    const other = await contents(lockFile)
    if (other !== undefined && (await isAbandoned(lockFile, other))) {
      await takeAway(lockFile, other)
      continue
    }
    if (!told) log.info('Another Hearth process is downloading this model; waiting for it.')
    told = true
    await sleep(waitMs, signal)
  }
}

async function isAbandoned(lockFile: string, owner: string): Promise<boolean> {
  const age = await stat(lockFile).then(
    (found) => Date.now() - found.mtimeMs,
    () => 0,
  )
  if (age > staleMs) return true
  // A process that has just created the file may not have written its name yet.
  const pid = Number.parseInt(owner, 10)
  return Number.isInteger(pid) && !isAlive(pid)
}

// The lock may have changed hands since it was judged: what was moved away is looked at again, and put back if it is another's.
async function takeAway(lockFile: string, judged: string): Promise<void> {
  const aside = `${lockFile}.${randomUUID()}`
  try {
    await rename(lockFile, aside)
    if ((await contents(aside)) === judged) await rm(aside, { force: true })
    else await rename(aside, lockFile)
  } catch (error) {
    // Somebody else was quicker; the caller looks again.
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it runs, but as another user.
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

async function contents(file: string): Promise<string | undefined> {
  return readFile(file, 'utf8').catch(() => undefined)
}
