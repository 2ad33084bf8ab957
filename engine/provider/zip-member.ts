// Reads one file out of a zip archive as a stream: all that is needed of a wheel.
import { createReadStream } from 'node:fs'
import type { Readable } from 'node:stream'
import { createInflateRaw } from 'node:zlib'
import { openFile } from '../format/byte-source'
import { readZipDirectory, zipDataStart, type ZipEntry } from '../format/zip'
import { EngineError } from '../protocol/errors'

export interface ZipMember {
  /** Bytes once unpacked, as the archive claims: the reader must count for itself. */
  bytes: number
  stream(signal: AbortSignal): Readable
}

/** Throws `download-failed` when the archive is damaged, or has no such member. */
export async function findZipMember(archive: string, name: string): Promise<ZipMember> {
  const source = await openFile(archive)
  try {
    const entry = (await readZipDirectory(source, damaged)).get(name)
    if (entry === undefined) throw damaged(`it does not contain ${name}`)
    const start = await zipDataStart(source, entry, damaged)
    return { bytes: entry.bytes, stream: (signal) => unpack(archive, entry, start, signal) }
  } finally {
    await source.close()
  }
}

const stored = 0
const deflated = 8

function unpack(archive: string, entry: ZipEntry, start: number, signal: AbortSignal): Readable {
  if (entry.method !== stored && entry.method !== deflated) {
    throw damaged(`it is packed with method ${entry.method}, which is not supported`)
  }
  const raw = createReadStream(archive, {
    start,
    end: start + entry.packedBytes - 1,
    highWaterMark: 1 << 18,
    signal,
  })
  if (entry.method === stored) return raw
  const inflate = createInflateRaw({ chunkSize: 1 << 18 })
  raw.on('error', (error) => inflate.destroy(error))
  inflate.on('error', () => raw.destroy())
  return raw.pipe(inflate)
}

function damaged(how: string): EngineError {
  return new EngineError('download-failed', `the archive cannot be read: ${how}`)
}
