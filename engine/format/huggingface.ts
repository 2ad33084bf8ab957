// A Hugging Face folder as a checkpoint: config.json, a tokenizer and safetensors. Tensors keep their own names.
import path from 'node:path'
import { EngineError } from '../protocol/errors'
import { listFolder, openFile } from './byte-source'
import type { Checkpoint, MetadataValue } from './checkpoint'
import { readHuggingfaceConfig } from './hf-config'
import { readRwkvConfig } from './hf-config-rwkv'
import { readHuggingfaceTokenizer } from './hf-tokenizer'
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
  const json = (name: string): Promise<JsonFields> => readJsonFile(path.join(folder, name), signal)
  const optionalJson = async (name: string): Promise<JsonFields | undefined> =>
    names.includes(name) ? json(name) : undefined

  const config = await json('config.json')
  const rwkv = readRwkvConfig(config)
  if (rwkv !== undefined) return rwkvFolder(folder, names, rwkv, signal)
  const { metadata: numbers, head, tied } = readHuggingfaceConfig(config, path.basename(path.resolve(folder)))
  if (!names.includes('tokenizer.json')) throw noTokenizer(folder, names)
  const tokens = readHuggingfaceTokenizer({
    tokenizer: await json('tokenizer.json'),
    tokenizerConfig: await optionalJson('tokenizer_config.json'),
    specialTokensMap: await optionalJson('special_tokens_map.json'),
    generationConfig: await optionalJson('generation_config.json'),
    config,
    chatTemplate: names.includes('chat_template.jinja')
      ? await readText(path.join(folder, 'chat_template.jinja'), signal)
      : undefined,
  })
  const metadata = new FileMetadata(folder)
  for (const [key, value] of [...numbers, ...tokens]) metadata.set(key, value)

  const model = await openSafetensors(folder, signal)
  const tensors = new Map(model.tensors)
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
    read: (...part) => model.read(...part),
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

// Templates have some kilobytes.
const mostTemplateBytes = 4_000_000

async function readText(file: string, signal?: AbortSignal): Promise<string> {
  const source = await openFile(file)
  try {
    if (source.size > mostTemplateBytes) {
      throw new EngineError(
        'bad-file',
        `${file} has ${source.size} bytes, more than the possible ${mostTemplateBytes}.`,
        {
          hint: 'The file is damaged. Download the whole folder of the model again.',
        },
      )
    }
    return new TextDecoder().decode(await source.read(0, source.size, signal))
  } finally {
    await source.close()
  }
}

function noTokenizer(folder: string, names: readonly string[]): EngineError {
  const other = names.find((name) => name === 'tokenizer.model' || name.endsWith('.tiktoken'))
  if (other !== undefined) {
    return new EngineError(
      'unsupported-arch',
      `${folder} has a ${other} and no tokenizer.json, which is the only form that is read.`,
      {
        hint: 'Choose a GGUF of this model, or save its tokenizer once with transformers, which writes tokenizer.json.',
      },
    )
  }
  return new EngineError('model-missing', `${folder} has no tokenizer.json.`, {
    hint: 'Download the whole folder of the model, not only its weights.',
  })
}
