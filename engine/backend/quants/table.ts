// One row per tensor type a backend can compute with: how to decode it on the CPU, and how it lies on the GPU.
import { tensorTypes, type TensorType } from '../../format/ggml-types'
import bf16 from './bf16.wgsl'
import bits from './bits.wgsl'
import codebook from './codebook.wgsl'
import {
  decodeBf16,
  decodeF16,
  decodeF32,
  decodeIQ4_NL,
  decodeIQ4_XS,
  decodeQ2_K,
  decodeQ3_K,
  decodeQ4_0,
  decodeQ4_1,
  decodeQ4_K,
  decodeQ5_0,
  decodeQ5_1,
  decodeQ5_K,
  decodeQ6_K,
  decodeQ8_0,
  type Decode,
} from './decode'
import dotBytes from './dot-bytes.wgsl'
import dotNibbles from './dot-nibbles.wgsl'
import dotWeights from './dot-weights.wgsl'
import f16 from './f16.wgsl'
import f32 from './f32.wgsl'
import integersQ4_0 from './integers-q4_0.wgsl'
import integersQ4_1 from './integers-q4_1.wgsl'
import integersQ5_0 from './integers-q5_0.wgsl'
import integersQ5_1 from './integers-q5_1.wgsl'
import integersQ8_0 from './integers-q8_0.wgsl'
import iq4_nl from './iq4_nl.wgsl'
import iq4_xs from './iq4_xs.wgsl'
import {
  packIQ4_XS,
  packPlain,
  packQ2_K,
  packQ3_K,
  packQ4_0,
  packQ4_1,
  packQ4_K,
  packQ5_0,
  packQ5_1,
  packQ5_K,
  packQ6_K,
  packQ8_0,
  type Pack,
} from './pack'
import q2_k from './q2_k.wgsl'
import q3_k from './q3_k.wgsl'
import q4_0 from './q4_0.wgsl'
import q4_1 from './q4_1.wgsl'
import q4_k from './q4_k.wgsl'
import q5_0 from './q5_0.wgsl'
import q5_1 from './q5_1.wgsl'
import q5_k from './q5_k.wgsl'
import q6_k from './q6_k.wgsl'
import q8_0 from './q8_0.wgsl'
import sixBitScales from './six-bit-scales.wgsl'
import sharedX from './shared-x.wgsl'
import spreadBits from './spread-bits.wgsl'

/** Values one `Chunk` of the WGSL files holds; rows on the GPU are padded with zeros to whole chunks. */
export const chunkValues = 32

interface QuantRow {
  readonly decode: Decode
  /** Words of the quants plane and bytes of the scales plane per chunk, on average over a block. */
  readonly quantWords: number
  readonly scaleBytes: number
  readonly pack: Pack
  /** Declares bindings 2 and 3 and `load_chunk`, `weights4`: all a matrix kernel knows about a type. Shared parts come first. */
  readonly wgsl: string
  /** Declares `integers4` and `affine` for kernels that multiply integers; types whose chunks have one scale and no codebook. */
  readonly integers?: string
  /** Declares `x_factor` and `chunk_dot` as dot-weights.wgsl does, where there is something faster. */
  readonly dot?: string
}

export const quants: Readonly<Record<TensorType, QuantRow>> = {
  f32: { decode: decodeF32, quantWords: 32, scaleBytes: 0, pack: packPlain, wgsl: f32 },
  f16: { decode: decodeF16, quantWords: 16, scaleBytes: 0, pack: packPlain, wgsl: f16 },
  bf16: { decode: decodeBf16, quantWords: 16, scaleBytes: 0, pack: packPlain, wgsl: bf16 },
  q4_0: {
    decode: decodeQ4_0,
    quantWords: 4,
    scaleBytes: 2,
    pack: packQ4_0,
    wgsl: bits + q4_0,
    integers: integersQ4_0,
    dot: dotNibbles,
  },
  q4_1: {
    decode: decodeQ4_1,
    quantWords: 4,
    scaleBytes: 4,
    pack: packQ4_1,
    wgsl: bits + q4_1,
    integers: integersQ4_1,
    dot: dotNibbles,
  },
  q5_0: {
    decode: decodeQ5_0,
    quantWords: 4,
    scaleBytes: 8,
    pack: packQ5_0,
    wgsl: bits + q5_0,
    integers: spreadBits + integersQ5_0,
  },
  q5_1: {
    decode: decodeQ5_1,
    quantWords: 4,
    scaleBytes: 8,
    pack: packQ5_1,
    wgsl: bits + q5_1,
    integers: spreadBits + integersQ5_1,
  },
  q8_0: {
    decode: decodeQ8_0,
    quantWords: 8,
    scaleBytes: 2,
    pack: packQ8_0,
    wgsl: q8_0,
    integers: integersQ8_0,
    dot: dotBytes,
  },
  q2_k: { decode: decodeQ2_K, quantWords: 2, scaleBytes: 2.5, pack: packQ2_K, wgsl: bits + q2_k },
  q3_k: { decode: decodeQ3_K, quantWords: 2, scaleBytes: 6.5, pack: packQ3_K, wgsl: bits + q3_k },
  q4_k: {
    decode: decodeQ4_K,
    quantWords: 4,
    scaleBytes: 2,
    pack: packQ4_K,
    wgsl: bits + sixBitScales + q4_k,
    integers: integersQ4_1,
    dot: dotNibbles,
  },
  q5_k: {
    decode: decodeQ5_K,
    quantWords: 4,
    scaleBytes: 6,
    pack: packQ5_K,
    wgsl: bits + sixBitScales + q5_k,
    integers: spreadBits + integersQ5_1,
  },
  q6_k: { decode: decodeQ6_K, quantWords: 4, scaleBytes: 12, pack: packQ6_K, wgsl: bits + q6_k },
  // The same planes as q4_0: only the meaning of a nibble differs.
  iq4_nl: {
    decode: decodeIQ4_NL,
    quantWords: 4,
    scaleBytes: 2,
    pack: packQ4_0,
    wgsl: bits + codebook + iq4_nl,
  },
  iq4_xs: {
    decode: decodeIQ4_XS,
    quantWords: 4,
    scaleBytes: 1,
    pack: packIQ4_XS,
    wgsl: bits + codebook + iq4_xs,
  },
}

/** WGSL that multiplies a chunk with what all rows share of x. */
export function dotText(type: TensorType): string {
  return sharedX + (quants[type].dot ?? dotWeights)
}

/** Chunks that lie together in a plane, because they share a block's scales. */
export function blockChunks(type: TensorType): number {
  return Math.max(1, tensorTypes[type].block / chunkValues)
}

/** Bytes of one row in the file's layout. */
export function rowBytes(type: TensorType, cols: number): number {
  const { block, bytes } = tensorTypes[type]
  return (cols / block) * bytes
}
