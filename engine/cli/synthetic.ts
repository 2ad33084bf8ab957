// Models of random weights in the shapes of real ones: speed depends on shape and type, not on what the numbers mean.
import type { Checkpoint, MetadataValue, TensorInfo } from '../format/checkpoint'
import { byteLength, tensorTypes, type TensorType } from '../format/ggml-types'
import { EngineError } from '../protocol/errors'
import { rwkvMetadata, rwkvShapes, rwkvTensors } from './synthetic-rwkv'
import { extraTensors, transformerShapes, type TransformerShape } from './synthetic-shapes'

const defaultType: TensorType = 'q4_0'

/** `NAME` or `NAME:TYPE`, such as `qwen2.5-0.5b:q8_0`. Throws `bad-request`. */
export function syntheticCheckpoint(spec: string, contextLength: number): Checkpoint {
  const [name = '', type = defaultType] = spec.toLowerCase().split(':')
  const described = isTensorType(type) ? describe(name, type, contextLength) : undefined
  if (!described) {
    const known = [...Object.keys(transformerShapes), ...Object.keys(rwkvShapes)]
    throw new EngineError('bad-request', `"${spec}" is not a shape.`, {
      hint: `Give one of ${known.join(', ')}, and perhaps a type: ${Object.keys(tensorTypes).join(', ')}.`,
    })
  }
  const tensors = new Map(described.tensors.map((tensor) => [tensor.name, tensor]))
  const patterns = new Map<TensorType, Uint8Array>()
  return {
    path: `synthetic ${spec}`,
    layout: described.layout,
    metadata: described.metadata,
    tensors,
    read: (tensor, offset, length) => {
      const { type: stored } = tensors.get(tensor) ?? { type: defaultType }
      const pattern = patterns.get(stored) ?? makePattern(stored)
      patterns.set(stored, pattern)
      return Promise.resolve(repeat(pattern, offset, length))
    },
    close: () => Promise.resolve(),
  }
}

function isTensorType(type: string): type is TensorType {
  return type in tensorTypes
}

function describe(
  name: string,
  type: TensorType,
  contextLength: number,
): (Pick<Checkpoint, 'layout' | 'metadata'> & { tensors: TensorInfo[] }) | undefined {
  const shape = transformerShapes[name]
  if (shape) {
    const metadata = describeMetadata(shape, name, contextLength)
    return { layout: 'gguf', metadata, tensors: describeTensors(shape, type) }
  }
  const rwkv = rwkvShapes[name]
  if (!rwkv) return undefined
  const tensors = rwkvTensors(rwkv).map(([tensor, extents]): TensorInfo => {
    // Converters leave small things as they are.
    const stored = extents.length > 1 && tensor.endsWith('.weight') ? type : 'f32'
    const bytes = byteLength(
      stored,
      extents.reduce((product, extent) => product * extent, 1),
    )
    return { name: tensor, type: stored, shape: extents, bytes }
  })
  return { layout: 'rwkv', metadata: rwkvMetadata(rwkv, name), tensors }
}

function describeTensors(shape: TransformerShape, type: TensorType): TensorInfo[] {
  const { architecture, hidden, heads, kvHeads, headDim = hidden / heads, ffn, vocabulary } = shape
  const [q, kv] = [headDim * heads, headDim * kvHeads]
  const matrix = (name: string, rows: number, cols: number, wanted: TensorType = type): TensorInfo => {
    // Rows of 256-element blocks must be whole; converters fall back to 32-element blocks just so.
    const fitting = cols % tensorTypes[wanted].block === 0 ? wanted : 'q8_0'
    return {
      name: `${name}.weight`,
      type: fitting,
      shape: [rows, cols],
      bytes: byteLength(fitting, rows * cols),
    }
  }
  const vector = (name: string, cols: number): TensorInfo => ({
    name,
    type: 'f32',
    shape: [cols],
    bytes: cols * 4,
  })
  const { qkvBias, norms } = extraTensors[architecture]
  const layer = (n: number): TensorInfo[] => [
    vector(`blk.${n}.attn_norm.weight`, hidden),
    matrix(`blk.${n}.attn_q`, q, hidden),
    matrix(`blk.${n}.attn_k`, kv, hidden),
    matrix(`blk.${n}.attn_v`, kv, hidden),
    matrix(`blk.${n}.attn_output`, hidden, q),
    vector(`blk.${n}.ffn_norm.weight`, hidden),
    matrix(`blk.${n}.ffn_gate`, ffn, hidden),
    matrix(`blk.${n}.ffn_up`, ffn, hidden),
    matrix(`blk.${n}.ffn_down`, hidden, ffn),
    ...norms.map((name) => vector(`blk.${n}.${name}.weight`, hidden)),
    ...(qkvBias
      ? [
          vector(`blk.${n}.attn_q.bias`, q),
          vector(`blk.${n}.attn_k.bias`, kv),
          vector(`blk.${n}.attn_v.bias`, kv),
        ]
      : []),
  ]
  // Converters spend more bits on the matrix that logits come from.
  const headType = floats.has(type) || type === 'q8_0' ? type : 'q6_k'
  return [
    matrix('token_embd', vocabulary, hidden, shape.tied ? headType : type),
    ...Array.from({ length: shape.layers }, (_, n) => layer(n)).flat(),
    vector('output_norm.weight', hidden),
    ...(shape.tied ? [] : [matrix('output', vocabulary, hidden, headType)]),
  ]
}

const floats: ReadonlySet<TensorType> = new Set(['f32', 'f16', 'bf16'])

function describeMetadata(
  shape: TransformerShape,
  name: string,
  contextLength: number,
): Map<string, MetadataValue> {
  const { architecture } = shape
  const numbers = {
    block_count: shape.layers,
    context_length: contextLength,
    embedding_length: shape.hidden,
    feed_forward_length: shape.ffn,
    'attention.head_count': shape.heads,
    'attention.head_count_kv': shape.kvHeads,
    'attention.layer_norm_rms_epsilon': 1e-6,
    'rope.freq_base': 1e6,
    ...(shape.headDim === undefined
      ? {}
      : { 'attention.key_length': shape.headDim, 'attention.value_length': shape.headDim }),
  }
  return new Map<string, MetadataValue>([
    ['general.architecture', architecture],
    ['general.name', `synthetic ${name}`],
    ...Object.entries(numbers).map(([key, value]): [string, number] => [`${architecture}.${key}`, value]),
    ['tokenizer.ggml.model', 'gpt2'],
    ['tokenizer.ggml.pre', 'gpt-2'],
    ['tokenizer.ggml.tokens', Array.from({ length: shape.vocabulary }, (_, token) => `<${token}>`)],
    // Nothing is ever encoded, so there is nothing to merge.
    ['hearth.tokenizer.ranked', true],
    // llama.cpp reads no such file without a list of merges.
    ['tokenizer.ggml.merges', ['< 0']],
    ['tokenizer.ggml.bos_token_id', 0],
    ['tokenizer.ggml.eos_token_id', 0],
  ])
}

/** Where a block keeps its f16 scales; every other byte may be anything. From ggml-common.h. */
const scaleOffsets: Record<TensorType, readonly number[]> = {
  f32: [],
  f16: [],
  bf16: [],
  q4_0: [0],
  q4_1: [0, 2],
  q5_0: [0],
  q5_1: [0, 2],
  q8_0: [0],
  q2_k: [80, 82],
  q3_k: [108],
  q4_k: [0, 2],
  q5_k: [0, 2],
  q6_k: [208],
  iq4_nl: [0],
  iq4_xs: [0],
}

const smallScale = 0x1400 // 2^-10 as f16

const patternBlocks = 4096

// Random weights, but with small scales: overflowing to infinity takes other paths on some hardware.
function makePattern(type: TensorType): Uint8Array {
  const { bytes: blockBytes } = tensorTypes[type]
  const bytes = new Uint8Array(patternBlocks * blockBytes)
  const view = new DataView(bytes.buffer)
  let seed = 1
  const random = (): number => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0)
  for (let at = 0; at < bytes.length; at++) bytes[at] = random() >>> 24
  for (let block = 0; block < patternBlocks; block++) {
    const at = block * blockBytes
    const value = (random() / 2 ** 32 - 0.5) * 0.1
    if (type === 'f32') view.setFloat32(at, value, true)
    // Sign and a few bits of fraction of something near 0.03.
    if (type === 'f16') view.setUint16(at, 0x2400 | (random() & 0x83ff), true)
    if (type === 'bf16') view.setUint16(at, 0x3c80 | (random() & 0x807f), true)
    for (const offset of scaleOffsets[type]) view.setUint16(at + offset, smallScale, true)
  }
  return bytes
}

function repeat(pattern: Uint8Array, offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let at = 0; at < length;) {
    const from = (offset + at) % pattern.length
    const part = pattern.subarray(from, Math.min(pattern.length, from + length - at))
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}
