// A file that is hashed while it is written, so that a model is never read twice to be trusted.
import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import path from 'node:path'
import { asDiskError } from './disk-error'

export class CheckedFile {
  private constructor(
    readonly path: string,
    private readonly handle: FileHandle,
    private hash: Hash,
    private written: number,
  ) {}

  /** Opens `file` to append to what an earlier attempt left there. Throws `disk`. */
  static async resume(file: string, signal: AbortSignal): Promise<CheckedFile> {
    let handle: FileHandle | undefined
    try {
      handle = await open(file, 'a')
      const hash = createHash('sha256')
      const { size } = await handle.stat()
      if (size > 0) {
        const before = createReadStream(file, { end: size - 1, highWaterMark: 1 << 20, signal })
        for await (const chunk of before as AsyncIterable<Buffer>) hash.update(chunk)
      }
      return new CheckedFile(file, handle, hash, size)
    } catch (error) {
      await handle?.close()
      throw asDiskError(error, path.dirname(file)) ?? error
    }
  }

  get size(): number {
    return this.written
  }

  /** Throws `disk`. */
  async append(chunk: Uint8Array): Promise<void> {
    await this.#guard(async () => {
      // `write` may take a part of the chunk when the disk is nearly full; the next call then says ENOSPC.
      for (let offset = 0; offset < chunk.length;) {
        const { bytesWritten } = await this.handle.write(chunk, offset)
        offset += bytesWritten
      }
    })
    this.hash.update(chunk)
    this.written += chunk.length
  }

  async clear(): Promise<void> {
    await this.#guard(() => this.handle.truncate(0))
    this.hash = createHash('sha256')
    this.written = 0
  }

  /** SHA-256 of everything so far, in hex. */
  digest(): string {
    return this.hash.copy().digest('hex')
  }

  /** Returns when the bytes are on the disk: some file systems report a full disk only here. Throws `disk`. */
  async sync(): Promise<void> {
    await this.#guard(() => this.handle.sync())
  }

  async close(): Promise<void> {
    await this.handle.close()
  }

  async #guard(write: () => Promise<void>): Promise<void> {
    try {
      await write()
    } catch (error) {
      throw asDiskError(error, path.dirname(this.path)) ?? error
    }
  }
}
