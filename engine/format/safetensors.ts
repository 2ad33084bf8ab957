// Reads safetensors: one file, or a folder of parts with an index. The files are untrusted: every number is bounded before it sizes anything.
// Format: https://huggingface.co/docs/safetensors/index#format
import path from 'node:path'
import { quote } from '../base/quote'
import { EngineError } from '../protocol/errors'
import { kindOfPath, listFolder, openFile, type ByteSource } from './byte-source'
import { byteLength, type TensorType } from './ggml-types'
import { readTensor, type PlacedTensor, type TensorFile } from './read-tensor'
import { isJsonObject, parseStrictJson } from './strict-json'

/** Every limit is far above what real models use and far below what hurts. */
export const limits = {
  // The reference implementation's own limit. Real headers have some kilobytes to some megabytes; it is held as text and as objects.
  headerBytes: 100_000_000,
  // The same as for GGUF: mixture-of-experts models have about 50,000 tensors; each costs an object and a map slot.
  tensors: 131_072,
  // Names end up in messages and map keys; real ones have about 60 characters.
  nameLength: 65_535,
  // Convolutions have 5 dimensions at most; dimensions are multiplied, so rank bounds that loop.
  rank: 8,
  // 2^40 values are a thousand times the largest tensor known, and stay exact in a double when turned into bytes.
  tensorElements: 2 ** 40,
  // {"name": {"shape": [1]}} is three deep; the file chooses the depth, and every bracket costs memory.
  depth: 3,
  // About 150 bytes for each tensor of an index.
  indexBytes: 32_000_000,
  // Every part is an open file. The largest public models have under 200 parts; many systems allow 1024 open files.
  parts: 512,
} as const

/**
 * Opens a .safetensors file, or a folder with `model.safetensors.index.json` and its parts, `model.safetensors`, or a single
 * .safetensors file of another name. Throws EngineError `model-missing` when there is none, `bad-file` for anything that is not
 * whole and well-formed, `unsupported-arch` for tensors that are not F32, F16 or BF16.
 */
export async function openSafetensors(location: string, signal?: AbortSignal): Promise<TensorFile> {
  const { files, listed } = await findFiles(location, signal)
  const sources: ByteSource[] = []
  const close = async (): Promise<void> => {
    for (const source of sources) await source.close()
  }
  try {
    const tensors = new Map<string, PlacedTensor>()
    for (const file of files) {
      const source = await openFile(file)
      sources.push(source)
      for (const [name, tensor] of await readSafetensors(source, signal)) {
        const twin = tensors.get(name)
        if (twin !== undefined) {
          throw bad(source.name, `the tensor ${quote(name)} is also in ${path.basename(twin.source.name)}`)
        }
        tensors.set(name, tensor)
      }
    }
    for (const [name, file] of listed) {
      if (tensors.get(name)?.source.name !== file) {
        throw bad(file, `the tensor ${quote(name)} is missing, which ${indexName} promises`)
      }
    }
    return {
      tensors,
      read: (name, ...part) => readTensor(location, tensors, name, ...part),
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** Parses the header of one file; tensor data is not read. Throws as `openSafetensors` does. */
export async function readSafetensors(
  source: ByteSource,
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, PlacedTensor>> {
  if (source.size < lengthBytes) throw bad(source.name, 'the file is too short to be a safetensors file')
  const start = await source.read(0, lengthBytes, signal)
  const length = new DataView(start.buffer, start.byteOffset, lengthBytes).getBigUint64(0, true)
  if (length > BigInt(limits.headerBytes)) {
    throw bad(source.name, `its header has ${length} bytes, more than the possible ${limits.headerBytes}`)
  }
  const dataStart = lengthBytes + Number(length)
  if (dataStart > source.size) throw bad(source.name, 'the file ends in the middle of its header')
  const header = await source.read(lengthBytes, Number(length), signal)
  if (header[0] !== openBrace)
    throw bad(source.name, 'this is not a safetensors file, its header is not a JSON object')
  const value = parse(source.name, header, 'header')

  const tensors = new Map<string, PlacedTensor>()
  for (const [name, entry] of Object.entries(value)) {
    if (name === '__metadata__') checkComments(source.name, entry)
    else tensors.set(name, readEntry(source, name, entry))
  }
  if (tensors.size > limits.tensors) {
    throw bad(source.name, `it has ${tensors.size} tensors, more than the possible ${limits.tensors}`)
  }
  checkLayout(source, tensors, source.size - dataStart)
  for (const tensor of tensors.values()) tensor.offset += dataStart
  return tensors
}

/** True when the file starts like a safetensors file; says nothing about the rest. */
export async function looksLikeSafetensors(source: ByteSource): Promise<boolean> {
  if (source.size < lengthBytes + 2) return false
  const start = await source.read(0, lengthBytes + 2)
  // A length below 2^32, then {" of the first name, or {} of a file without tensors.
  const second = start[lengthBytes + 1]
  return (
    start.subarray(4, lengthBytes).every((byte) => byte === 0) &&
    start[lengthBytes] === openBrace &&
    (second === 0x22 || second === 0x7d || second === 0x20 || second === 0x0a)
  )
}

const lengthBytes = 8
const openBrace = 0x7b
const indexName = 'model.safetensors.index.json'

/** What may stand in `dtype`. Types without a name of ours are real, but no model that runs here stores weights in them. */
const types: Readonly<Record<string, TensorType | undefined>> = { F32: 'f32', F16: 'f16', BF16: 'bf16' }

function readEntry(source: ByteSource, name: string, entry: unknown): PlacedTensor {
  const what = `tensor ${quote(name)}`
  if (name.length > limits.nameLength)
    throw bad(source.name, `the name of ${what} is longer than ${limits.nameLength}`)
  if (!isJsonObject(entry)) throw bad(source.name, `${what} is not an object`)
  const { dtype, shape, data_offsets: offsets } = entry
  if (typeof dtype !== 'string') throw bad(source.name, `${what} has no dtype`)
  if (!Array.isArray(shape) || shape.length > limits.rank || !shape.every(isCount)) {
    throw bad(source.name, `the shape of ${what} is not a list of at most ${limits.rank} whole numbers`)
  }
  const elements = shape.reduce((product, extent) => product * extent, 1)
  // Each factor is checked, because a zero among huge ones would hide them.
  if (elements > limits.tensorElements || shape.some((extent) => extent > limits.tensorElements)) {
    throw bad(source.name, `${what} has the impossible shape ${shape.join(' x ')}`)
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) {
    throw bad(source.name, `the data_offsets of ${what} are not two whole numbers`)
  }
  const [begin = 0, end = 0] = offsets
  if (end < begin) throw bad(source.name, `${what} ends at ${end}, before it starts at ${begin}`)
  const type = typeOf(source.name, what, dtype)
  const bytes = byteLength(type, elements)
  if (end - begin !== bytes) {
    throw bad(
      source.name,
      `${what} has ${end - begin} bytes, but ${dtype} of ${shape.join(' x ') || 'one value'} needs ${bytes}`,
    )
  }
  return { name, type, shape, bytes, offset: begin, source }
}

/** Data must be covered without gaps and overlaps: a byte nobody claims can hide anything, one claimed twice is a mistake. */
function checkLayout(
  source: ByteSource,
  tensors: ReadonlyMap<string, PlacedTensor>,
  dataBytes: number,
): void {
  let at = 0
  const inOrder = [...tensors.values()].sort((a, b) => a.offset - b.offset || a.bytes - b.bytes)
  for (const { name, offset, bytes } of inOrder) {
    if (offset !== at) {
      const how =
        offset < at ? `overlaps the one before it by ${at - offset}` : `leaves a gap of ${offset - at}`
      throw bad(source.name, `the data of tensor ${quote(name)} ${how} bytes`)
    }
    at += bytes
  }
  if (at > dataBytes) {
    throw bad(
      source.name,
      `its tensors need ${at} bytes, but the file has only ${dataBytes} after its header`,
    )
  }
  if (at < dataBytes) throw bad(source.name, `${dataBytes - at} bytes at its end belong to no tensor`)
}

function checkComments(file: string, entry: unknown): void {
  if (!isJsonObject(entry) || !Object.values(entry).every((value) => typeof value === 'string')) {
    throw bad(file, '__metadata__ must map names to texts')
  }
}

interface Found {
  files: readonly string[]
  /** Tensors that an index promises: name to path of the file. */
  listed: ReadonlyMap<string, string>
}

async function findFiles(location: string, signal?: AbortSignal): Promise<Found> {
  const one = (file: string): Found => ({ files: [file], listed: new Map() })
  if ((await kindOfPath(location)) !== 'folder') return one(location)
  const names = await listFolder(location)
  if (names.includes(indexName)) return readIndex(location, signal)
  if (names.includes('model.safetensors')) return one(path.join(location, 'model.safetensors'))
  const [single, ...others] = names.filter((name) => name.endsWith('.safetensors'))
  if (single !== undefined && others.length === 0) return one(path.join(location, single))
  throw new EngineError(
    'model-missing',
    single === undefined
      ? `${location} has no .safetensors file.`
      : `${location} has ${others.length + 1} .safetensors files and no ${indexName} that tells what is where.`,
    { hint: 'Download the whole folder of the model, or give the path of a .gguf file.' },
  )
}

async function readIndex(folder: string, signal?: AbortSignal): Promise<Found> {
  const source = await openFile(path.join(folder, indexName))
  try {
    if (source.size > limits.indexBytes) {
      throw bad(source.name, `it has ${source.size} bytes, more than the possible ${limits.indexBytes}`)
    }
    const index = parse(source.name, await source.read(0, source.size, signal), 'file')
    const map = index['weight_map']
    if (!isJsonObject(map)) throw bad(source.name, 'it has no weight_map')
    const listed = new Map<string, string>()
    for (const [name, file] of Object.entries(map)) {
      // Only files of this folder: an index must not make the engine read elsewhere.
      if (
        typeof file !== 'string' ||
        path.basename(file) !== file ||
        /[\\/\0]/.test(file) ||
        !file.endsWith('.safetensors')
      ) {
        throw bad(
          source.name,
          `tensor ${quote(name)} is in ${quote(String(file))}, which is not a file of this folder`,
        )
      }
      listed.set(name, path.join(folder, file))
    }
    const files = [...new Set(listed.values())].sort()
    if (files.length === 0) throw bad(source.name, 'its weight_map is empty')
    if (files.length > limits.parts) {
      throw bad(source.name, `it has ${files.length} parts, more than the possible ${limits.parts}`)
    }
    return { files, listed }
  } finally {
    await source.close()
  }
}

function parse(file: string, bytes: Uint8Array, what: string): Record<string, unknown> {
  const parsed = parseStrictJson(bytes, { depth: limits.depth, keys: 4 * limits.tensors })
  if ('problem' in parsed) throw bad(file, `its ${what} is damaged: ${parsed.problem}`)
  if (!isJsonObject(parsed.value)) throw bad(file, `its ${what} is not a JSON object`)
  return parsed.value
}

function typeOf(file: string, what: string, dtype: string): TensorType {
  const type = Object.hasOwn(types, dtype) ? types[dtype] : undefined
  if (type !== undefined) return type
  const known = Object.keys(types).join(', ')
  throw new EngineError(
    'unsupported-arch',
    `${file}: ${what} has the type ${quote(dtype)}, which cannot be read; known: ${known}.`,
    { hint: 'Choose a file of this model in BF16 or F16, or a GGUF of it.' },
  )
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function bad(file: string, problem: string): EngineError {
  return new EngineError('bad-file', `${file}: ${problem}.`, {
    hint: 'The file is damaged or incomplete. Download it again.',
  })
}
