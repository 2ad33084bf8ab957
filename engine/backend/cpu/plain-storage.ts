// Weights as they are in the file, and plain loops over them: the reference, and what is left where nothing faster applies.
import type { Activation, StateType } from '../../graph/graph'
import { EngineError } from '../../protocol/errors'
import type { ReadBytes, Tensor, WeightSpec } from '../backend'
import { readInto } from '../part-reader'
import { quants, rowBytes } from '../quants/table'
import { attention, type AttentionShape } from './attention'
import { append, rowsOf } from './cache-rows'
import { activate, gated } from './elementwise-ops'
import { embed, matmul, type ColumnsOf, type Matrix, type Work } from './ops'
import type { CpuStorage, CpuTensor, Epilogue } from './storage'

interface PlainTensor extends CpuTensor {
  readonly bytes: Uint8Array
}

export class PlainStorage implements CpuStorage {
  async createWeight(spec: WeightSpec, read: ReadBytes): Promise<CpuTensor> {
    const stride = rowBytes(spec.type, spec.cols)
    const bytes = allocate(spec.label, spec.rows * stride)
    const part = Math.max(1, Math.floor((4 << 20) / stride)) * stride
    for (let at = 0; at < bytes.length; at += part) {
      await readInto(bytes.subarray(at, at + part), read, at)
    }
    const tensor: PlainTensor = { ...spec, bytes, values: undefined }
    // Operations read vectors and tables value by value.
    if (spec.rows > 1 && spec.type !== 'f32') return tensor
    const values = new Float32Array(spec.rows * spec.cols)
    quants[spec.type].decode(bytes, 0, values.length, values)
    const decoded: PlainTensor = { ...tensor, type: 'f32', values, bytes: new Uint8Array(values.buffer) }
    return decoded
  }

  createState(label: string, rows: number, cols: number, type: StateType = 'f32'): CpuTensor {
    const bytes = allocate(label, rows * rowBytes(type, cols))
    const content = type === 'f32' ? { values: new Float32Array(bytes.buffer) } : { packed: bytes }
    const tensor: PlainTensor = { label, type, rows, cols, bytes, values: undefined, ...content }
    return tensor
  }

  // The garbage collector owns the bytes.
  destroy(): void {
    return
  }

  embed(table: CpuTensor, tokens: readonly number[], scale: number, out: Float32Array): Work {
    return embed(matrixOf(table), tokens, scale, out)
  }

  matmul(
    weight: CpuTensor,
    x: Float32Array,
    nTokens: number,
    { bias, scale, add }: Epilogue,
    out: Float32Array,
  ): Work {
    return matmul(matrixOf(weight), x, nTokens, bias, scale, add, out)
  }

  append(x: Float32Array, nTokens: number, position: number, cache: CpuTensor): Work {
    return append(x, nTokens, position, cache)
  }

  activate(activation: Activation, x: Float32Array, count: number, out: Float32Array): Work {
    return activate(activation, x, count, out)
  }

  gated(
    activation: Activation,
    gate: ColumnsOf,
    up: ColumnsOf,
    rows: number,
    cols: number,
    out: Float32Array,
  ): Work {
    return gated(activation, gate, up, rows, cols, out)
  }

  attention(
    q: Float32Array,
    k: CpuTensor,
    v: CpuTensor,
    nTokens: number,
    position: number,
    shape: AttentionShape,
    out: Float32Array,
  ): Work {
    const rows = Math.max(position + nTokens, shape.prefix)
    return attention(q, rowsOf(k, rows), rowsOf(v, rows), nTokens, position, shape, out)
  }

  // There are no threads.
  dispose(): void {
    return
  }
}

function matrixOf(tensor: CpuTensor): Matrix {
  if (!isPlain(tensor))
    throw new EngineError('internal', `tensor "${tensor.label}" is not from the plain storage`)
  const { bytes, type, rows, cols } = tensor
  return { bytes, rows, cols, stride: rowBytes(type, cols), decode: quants[type].decode }
}

function isPlain(tensor: Tensor): tensor is PlainTensor {
  return 'bytes' in tensor
}

function allocate(label: string, bytes: number): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(bytes)
  } catch (cause) {
    throw new EngineError('out-of-memory', `No ${(bytes / 2 ** 20).toFixed(1)} MiB of memory for ${label}.`, {
      cause,
      hint: 'Choose a smaller model or a smaller context.',
    })
  }
}
