// Reads weights part by part into memory that is used again and again: new memory for every part would be as much garbage as the model.
import { rowBytes } from './quants/table'
import type { ReadBytes, WeightSpec } from './backend'

/** About as much as is read at once: a few milliseconds of work, and little beside any model. */
const partBytes = 1 << 20

/** Consecutive rows, `bytes` as they are in the file, until the next part is asked for. */
export interface Part {
  readonly firstRow: number
  readonly rows: number
  readonly bytes: Uint8Array
}

/** Fills `into` with the bytes of a weight from `offset` on. */
export async function readInto(into: Uint8Array, read: ReadBytes, offset: number): Promise<void> {
  const bytes = await read(offset, into.length, into)
  if (bytes.buffer !== into.buffer) into.set(bytes)
}

export class PartReader {
  readonly #idle: Uint8Array[] = []

  /**
   * Rows `from` to `to` of a weight in order, a multiple of `step` rows at a time but for the last part. While a part is used, the
   * next one is on its way.
   */
  async *parts(
    { type, cols }: WeightSpec,
    read: ReadBytes,
    { from, to, step = 1 }: { from: number; to: number; step?: number },
  ): AsyncGenerator<Part, void> {
    const stride = rowBytes(type, cols)
    const most = Math.max(1, Math.floor(partBytes / stride / step)) * step
    const size = Math.min(most, to - from) * stride
    const begin = (firstRow: number, into: Uint8Array): Promise<Uint8Array> => {
      const reading = read(firstRow * stride, Math.min(most, to - firstRow) * stride, into)
      // Whoever asks for this part hears of it; if nobody does, the process must not end.
      reading.catch(() => undefined)
      return reading
    }
    let [now, then] = [this.#take(size), this.#take(size)]
    let next = begin(from, now)
    try {
      for (let firstRow = from; firstRow < to; firstRow += most) {
        const bytes = await next
        const rows = Math.min(most, to - firstRow)
        if (firstRow + rows < to) next = begin(firstRow + rows, then)
        yield { firstRow, rows, bytes }
        ;[now, then] = [then, now]
      }
    } finally {
      // The file may still be writing there.
      await next.catch(() => undefined)
      this.#idle.push(now, then)
    }
  }

  #take(size: number): Uint8Array {
    const found = this.#idle.findIndex((bytes) => bytes.length >= size)
    const [idle] = found < 0 ? [] : this.#idle.splice(found, 1)
    return idle ?? new Uint8Array(Math.max(size, partBytes))
  }
}
