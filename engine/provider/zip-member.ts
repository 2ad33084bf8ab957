// Reads one file out of a zip archive as a stream: all that is needed of a wheel. Layout from PKWARE's APPNOTE.TXT.
import { createReadStream } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { createInflateRaw } from 'node:zlib'
import { EngineError } from '../protocol/errors'

export interface ZipMember {
  /** Bytes once unpacked, as the archive claims: the reader must count for itself. */
  bytes: number
  stream(signal: AbortSignal): Readable
}

/** Throws `download-failed` when the archive is damaged, or has no such member. */
export async function findZipMember(archive: string, name: string): Promise<ZipMember> {
  const handle = await open(archive, 'r')
  try {
    const { size } = await handle.stat()
    const directory = await readDirectory(handle, size)
    const entry = findEntry(directory, name)
    const header = await readAt(handle, entry.headerOffset, localHeaderBytes)
    if (header.readUInt32LE(0) !== localHeaderSignature) throw damaged('its directory points nowhere')
    // Name and extra field may be longer here than in the directory, so the data's place is known only now.
    const start = entry.headerOffset + localHeaderBytes + header.readUInt16LE(26) + header.readUInt16LE(28)
    if (start + entry.packedBytes > size) throw damaged('it is cut off')
    return { bytes: entry.bytes, stream: (signal) => unpack(archive, entry, start, signal) }
  } finally {
    await handle.close()
  }
}

interface Entry {
  method: number
  packedBytes: number
  bytes: number
  headerOffset: number
}

const endSignature = 0x06054b50
const entrySignature = 0x02014b50
const localHeaderSignature = 0x04034b50
const endBytes = 22
const entryBytes = 46
const localHeaderBytes = 30
const stored = 0
const deflated = 8

// A wheel with a model in it lists a dozen files. The directory is held in memory, so its size needs a bound.
const mostDirectoryBytes = 16 << 20

async function readDirectory(handle: FileHandle, size: number): Promise<Buffer> {
  // The end record is last, but for a comment of at most 65,535 bytes.
  const tail = await readAt(handle, Math.max(0, size - endBytes - 0xffff), Math.min(size, endBytes + 0xffff))
  for (let at = tail.length - endBytes; at >= 0; at--) {
    if (tail.readUInt32LE(at) !== endSignature) continue
    const bytes = tail.readUInt32LE(at + 12)
    const offset = tail.readUInt32LE(at + 16)
    if (offset === 0xffffffff) throw damaged('it is larger than 4 GB (ZIP64), which is not supported')
    if (bytes > mostDirectoryBytes || offset + bytes > size) throw damaged('its directory is too large')
    return readAt(handle, offset, bytes)
  }
  throw damaged('it has no directory')
}

function findEntry(directory: Buffer, name: string): Entry {
  for (let at = 0; at + entryBytes <= directory.length;) {
    if (directory.readUInt32LE(at) !== entrySignature) throw damaged('its directory is broken')
    const nameEnd = at + entryBytes + directory.readUInt16LE(at + 28)
    if (directory.toString('utf8', at + entryBytes, nameEnd) === name) {
      return {
        method: directory.readUInt16LE(at + 10),
        packedBytes: directory.readUInt32LE(at + 20),
        bytes: directory.readUInt32LE(at + 24),
        headerOffset: directory.readUInt32LE(at + 42),
      }
    }
    at = nameEnd + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32)
  }
  throw damaged(`it does not contain ${name}`)
}

function unpack(archive: string, entry: Entry, start: number, signal: AbortSignal): Readable {
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

async function readAt(handle: FileHandle, offset: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length)
  const { bytesRead } = await handle.read(buffer, 0, length, offset)
  if (bytesRead < length) throw damaged('it is cut off')
  return buffer
}

function damaged(how: string): EngineError {
  return new EngineError('download-failed', `the archive cannot be read: ${how}`)
}
