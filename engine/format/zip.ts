// The directory of a zip archive: what is in it and where. For wheels and PyTorch checkpoints. Layout from PKWARE's APPNOTE.TXT.
import { quote } from '../base/quote'
import type { EngineError } from '../protocol/errors'
import type { ByteSource } from './byte-source'

export interface ZipEntry {
  readonly name: string
  /** 0 is stored, 8 is deflated. */
  readonly method: number
  readonly encrypted: boolean
  /** Bytes in the archive, and once unpacked; both as the archive claims. */
  readonly packedBytes: number
  readonly bytes: number
  readonly headerOffset: number
}

/** Makes the error for an archive that is not well-formed; `how` continues a sentence and has no final dot. */
export type Damaged = (how: string) => EngineError

/** Whether a file starts as archives do. */
export async function looksLikeZip(source: ByteSource): Promise<boolean> {
  if (source.size < localHeaderBytes) return false
  return buffer(await source.read(0, localHeaderBytes)).readUInt32LE(0) === localHeaderSignature
}

/** Entries by name, in the order of the directory. Archives over 4 GB (ZIP64) are read, too. */
export async function readZipDirectory(
  source: ByteSource,
  damaged: Damaged,
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, ZipEntry>> {
  const { offset, bytes } = await findDirectory(source, damaged, signal)
  if (bytes > mostDirectoryBytes || offset + bytes > source.size) throw damaged('its directory is too large')
  const directory = buffer(await source.read(offset, bytes, signal))
  const entries = new Map<string, ZipEntry>()
  for (let at = 0; at + entryBytes <= directory.length;) {
    if (directory.readUInt32LE(at) !== entrySignature) throw damaged('its directory is broken')
    const nameEnd = at + entryBytes + directory.readUInt16LE(at + 28)
    const extraEnd = nameEnd + directory.readUInt16LE(at + 30)
    if (extraEnd > directory.length) throw damaged('its directory is broken')
    const name = directory.toString('utf8', at + entryBytes, nameEnd)
    if (entries.has(name)) throw damaged(`it lists ${quote(name)} twice`)
    entries.set(name, {
      name,
      encrypted: (directory.readUInt16LE(at + 8) & 1) !== 0,
      method: directory.readUInt16LE(at + 10),
      ...readSizes(directory, at, directory.subarray(nameEnd, extraEnd), damaged),
    })
    at = extraEnd + directory.readUInt16LE(at + 32)
  }
  return entries
}

/** Where the data of an entry starts, in bytes from the start of the archive; all of it is inside the archive. */
export async function zipDataStart(
  source: ByteSource,
  entry: ZipEntry,
  damaged: Damaged,
  signal?: AbortSignal,
): Promise<number> {
  if (entry.headerOffset + localHeaderBytes > source.size) throw damaged('it is cut off')
  const header = buffer(await source.read(entry.headerOffset, localHeaderBytes, signal))
  if (header.readUInt32LE(0) !== localHeaderSignature) throw damaged('its directory points nowhere')
  // Name and extra field may be longer here than in the directory, so the data's place is known only now.
  const start = entry.headerOffset + localHeaderBytes + header.readUInt16LE(26) + header.readUInt16LE(28)
  if (start + entry.packedBytes > source.size) throw damaged('it is cut off')
  return start
}

const endSignature = 0x06054b50
const end64Signature = 0x06064b50
const locator64Signature = 0x07064b50
const entrySignature = 0x02014b50
const localHeaderSignature = 0x04034b50
const endBytes = 22
const end64Bytes = 56
const locator64Bytes = 20
const entryBytes = 46
const localHeaderBytes = 30
/** A field of 32 bits that says: see the field of 64 bits. */
const elsewhere = 0xffffffff

// A checkpoint lists one entry of some 100 bytes for each tensor. The directory is held in memory, so its size needs a bound.
const mostDirectoryBytes = 16 << 20

async function findDirectory(
  source: ByteSource,
  damaged: Damaged,
  signal?: AbortSignal,
): Promise<{ offset: number; bytes: number }> {
  // The end record is last, but for a comment of at most 65,535 bytes.
  const length = Math.min(source.size, endBytes + 0xffff)
  const tailStart = source.size - length
  const tail = buffer(await source.read(tailStart, length, signal))
  for (let at = tail.length - endBytes; at >= 0; at--) {
    if (tail.readUInt32LE(at) !== endSignature) continue
    const bytes = tail.readUInt32LE(at + 12)
    const offset = tail.readUInt32LE(at + 16)
    if (bytes !== elsewhere && offset !== elsewhere) return { offset, bytes }
    return findDirectory64(source, tailStart + at - locator64Bytes, damaged, signal)
  }
  throw damaged('it has no directory')
}

async function findDirectory64(
  source: ByteSource,
  locatorAt: number,
  damaged: Damaged,
  signal?: AbortSignal,
): Promise<{ offset: number; bytes: number }> {
  const nowhere = 'its directory points nowhere'
  if (locatorAt < 0) throw damaged(nowhere)
  const locator = buffer(await source.read(locatorAt, locator64Bytes, signal))
  if (locator.readUInt32LE(0) !== locator64Signature) throw damaged(nowhere)
  const endAt = exact(locator.readBigUInt64LE(8), damaged)
  if (endAt + end64Bytes > source.size) throw damaged(nowhere)
  const end = buffer(await source.read(endAt, end64Bytes, signal))
  if (end.readUInt32LE(0) !== end64Signature) throw damaged(nowhere)
  return { bytes: exact(end.readBigUInt64LE(40), damaged), offset: exact(end.readBigUInt64LE(48), damaged) }
}

function readSizes(
  directory: Buffer,
  at: number,
  extra: Buffer,
  damaged: Damaged,
): Pick<ZipEntry, 'packedBytes' | 'bytes' | 'headerOffset'> {
  const wide = zip64Field(extra)
  let used = 0
  // The wide field has only those numbers that do not fit, in this order.
  const read = (place: number): number => {
    const value = directory.readUInt32LE(at + place)
    if (value !== elsewhere) return value
    if (wide === undefined || used + 8 > wide.length) throw damaged('its directory is broken')
    return exact(wide.readBigUInt64LE((used += 8) - 8), damaged)
  }
  const bytes = read(24)
  const packedBytes = read(20)
  return { bytes, packedBytes, headerOffset: read(42) }
}

function zip64Field(extra: Buffer): Buffer | undefined {
  for (let at = 0; at + 4 <= extra.length;) {
    const end = at + 4 + extra.readUInt16LE(at + 2)
    if (extra.readUInt16LE(at) === 1) return extra.subarray(at + 4, end)
    at = end
  }
  return undefined
}

function exact(value: bigint, damaged: Damaged): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw damaged('its directory is broken')
  return Number(value)
}

function buffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
