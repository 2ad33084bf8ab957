// How a block-quantized matrix lies in memory for SIMD: 8 rows together, a record per 32 columns, scales as float32.
import type { TensorType } from '../../format/ggml-types'
import {
  readIQ4_NL,
  readIQ4_XS,
  readQ3_K,
  readQ4_0,
  readQ4_1,
  readQ4_K,
  readQ5_0,
  readQ5_1,
  readQ5_K,
  readQ6_K,
  readQ8_0,
  type ReadBlock,
} from './read-blocks'

/** Rows of one group, which share their records. Rows that a matrix lacks are zeros. */
export const groupRows = 8

/** Columns of one record. */
export const recordColumns = 32

/** What the kernels know about a type: value = quant * scale + minimum. */
export interface BlockLayout {
  /** Quants of 4 bits are 0 to 15, of 8 bits signed. */
  readonly bits: 4 | 8
  /** Whether 8 is taken from each quant. */
  readonly centered: boolean
  /** Whether a minimum is added to each value. */
  readonly minimum: boolean
  /** Columns that share a scale. */
  readonly part: 16 | 32
}

export const layouts = {
  centered4: { bits: 4, centered: true, minimum: false, part: 32 },
  minimum4: { bits: 4, centered: false, minimum: true, part: 32 },
  plain8: { bits: 8, centered: false, minimum: false, part: 32 },
  minimum8: { bits: 8, centered: false, minimum: true, part: 32 },
  halves8: { bits: 8, centered: false, minimum: false, part: 16 },
} as const satisfies Record<string, BlockLayout>

export type LayoutName = keyof typeof layouts

export interface BlockType {
  readonly layout: LayoutName
  readonly read: ReadBlock
}

/** One row per type with blocks that has kernels (q2_k, whose minimums are of 16 columns, has none): how its values lie here, and how they are read from the file's blocks. */
export const blockTypes: Readonly<Partial<Record<TensorType, BlockType>>> = {
  q4_0: { layout: 'centered4', read: readQ4_0 },
  q4_1: { layout: 'minimum4', read: readQ4_1 },
  q5_0: { layout: 'plain8', read: readQ5_0 },
  q5_1: { layout: 'minimum8', read: readQ5_1 },
  q8_0: { layout: 'plain8', read: readQ8_0 },
  q3_k: { layout: 'halves8', read: readQ3_K },
  q4_k: { layout: 'minimum4', read: readQ4_K },
  q5_k: { layout: 'minimum8', read: readQ5_K },
  q6_k: { layout: 'halves8', read: readQ6_K },
  iq4_nl: { layout: 'plain8', read: readIQ4_NL },
  iq4_xs: { layout: 'plain8', read: readIQ4_XS },
}

/** Bytes of a record and of what it holds, in this order: quants, per part the scales of 8 rows, and their minimums. */
export function recordOf({ bits, minimum, part }: BlockLayout): {
  scales: number
  minimums: number
  bytes: number
} {
  const scales = (groupRows * recordColumns * bits) / 8
  const minimums = scales + (recordColumns / part) * groupRows * 4
  return { scales, minimums, bytes: minimums + (minimum ? groupRows * 4 : 0) }
}

/** Columns that come together: a kernel takes them as two pairs, even ones and odd ones. */
export const togetherColumns = 4

/** Where the quant of a row of the group and a column of the record is: its byte, and for 4 bits the shift in it. */
export function quantAt(bits: 4 | 8, row: number, column: number): { byte: number; shift: number } {
  const together = Math.floor(column / togetherColumns)
  const half = row >> 2
  // 16 bytes of 4 rows and 4 columns, the other 4 rows in the high halves of the bytes. Their even bytes are pairs of even columns.
  if (bits === 4) return { byte: together * 16 + (row & 3) * 4 + (column & 3), shift: 4 * half }
  const pair = 2 * together + (column & 1)
  return { byte: (2 * pair + half) * 8 + (row & 3) * 2 + ((column >> 1) & 1), shift: 0 }
}
