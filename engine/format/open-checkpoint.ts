// Opens a model on disk, whatever its format.
import path from 'node:path'
import { EngineError } from '../protocol/errors'
import { kindOfPath, openFile, type ByteSource } from './byte-source'
import type { Checkpoint } from './checkpoint'
import { looksLikeGguf, readGguf } from './gguf'

/**
 * Opens a model file and reads its header; the caller closes it. Throws EngineError `model-missing`, `bad-file`, `disk`, or
 * `unsupported-arch` for a tensor type without a row in ggml-types.ts.
 */
export async function openCheckpoint(file: string, signal?: AbortSignal): Promise<Checkpoint> {
  signal?.throwIfAborted()
  if ((await kindOfPath(file)) === 'folder') {
    throw new EngineError('bad-file', `${file} is a folder, and models are read from single GGUF files.`, {
      hint: 'Give the path of a .gguf file, for example one inside this folder.',
    })
  }
  const source = await openFile(file)
  try {
    // Contents decide, not the name: other programs store GGUF files under their checksums. The name only words the refusal.
    if (path.extname(file).toLowerCase() !== '.gguf' && !(await looksLikeGguf(source))) {
      throw new EngineError('bad-file', `${file} is not a GGUF file.`, {
        hint: 'Give the path of a .gguf file, or download a model: hearth models get <model>.',
      })
    }
    return await ggufCheckpoint(source, signal)
  } catch (error) {
    await source.close()
    throw error
  }
}

/** A checkpoint over a GGUF in any source; closing it closes the source. */
export async function ggufCheckpoint(source: ByteSource, signal?: AbortSignal): Promise<Checkpoint> {
  const { metadata, tensors } = await readGguf(source, signal)
  return {
    path: source.name,
    metadata,
    tensors,
    read: async (name, offset, length) => {
      const tensor = tensors.get(name)
      if (tensor === undefined) {
        throw new EngineError('bad-file', `${source.name} has no tensor "${name}".`, {
          hint: 'The file is not a complete model of its kind. Choose another file.',
        })
      }
      if (offset < 0 || length < 0 || offset + length > tensor.bytes) {
        throw new EngineError(
          'bad-file',
          `${source.name}: bytes ${offset} to ${offset + length} are outside tensor "${name}", which has ${tensor.bytes}.`,
          { hint: 'The file does not fit its own metadata. Download it again: hearth models get <model>.' },
        )
      }
      return source.read(tensor.offset + offset, length)
    },
    close: () => source.close(),
  }
}
