// Rearranges a file's rows so that each block of `side` of them lies side by side, as kernels/rows-beside.wgsl finds them.

/** Rows in the file's layout: how many, and how their blocks lie. Bytes of a block are even. */
export interface FileRows {
  readonly bytes: Uint8Array
  readonly rows: number
  readonly blocksPerRow: number
  readonly blockBytes: number
}

/** Where rearranged rows lie until they are packed; it grows to the most that was asked for. */
export class RearrangedRows {
  #halves = new Uint16Array(0)

  /** `side` rows side by side, their first blocks before their second ones; rows that are left over at the end likewise. */
  of({ bytes, rows, blocksPerRow, blockBytes }: FileRows, side: number): Uint8Array {
    const from = halvesOf(bytes)
    if (this.#halves.length < from.length) this.#halves = new Uint16Array(from.length)
    const to = this.#halves
    const size = blockBytes / 2
    let at = 0
    for (let first = 0; first < rows; first += side) {
      const beside = Math.min(side, rows - first)
      for (let row = 0; row < beside; row++) {
        for (let block = 0; block < blocksPerRow; block++) {
          let target = (first * blocksPerRow + block * beside + row) * size
          for (let i = 0; i < size; i++) to[target++] = from[at++]!
        }
      }
    }
    return new Uint8Array(to.buffer, 0, bytes.length)
  }
}

// A view of half-words must begin at an even byte.
function halvesOf(bytes: Uint8Array): Uint16Array {
  const even = bytes.byteOffset % 2 === 0 ? bytes : bytes.slice()
  return new Uint16Array(even.buffer, even.byteOffset, even.length / 2)
}
