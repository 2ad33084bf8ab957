// Failures of the cache folder, told as what the user can do about them.
import { EngineError } from '../protocol/errors'

/** Errors that another source of the same model would meet too. Anything else is undefined. */
export function asDiskError(error: unknown, folder: string): EngineError | undefined {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return undefined
  const message = messages[error.code]
  return message === undefined ? undefined : diskError(message(folder), error)
}

export function diskFull(folder: string, cause?: unknown): EngineError {
  return diskError(`The disk is full: no room for the model in ${folder}.`, cause)
}

/** Refuses early, with numbers, what would fail after minutes. */
export function notEnoughRoom(folder: string, needed: number, free: number): EngineError {
  return diskError(
    `The model needs ${describeBytes(needed)} in ${folder}, but only ${describeBytes(free)} are free.`,
  )
}

export function describeBytes(bytes: number): string {
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(1)} GB`
}

const messages: Record<string, (folder: string) => string> = {
  ENOSPC: (folder) => `The disk is full: no room for the model in ${folder}.`,
  EDQUOT: (folder) => `Your disk quota is used up: no room for the model in ${folder}.`,
  EFBIG: (folder) => `The file system of ${folder} cannot hold a file of this size.`,
  EACCES: (folder) => `No permission to write to ${folder}.`,
  EPERM: (folder) => `No permission to write to ${folder}.`,
  EROFS: (folder) => `${folder} is on a read-only file system.`,
  ENOTDIR: (folder) => `${folder} cannot be created: a part of that path is a file.`,
  EEXIST: (folder) => `${folder} cannot be created: there is a file of that name.`,
  EIO: (folder) => `The disk failed while writing to ${folder}.`,
}

function diskError(message: string, cause?: unknown): EngineError {
  return new EngineError('disk', message, {
    hint: 'Free some space or fix the permissions, or set HEARTH_CACHE to another folder.',
    ...(cause === undefined ? {} : { cause }),
  })
}
