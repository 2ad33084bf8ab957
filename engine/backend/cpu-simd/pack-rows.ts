// Rows of a file's blocks to records of 8 rows, and one row back to numbers.
import { tensorTypes, type TensorType } from '../../format/ggml-types'
import {
  groupRows,
  layouts,
  quantAt,
  recordColumns,
  recordOf,
  type BlockLayout,
  type BlockType,
  type LayoutName,
} from './block-layout'
import type { Blocks, ReadBlock } from './read-blocks'

/** A matrix of a type with blocks, [rows, cols], as it lies in memory. */
export class BlockRows {
  readonly layout: LayoutName
  /** Groups of 8 rows, the last one filled with zeros. */
  readonly groups: number
  /** Records of a row. */
  readonly records: number
  readonly groupBytes: number
  readonly #spec: BlockLayout
  readonly #read: ReadBlock
  readonly #file: { block: number; bytes: number }
  /** By row of the group and column: where the quant is. */
  readonly #bytes: Uint8Array
  readonly #shifts: Uint8Array

  /** `row` is the type's own. */
  constructor(type: TensorType, row: BlockType, rows: number, cols: number) {
    this.layout = row.layout
    this.#spec = layouts[row.layout]
    this.#read = row.read
    this.#file = tensorTypes[type]
    this.groups = Math.ceil(rows / groupRows)
    this.records = cols / recordColumns
    this.groupBytes = this.records * recordOf(this.#spec).bytes
    const places = Array.from({ length: groupRows * recordColumns }, (_, i) =>
      quantAt(this.#spec.bits, Math.floor(i / recordColumns), i % recordColumns),
    )
    this.#bytes = Uint8Array.from(places, ({ byte }) => byte)
    this.#shifts = Uint8Array.from(places, ({ shift }) => shift)
  }

  get bytes(): number {
    return this.groups * this.groupBytes
  }

  /** Packs whole rows of the file, row `first` of the matrix and on, to `memory`, which was all zeros. */
  pack(rows: Uint8Array, first: number, memory: Uint8Array): void {
    const { block, bytes } = this.#file
    const perBlock = block / recordColumns
    const stride = (this.records / perBlock) * bytes
    const from: Blocks = {
      quants: new Int8Array(block),
      scales: new Float32Array(2 * perBlock),
      minimums: new Float32Array(perBlock),
    }
    const record = recordOf(this.#spec)
    const floats = new Float32Array(memory.buffer, memory.byteOffset, memory.byteLength >> 2)
    const parts = recordColumns / this.#spec.part
    for (let at = 0, row = first; at < rows.length; at += stride, row++) {
      const lane = row % groupRows
      const group = Math.floor(row / groupRows) * this.groupBytes
      for (let index = 0; index < this.records; index += perBlock) {
        this.#read(rows, at + (index / perBlock) * bytes, from)
        for (let b = 0; b < perBlock; b++) {
          const to = group + (index + b) * record.bytes
          this.#packQuants(from.quants, b, lane, memory, to)
          const scales = (to + record.scales) / 4 + lane
          for (let part = 0; part < parts; part++)
            floats[scales + groupRows * part] = from.scales[2 * b + part]!
          if (this.#spec.minimum) floats[(to + record.minimums) / 4 + lane] = from.minimums[b]!
        }
      }
    }
  }

  /** The values of a row, times `scale`. */
  unpack(memory: Uint8Array, row: number, scale: number, out: Float32Array): void {
    const { bits, centered, minimum, part } = this.#spec
    const record = recordOf(this.#spec)
    const floats = new Float32Array(memory.buffer, memory.byteOffset, memory.byteLength >> 2)
    const lane = row % groupRows
    const group = Math.floor(row / groupRows) * this.groupBytes
    for (let i = 0; i < out.length; i++) {
      const column = i % recordColumns
      const at = group + Math.floor(i / recordColumns) * record.bytes
      const place = lane * recordColumns + column
      const byte = memory[at + this.#bytes[place]!]!
      const quant =
        bits === 8 ? (byte << 24) >> 24 : ((byte >> this.#shifts[place]!) & 15) - (centered ? 8 : 0)
      const factor = floats[(at + record.scales) / 4 + groupRows * Math.floor(column / part) + lane]!
      const least = minimum ? floats[(at + record.minimums) / 4 + lane]! : 0
      out[i] = (quant * factor + least) * scale
    }
  }

  #packQuants(quants: Int8Array, block: number, lane: number, memory: Uint8Array, to: number): void {
    const from = block * recordColumns
    const places = lane * recordColumns
    if (this.#spec.bits === 8) {
      for (let i = 0; i < recordColumns; i++) memory[to + this.#bytes[places + i]!] = quants[from + i]!
      return
    }
    for (let i = 0; i < recordColumns; i++)
      memory[to + this.#bytes[places + i]!]! |= quants[from + i]! << this.#shifts[places + i]!
  }
}
