// One row per GGML tensor type: its number on disk and the size of a block. Sizes from ggml-common.h's block structs.

interface TypeRow {
  /** Number in a GGUF tensor info. */
  id: number
  /** Elements of one block; a row of a matrix is a whole number of blocks. */
  block: number
  /** Bytes of one block. */
  bytes: number
}

export const tensorTypes = {
  f32: { id: 0, block: 1, bytes: 4 },
  f16: { id: 1, block: 1, bytes: 2 },
  q4_0: { id: 2, block: 32, bytes: 18 },
  q4_1: { id: 3, block: 32, bytes: 20 },
  q5_0: { id: 6, block: 32, bytes: 22 },
  q5_1: { id: 7, block: 32, bytes: 24 },
  q8_0: { id: 8, block: 32, bytes: 34 },
  q2_k: { id: 10, block: 256, bytes: 84 },
  q3_k: { id: 11, block: 256, bytes: 110 },
  q4_k: { id: 12, block: 256, bytes: 144 },
  q5_k: { id: 13, block: 256, bytes: 176 },
  q6_k: { id: 14, block: 256, bytes: 210 },
  iq4_nl: { id: 20, block: 32, bytes: 18 },
  iq4_xs: { id: 23, block: 256, bytes: 136 },
  bf16: { id: 30, block: 1, bytes: 2 },
} as const satisfies Record<string, TypeRow>

export type TensorType = keyof typeof tensorTypes

/** Bytes of `elements` values of a type; `elements` is a multiple of the block. */
export function byteLength(type: TensorType, elements: number): number {
  const row = tensorTypes[type]
  return (elements / row.block) * row.bytes
}
