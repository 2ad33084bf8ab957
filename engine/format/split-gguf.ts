// A GGUF model in several files, as llama-gguf-split and the converters write them: NAME-00001-of-00003.gguf and so on. The first
// part has the metadata of the model. Every part has split.no, split.count and split.tensors.count, and tensors of its own.
import path from 'node:path'
import { EngineError } from '../protocol/errors'
import { openFile, type ByteSource } from './byte-source'
import { limits, readGguf, type Gguf } from './gguf'
import { badMetadata, numberOf, type FileMetadata } from './metadata'
import type { PlacedTensor } from './read-tensor'

/** Every part is an open file. The largest public models have under 200 parts; many systems allow 1024 open files. */
export const mostParts = 512

/** All parts of a model, open. */
export interface GgufParts {
  /** Of the model: the first part's. */
  readonly metadata: FileMetadata
  readonly tensors: ReadonlyMap<string, PlacedTensor>
  close(): Promise<void>
}

/**
 * Opens the model that a GGUF belongs to: itself, or all parts beside it when it is any one of several. On success `close` closes
 * `source` too. Throws EngineError `model-missing` for a missing part, `bad-file` for parts that do not fit together, and
 * what `readGguf` throws.
 */
export async function openGgufParts(source: ByteSource, signal?: AbortSignal): Promise<GgufParts> {
  const given = await readGguf(source, signal)
  const place = placeOf(given.metadata)
  if (place === undefined) {
    return { metadata: given.metadata, tensors: placed(given, source), close: () => source.close() }
  }
  const names = partNames(source.name, place)
  const others: ByteSource[] = []
  const closeOthers = async (): Promise<void> => {
    for (const other of others) await other.close()
  }
  try {
    let metadata = given.metadata
    const tensors = new Map<string, PlacedTensor>()
    for (const [index, name] of names.entries()) {
      const isGiven = index === place.index
      const part = isGiven ? source : await openPart(name, index, place.count)
      if (!isGiven) others.push(part)
      const gguf = isGiven ? given : await readGguf(part, signal)
      if (!isGiven) checkPlace(gguf.metadata, { ...place, index })
      if (index === 0) metadata = gguf.metadata
      addTensors(tensors, placed(gguf, part), gguf.metadata)
    }
    if (tensors.size !== place.tensors) {
      throw unfit(
        given.metadata,
        `the ${place.count} parts have ${tensors.size} tensors together, but split.tensors.count is ${place.tensors}`,
      )
    }
    return {
      metadata,
      tensors,
      close: async () => {
        await closeOthers()
        await source.close()
      },
    }
  } catch (error) {
    await closeOthers()
    throw error
  }
}

/** Which part a file is. */
interface Place {
  /** From 0. */
  readonly index: number
  readonly count: number
  /** Of all parts together. */
  readonly tensors: number
}

/** Undefined for a model in one file. */
function placeOf(metadata: FileMetadata): Place | undefined {
  const count = numberOf(metadata, 'split.count', 0)
  if (count <= 1) return undefined
  if (count > mostParts)
    throw badMetadata(metadata, `split.count is ${count}, more than the possible ${mostParts}`)
  const index = numberOf(metadata, 'split.no')
  if (!Number.isInteger(count) || !Number.isInteger(index) || index < 0 || index >= count) {
    throw badMetadata(metadata, `split.no is ${index} of ${count} parts`)
  }
  return { index, count, tensors: numberOf(metadata, 'split.tensors.count') }
}

function partNames(file: string, { index, count }: Place): string[] {
  const ending = (part: number): string => `-${fiveDigits(part + 1)}-of-${fiveDigits(count)}.gguf`
  if (!file.endsWith(ending(index))) {
    throw new EngineError(
      'bad-file',
      `${file} is part ${index + 1} of ${count} of a model, but its name does not end in ${ending(index)}, so the others cannot be found.`,
      { hint: 'Give every part the name it was published with, all in one folder.' },
    )
  }
  const stem = file.slice(0, -ending(index).length)
  return Array.from({ length: count }, (_, part) => stem + ending(part))
}

function fiveDigits(value: number): string {
  return String(value).padStart(5, '0')
}

async function openPart(file: string, index: number, count: number): Promise<ByteSource> {
  try {
    return await openFile(file)
  } catch (error) {
    if (!(error instanceof EngineError) || error.code !== 'model-missing') throw error
    throw new EngineError('model-missing', `Part ${index + 1} of ${count} is missing: ${file}.`, {
      hint: 'Download all parts of the model into one folder, under the names they were published with.',
      cause: error,
    })
  }
}

function checkPlace(metadata: FileMetadata, expected: Place): void {
  const { index, count, tensors } = placeOf(metadata) ?? { index: 0, count: 1, tensors: expected.tensors }
  if (index === expected.index && count === expected.count && tensors === expected.tensors) return
  throw unfit(
    metadata,
    `the file says that it is part ${index + 1} of ${count} of a model with ${tensors} tensors, but stands where part ${expected.index + 1} of ${expected.count} of one with ${expected.tensors} belongs`,
  )
}

function addTensors(
  all: Map<string, PlacedTensor>,
  part: ReadonlyMap<string, PlacedTensor>,
  metadata: FileMetadata,
): void {
  for (const [name, tensor] of part) {
    const twin = all.get(name)
    if (twin !== undefined) {
      throw unfit(
        metadata,
        `the tensor ${JSON.stringify(name.slice(0, 80))} is also in ${path.basename(twin.source.name)}`,
      )
    }
    all.set(name, tensor)
  }
  if (all.size > limits.tensors) {
    throw unfit(metadata, `the parts have more than the possible ${limits.tensors} tensors`)
  }
}

function placed(gguf: Gguf, source: ByteSource): Map<string, PlacedTensor> {
  return new Map([...gguf.tensors].map(([name, tensor]) => [name, { ...tensor, source }]))
}

function unfit(metadata: FileMetadata, problem: string): EngineError {
  return new EngineError('bad-file', `${metadata.file}: ${problem}.`, {
    hint: 'The parts are of different models or damaged. Download all parts again into one folder.',
  })
}
