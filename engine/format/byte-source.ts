// Bytes with positions, so that parsers run the same on a file and on memory; the only place of this floor that touches the disk.
import { open, readdir, stat, type FileHandle } from 'node:fs/promises'
import { EngineError } from '../protocol/errors'

export interface ByteSource {
  /** What people call it in messages: a path, or a made-up name for bytes in memory. */
  readonly name: string
  /** In bytes. */
  readonly size: number
  /**
   * Exactly `length` bytes from `offset`; they may lie in `into`, which is at least as long. Throws EngineError `bad-file` when
   * the source ends before that.
   */
  read(offset: number, length: number, signal?: AbortSignal, into?: Uint8Array): Promise<Uint8Array>
  close(): Promise<void>
}

/** Opens a file for reading. Throws EngineError `model-missing` when there is none, `disk` when it may not be read. */
export async function openFile(path: string): Promise<ByteSource> {
  let handle: FileHandle
  try {
    handle = await open(path, 'r')
  } catch (error) {
    throw openError(path, error)
  }
  try {
    const { size } = await handle.stat()
    return {
      name: path,
      size,
      read: (offset, length, signal, into) => readHandle(handle, path, size, offset, length, signal, into),
      close: () => handle.close(),
    }
  } catch (error) {
    await handle.close()
    throw error
  }
}

/** Bytes that are already here; tests and small embedded files use it. */
export function memorySource(bytes: Uint8Array, name = 'memory'): ByteSource {
  return {
    name,
    size: bytes.length,
    read: (offset, length, signal) => {
      signal?.throwIfAborted()
      if (!inside(bytes.length, offset, length)) throw shortFile(name, bytes.length, offset + length)
      return Promise.resolve(bytes.subarray(offset, offset + length))
    },
    close: () => Promise.resolve(),
  }
}

/** What stands at a path; anything that is not there or cannot be looked at is `missing`. */
export async function kindOfPath(path: string): Promise<'file' | 'folder' | 'missing'> {
  try {
    return (await stat(path)).isDirectory() ? 'folder' : 'file'
  } catch (error) {
    if (hasCode(error)) return 'missing'
    throw error
  }
}

/** Names in a folder, in order. Throws EngineError `model-missing` when there is none, `disk` when it may not be read. */
export async function listFolder(path: string): Promise<string[]> {
  try {
    return (await readdir(path)).sort()
  } catch (error) {
    throw openError(path, error)
  }
}

// Linux moves at most this much in one read, and a smaller step lets an abort through between two reads.
const maxReadBytes = 64 * 1024 * 1024

async function readHandle(
  handle: FileHandle,
  path: string,
  size: number,
  offset: number,
  length: number,
  signal?: AbortSignal,
  into?: Uint8Array,
): Promise<Uint8Array> {
  if (!inside(size, offset, length)) throw shortFile(path, size, offset + length)
  const bytes = into?.subarray(0, length) ?? new Uint8Array(length)
  let done = 0
  while (done < length) {
    signal?.throwIfAborted()
    const { bytesRead } = await handle.read(bytes, done, Math.min(length - done, maxReadBytes), offset + done)
    // The size was right when the file was opened, so somebody cut it since.
    if (bytesRead === 0) throw shortFile(path, offset + done, offset + length)
    done += bytesRead
  }
  return bytes
}

function inside(size: number, offset: number, length: number): boolean {
  return offset >= 0 && length >= 0 && offset + length <= size
}

function shortFile(name: string, size: number, wanted: number): EngineError {
  return new EngineError('bad-file', `${name} ends at byte ${size}, but byte ${wanted} is needed.`, {
    hint: 'The file is incomplete. Download it again: hearth models get <model>.',
  })
}

function openError(path: string, error: unknown): unknown {
  if (!hasCode(error)) return error
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') {
    return new EngineError('model-missing', `There is no file ${path}.`, {
      hint: 'Check the path, or list and download models: hearth models list, hearth models get <model>.',
      cause: error,
    })
  }
  return new EngineError('disk', `${path} cannot be opened: ${error.message}.`, {
    hint: 'Check that you may read the file.',
    cause: error,
  })
}

function hasCode(error: unknown): error is Error & { code: string } {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
}
