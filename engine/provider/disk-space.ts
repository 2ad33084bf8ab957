// Asks for room before a download starts, so that a full disk is told at once and not after minutes.
import { statfs } from 'node:fs/promises'
import { diskFull, notEnoughRoom } from './disk-error'

/** Throws `disk` when the file system of `folder` has less than `needed` bytes for this user. */
export async function checkFreeSpace(folder: string, needed: number): Promise<void> {
  const free = await freeBytes(folder)
  if (free === undefined || free >= needed) return
  throw free === 0 ? diskFull(folder) : notEnoughRoom(folder, needed, free)
}

// Some network file systems cannot say; then the write itself will tell.
async function freeBytes(folder: string): Promise<number | undefined> {
  try {
    const { bavail, bsize, blocks } = await statfs(folder)
    return blocks === 0 ? undefined : bavail * bsize
  } catch {
    return undefined
  }
}
