// Writes small zip archives for tests, whole or damaged on request.
import { crc32, deflateRawSync } from 'node:zlib'

export interface ZipEntry {
  name: string
  data: Buffer
  method?: 'store' | 'deflate'
  /** Claims another unpacked size. */
  claimedBytes?: number
  /** Claims another compression method. */
  claimedMethod?: number
}

export function writeZip(entries: readonly ZipEntry[], comment = ''): Buffer {
  const parts: Buffer[] = []
  const directory: Buffer[] = []
  let offset = 0
  for (const entry of entries) {
    const packed = entry.method === 'store' ? entry.data : deflateRawSync(entry.data)
    const name = Buffer.from(entry.name)
    const facts = Buffer.alloc(26)
    facts.writeUInt16LE(20, 0)
    facts.writeUInt16LE(entry.claimedMethod ?? (entry.method === 'store' ? 0 : 8), 4)
    facts.writeUInt32LE(crc32(entry.data), 10)
    facts.writeUInt32LE(packed.length, 14)
    facts.writeUInt32LE(entry.claimedBytes ?? entry.data.length, 18)
    facts.writeUInt16LE(name.length, 22)
    // An extra field in the local header only: its length must be read there, not in the directory.
    const extra = Buffer.from([0xfe, 0xca, 0, 0])
    const local = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), facts, name, extra, packed])
    local.writeUInt16LE(extra.length, 28)
    parts.push(local)
    const tail = Buffer.alloc(14)
    tail.writeUInt32LE(offset, 10)
    directory.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\0', 'latin1'), facts, tail, name]))
    offset += local.length
  }
  const listed = Buffer.concat(directory)
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06', 'latin1')
  end.writeUInt16LE(entries.length, 8)
  end.writeUInt16LE(entries.length, 10)
  end.writeUInt32LE(listed.length, 12)
  end.writeUInt32LE(offset, 16)
  end.writeUInt16LE(comment.length, 20)
  return Buffer.concat([...parts, listed, end, Buffer.from(comment)])
}
