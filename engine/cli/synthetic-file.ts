// Writes a model of random weights as a GGUF file, for a program that reads nothing else.
import { mkdtemp, open, rm, type FileHandle } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import type { Checkpoint, MetadataValue, TensorInfo } from '../format/checkpoint'
import { tensorTypes } from '../format/ggml-types'
import { EngineError } from '../protocol/errors'
import { checkFreeSpace } from '../provider/disk-space'

/**
 * Runs `work` with the path of a temporary file that holds `checkpoint`, and removes it whatever happens.
 * Throws `bad-request` for a layout that GGUF does not have, `disk` when there is no room.
 */
export async function withGgufFile<T>(
  checkpoint: Checkpoint,
  signal: AbortSignal,
  work: (file: string) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'hearth-bench-'))
  try {
    const file = path.join(folder, 'model.gguf')
    await writeGgufFile(checkpoint, file, signal)
    return await work(file)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Throws as `withGgufFile`. */
export async function writeGgufFile(
  checkpoint: Checkpoint,
  file: string,
  signal: AbortSignal,
): Promise<void> {
  if (checkpoint.layout !== 'gguf') {
    throw new EngineError('bad-request', `${checkpoint.path} cannot be written as a GGUF file.`, {
      hint: 'Give the shape of a transformer.',
    })
  }
  const tensors = [...checkpoint.tensors.values()]
  const header = describe(checkpoint.metadata, tensors)
  const bytes = header.length + tensors.reduce((sum, tensor) => sum + aligned(tensor.bytes), 0)
  await checkFreeSpace(path.dirname(file), bytes)
  const handle = await open(file, 'w')
  try {
    await handle.write(header)
    for (const tensor of tensors) await writeTensor(handle, checkpoint, tensor, signal)
  } finally {
    await handle.close()
  }
}

const alignment = 32
const partBytes = 4 * 2 ** 20

function aligned(bytes: number): number {
  return Math.ceil(bytes / alignment) * alignment
}

async function writeTensor(
  handle: FileHandle,
  checkpoint: Checkpoint,
  { name, bytes }: TensorInfo,
  signal: AbortSignal,
): Promise<void> {
  for (let at = 0; at < bytes; at += partBytes) {
    signal.throwIfAborted()
    await handle.write(await checkpoint.read(name, at, Math.min(partBytes, bytes - at)))
  }
  await handle.write(Buffer.alloc(aligned(bytes) - bytes))
}

/** Numbers of the format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md */
const version = 3
const valueTypes = { u32: 4, f32: 6, bool: 7, string: 8, array: 9 } as const

// Readers want a float here even where the number is whole.
const floatKey = /(epsilon|freq_base|_scale|softcapping)$/

function describe(metadata: Checkpoint['metadata'], tensors: readonly TensorInfo[]): Buffer {
  const parts: Buffer[] = []
  const u32 = (value: number): void => {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32LE(value)
    parts.push(bytes)
  }
  const u64 = (value: number): void => {
    const bytes = Buffer.alloc(8)
    bytes.writeBigUInt64LE(BigInt(value))
    parts.push(bytes)
  }
  const string = (text: string): void => {
    const bytes = Buffer.from(text)
    u64(bytes.length)
    parts.push(bytes)
  }
  const value = (key: string, given: MetadataValue): void => {
    if (typeof given === 'string') {
      u32(valueTypes.string)
      string(given)
    } else if (typeof given === 'boolean') {
      u32(valueTypes.bool)
      parts.push(Buffer.from([given ? 1 : 0]))
    } else if (typeof given === 'number' && !floatKey.test(key)) {
      u32(valueTypes.u32)
      u32(given)
    } else if (typeof given === 'number') {
      const bytes = Buffer.alloc(4)
      bytes.writeFloatLE(given)
      u32(valueTypes.f32)
      parts.push(bytes)
    } else if (Array.isArray(given)) {
      u32(valueTypes.array)
      u32(valueTypes.string)
      u64(given.length)
      for (const text of given) string(String(text))
    } else {
      throw new EngineError('internal', `"${key}" is of a kind that this writer does not know`)
    }
  }
  parts.push(Buffer.from('GGUF'))
  u32(version)
  u64(tensors.length)
  u64(metadata.size)
  for (const [key, given] of metadata) {
    string(key)
    value(key, given)
  }
  let offset = 0
  for (const { name, type, shape, bytes } of tensors) {
    string(name)
    u32(shape.length)
    // The contiguous dimension comes first.
    for (const extent of shape.toReversed()) u64(extent)
    u32(tensorTypes[type].id)
    u64(offset)
    offset += aligned(bytes)
  }
  const header = Buffer.concat(parts)
  return Buffer.concat([header, Buffer.alloc(aligned(header.length) - header.length)])
}
