// A Hugging Face folder as a checkpoint: config.json, a tokenizer and safetensors. Tensors keep their own names.
import path from 'node:path'
import { EngineError } from '../protocol/errors'
import { listFolder, openFile } from './byte-source'
import type { Checkpoint, MetadataValue, TensorInfo } from './checkpoint'
import { readHuggingfaceConfig } from './hf-config'
import { readRwkvConfig } from './hf-config-rwkv'
import { readHuggingfaceTokenizer } from './hf-tokenizer'
import { readVocabularyFile, vocabularyFiles } from './hf-vocabulary-file'
import { readJsonFile, type JsonFields } from './json-fields'
import { FileMetadata, numberOf, stringOf } from './metadata'
import { describeRwkv, hasRwkvNames } from './rwkv-checkpoint'
import { rwkvTokenizerMetadata } from './rwkv-tokenizer'
import { openSafetensors } from './safetensors'

/**
 * Opens a folder; the caller closes it. Throws EngineError `bad-file` for a folder without config.json or with files that do not fit
 * together, `model-missing` when a file is missing, `unsupported-arch` for a family, tokenizer or tensor type that is not built in.
 */
export async function huggingfaceCheckpoint(folder: string, signal?: AbortSignal): Promise<Checkpoint> {
  const names = await listFolder(folder)
  if (!names.includes('config.json')) {
    throw new EngineError('bad-file', `${folder} is a folder without config.json, so it is not a model.`, {
      hint: 'Give the path of a .gguf file, or of a folder with config.json, tokenizer.json and safetensors.',
    })
  }
  const config = await readJsonFile(path.join(folder, 'config.json'), signal)
  const rwkv = readRwkvConfig(config)
  if (rwkv !== undefined) return rwkvFolder(folder, names, rwkv, signal)
  const {
    metadata: numbers,
    head,
    tied,
    around,
  } = readHuggingfaceConfig(config, path.basename(path.resolve(folder)))
  const tokens = await readTokens(folder, names, config, signal)
  const metadata = new FileMetadata(folder)
  for (const [key, value] of [...numbers, ...tokens]) metadata.set(key, value)

  const model = await openSafetensors(folder, signal)
  const tensors = around === undefined ? new Map(model.tensors) : tensorsInside(around, model.tensors)
  // Some tied models carry a head that nothing reads; a model that is not tied cannot do without one.
  if (tied) tensors.delete(head)
  else if (!tensors.has(head)) {
    await model.close()
    throw new EngineError(
      'bad-file',
      `${folder} lacks the tensor "${head}", and its config.json does not tie the output to the embedding.`,
      { hint: 'The folder is incomplete. Download the whole folder of the model again.' },
    )
  }
  return {
    path: folder,
    layout: 'huggingface',
    metadata,
    tensors,
    read: (tensor, ...part) => model.read(`${around ?? ''}${tensor}`, ...part),
    close: () => model.close(),
  }
}

// These models have a vocabulary of a kind of their own, or none, and some have RWKV-LM's names for their tensors.
async function rwkvFolder(
  folder: string,
  names: readonly string[],
  numbers: ReadonlyMap<string, MetadataValue>,
  signal: AbortSignal | undefined,
): Promise<Checkpoint> {
  const model = await openSafetensors(folder, signal)
  try {
    const own = hasRwkvNames(model.tensors)
    const metadata = new FileMetadata(folder)
    const architecture = stringOf(numbers, 'general.architecture')
    const vocabulary = numberOf(numbers, `${architecture}.vocab_size`)
    for (const [key, value] of [
      ...(own ? describeRwkv(model.tensors, folder) : []),
      ...numbers,
      ...(await rwkvTokenizerMetadata(folder, names, vocabulary, signal)),
    ]) {
      metadata.set(key, value)
    }
    metadata.set('general.name', path.basename(path.resolve(folder)))
    return {
      path: folder,
      layout: own ? 'rwkv' : 'huggingface',
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

// Tensors of the text model, by the names that they would have alone. Those of the parts that see or hear stay away.
function tensorsInside(around: string, tensors: ReadonlyMap<string, TensorInfo>): Map<string, TensorInfo> {
  const inside = [...tensors].filter(([name]) => name.startsWith(around))
  return new Map(
    inside.map(([name, info]) => [name.slice(around.length), { ...info, name: name.slice(around.length) }]),
  )
}

/** From tokenizer.json, or else from the file of the library that the tokenizer was made with. */
async function readTokens(
  folder: string,
  names: readonly string[],
  config: JsonFields,
  signal: AbortSignal | undefined,
): Promise<Map<string, MetadataValue>> {
  const optionalJson = async (name: string): Promise<JsonFields | undefined> =>
    names.includes(name) ? readJsonFile(path.join(folder, name), signal) : undefined
  const files = {
    tokenizerConfig: await optionalJson('tokenizer_config.json'),
    specialTokensMap: await optionalJson('special_tokens_map.json'),
    generationConfig: await optionalJson('generation_config.json'),
    config,
    chatTemplate: names.includes('chat_template.jinja')
      ? new TextDecoder().decode(
          await readBytes(path.join(folder, 'chat_template.jinja'), mostBytes.template, signal),
        )
      : undefined,
  }
  const tokenizer = await optionalJson('tokenizer.json')
  if (tokenizer !== undefined) return readHuggingfaceTokenizer({ ...files, tokenizer })

  const name = vocabularyFiles.flatMap((ending) => names.filter((file) => file.endsWith(ending)))[0]
  if (name === undefined) {
    throw new EngineError(
      'model-missing',
      `${folder} has no tokenizer.json, and no other tokenizer either.`,
      {
        hint: 'Download the whole folder of the model, not only its weights.',
      },
    )
  }
  const file = path.join(folder, name)
  const bytes = await readBytes(file, mostBytes.vocabulary, signal)
  return readVocabularyFile({ ...files, file, bytes, addedTokens: await optionalJson('added_tokens.json') })
}

const mostBytes = {
  // Templates have some kilobytes.
  template: 4_000_000,
  // The largest, of Gemma 3, has 5 MB.
  vocabulary: 64_000_000,
} as const

async function readBytes(file: string, most: number, signal: AbortSignal | undefined): Promise<Uint8Array> {
  const source = await openFile(file)
  try {
    if (source.size > most) {
      throw new EngineError('bad-file', `${file} has ${source.size} bytes, more than the possible ${most}.`, {
        hint: 'The file is damaged. Download the whole folder of the model again.',
      })
    }
    return await source.read(0, source.size, signal)
  } finally {
    await source.close()
  }
}
