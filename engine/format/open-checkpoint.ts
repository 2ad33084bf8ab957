// Opens a model on disk, whatever its format.
import path from 'node:path'
import { EngineError } from '../protocol/errors'
import { kindOfPath, openFile, type ByteSource } from './byte-source'
import type { Checkpoint } from './checkpoint'
import { huggingfaceCheckpoint } from './huggingface'
import { looksLikeGguf } from './gguf'
import { looksLikeSafetensors } from './safetensors'
import { readTensor } from './read-tensor'
import { rwkvCheckpoint } from './rwkv-checkpoint'
import { openGgufParts } from './split-gguf'
import { looksLikeZip } from './zip'

/**
 * Opens a GGUF file (of a model in parts, any of them), a Hugging Face folder or a .pth file of RWKV and reads what describes it;
 * the caller closes it. Throws EngineError `model-missing`, `bad-file`, `disk`, or `unsupported-arch` for a tensor type without
 * a row in ggml-types.ts.
 */
export async function openCheckpoint(file: string, signal?: AbortSignal): Promise<Checkpoint> {
  signal?.throwIfAborted()
  if ((await kindOfPath(file)) === 'folder') return huggingfaceCheckpoint(file, signal)
  const source = await openFile(file)
  try {
    // Contents decide, not the name: other programs store GGUF files under their checksums. The name only words the refusal.
    const extension = path.extname(file).toLowerCase()
    if (extension !== '.gguf' && !(await looksLikeGguf(source))) {
      if (extension === '.pth' || (await looksLikeZip(source))) {
        await source.close()
        return await rwkvCheckpoint(file, signal)
      }
      throw new EngineError('bad-file', `${file} is neither a GGUF file nor a .pth file of RWKV.`, {
        hint: (await looksLikeSafetensors(source))
          ? 'These are weights alone. Give the path of their folder, with config.json and tokenizer.json in it.'
          : 'Give the path of a model, or download one: hearth models get <model>.',
      })
    }
    return await ggufCheckpoint(source, signal)
  } catch (error) {
    await source.close()
    throw error
  }
}

/** A checkpoint over a GGUF in any source, with the other parts of its model from the disk; closing it closes the source. */
export async function ggufCheckpoint(source: ByteSource, signal?: AbortSignal): Promise<Checkpoint> {
  const parts = await openGgufParts(source, signal)
  return {
    path: source.name,
    layout: 'gguf',
    metadata: parts.metadata,
    tensors: parts.tensors,
    read: (name, ...part) => readTensor(source.name, parts.tensors, name, ...part),
    close: () => parts.close(),
  }
}
