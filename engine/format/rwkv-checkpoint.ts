// RWKV's original checkpoints (.pth) as a model: tensors say which version it is and how large, files beside it hold the vocabulary.
import path from 'node:path'
import { EngineError } from '../protocol/errors'
import { listFolder } from './byte-source'
import type { Checkpoint, MetadataValue, TensorInfo } from './checkpoint'
import { FileMetadata } from './metadata'
import { openPth } from './pth'
import { rwkvTokenizerMetadata } from './rwkv-tokenizer'

/**
 * Opens a .pth file; the caller closes it. Throws EngineError as `openPth` does, `unsupported-arch` for tensors of another model, and
 * `bad-file` for a vocabulary that cannot be read.
 */
export async function rwkvCheckpoint(file: string, signal?: AbortSignal): Promise<Checkpoint> {
  const model = await openPth(file, signal)
  try {
    const metadata = new FileMetadata(file)
    for (const [key, value] of describeRwkv(model.tensors, file)) metadata.set(key, value)
    metadata.set('general.name', path.basename(file, path.extname(file)))
    const folder = path.dirname(file)
    const vocabulary = model.tensors.get(embedding)?.shape[0] ?? 0
    const tokens = await rwkvTokenizerMetadata(folder, await listFolder(folder), vocabulary, signal)
    for (const [key, value] of tokens) metadata.set(key, value)
    return {
      path: file,
      layout: 'rwkv',
      metadata,
      tensors: model.tensors,
      read: (...part) => model.read(...part),
      close: () => model.close(),
    }
  } catch (error) {
    await model.close()
    throw error
  }
}

/** Whether tensors have the names of RWKV-LM. */
export function hasRwkvNames(tensors: ReadonlyMap<string, TensorInfo>): boolean {
  return tensors.has(embedding) && tensors.has('blocks.0.ln1.weight')
}

/**
 * What names and shapes tell, under the keys of a GGUF. Versions as in ChatRWKV's `model.py`. Throws EngineError `unsupported-arch`
 * when they are not those of an RWKV.
 */
export function describeRwkv(
  tensors: ReadonlyMap<string, TensorInfo>,
  file: string,
): Map<string, MetadataValue> {
  const key = tensors.get('blocks.0.att.key.weight')
  const version = versions.find(({ mark }) => tensors.has(`blocks.0.att.${mark}`))
  if (!hasRwkvNames(tensors) || key === undefined || version === undefined) {
    throw new EngineError('unsupported-arch', `${file} does not hold an RWKV model.`, {
      hint: 'Of PyTorch files, only those of RWKV can be opened. Choose a GGUF file or a Hugging Face folder of this model.',
    })
  }
  const { architecture, heads } = version
  const [vocabulary = 0, hidden = 0] = tensors.get(embedding)?.shape ?? []
  const metadata = new Map<string, MetadataValue>([
    ['general.architecture', architecture],
    [`${architecture}.block_count`, countLayers(tensors)],
    [`${architecture}.embedding_length`, hidden],
    [`${architecture}.vocab_size`, vocabulary],
    [`${architecture}.attention.layer_norm_epsilon`, 1e-5],
  ])
  if (heads !== undefined) {
    const count = tensors.get(`blocks.0.att.${heads}`)?.shape[0] ?? 0
    metadata.set(`${architecture}.wkv.head_size`, (key.shape[0] ?? 0) / count)
  }
  return metadata
}

const embedding = 'emb.weight'

/** Newest first: a tensor that only this version has, and one whose first dimension is the number of heads. */
const versions = [
  { architecture: 'rwkv7', mark: 'r_k', heads: 'r_k' },
  { architecture: 'rwkv6', mark: 'time_maa_x', heads: 'time_faaaa' },
  { architecture: 'rwkv5', mark: 'ln_x.weight', heads: 'time_decay' },
  { architecture: 'rwkv4', mark: 'time_mix_k', heads: undefined },
] as const

function countLayers(tensors: ReadonlyMap<string, TensorInfo>): number {
  let layers = 0
  for (const name of tensors.keys()) {
    const layer = /^blocks\.(\d{1,6})\./.exec(name)?.[1]
    if (layer !== undefined) layers = Math.max(layers, Number(layer) + 1)
  }
  return layers
}
