// What the companions of a Hugging Face tokenizer say about special tokens, under the names that a GGUF would have for it.
// Meaning of the fields: `tokenization_utils_base.py` in transformers.
import type { MetadataValue } from './checkpoint'
import type { JsonFields } from './json-fields'

/** The files of a folder that say something about tokens, besides the vocabulary; only config.json is always there. */
export interface HuggingfaceTokenFiles {
  tokenizerConfig: JsonFields | undefined
  specialTokensMap: JsonFields | undefined
  generationConfig: JsonFields | undefined
  config: JsonFields
  /** Text of chat_template.jinja. */
  chatTemplate: string | undefined
}

/** Adds the special tokens and the chat template. `startsWithBos` answers where no file says whether a prompt starts with that token. */
export function addSpecialTokens(
  metadata: Map<string, MetadataValue>,
  files: HuggingfaceTokenFiles,
  ids: ReadonlyMap<string, number>,
  startsWithBos: (bos: MetadataValue | undefined) => boolean,
): void {
  const set = (name: string, value: MetadataValue): void => void metadata.set(`tokenizer.ggml.${name}`, value)
  for (const [key, field] of namedTokens) {
    const spelling = spellingOf(files.tokenizerConfig, field) ?? spellingOf(files.specialTokensMap, field)
    const id = spelling === undefined ? undefined : ids.get(spelling)
    if (id !== undefined) set(key, id)
  }
  const configs = [files.generationConfig, files.config]
  const bos = configs.flatMap((config) => numbers(config?.optional('bos_token_id')))[0]
  if (!metadata.has('tokenizer.ggml.bos_token_id') && bos !== undefined) set('bos_token_id', bos)
  // GGUF has three names for tokens that end an answer, and no published model has more than three of them.
  const named = metadata.get('tokenizer.ggml.eos_token_id')
  const listed = configs.flatMap((config) => numbers(config?.optional('eos_token_id')))
  const ends = [...new Set([...(typeof named === 'number' ? [named] : []), ...listed])]
  for (const [i, key] of ['eos_token_id', 'eot_token_id', 'eom_token_id'].entries()) {
    const id = ends[i]
    if (id !== undefined) set(key, id)
  }
  set(
    'add_bos_token',
    files.tokenizerConfig?.optionalBoolean('add_bos_token') ??
      startsWithBos(metadata.get('tokenizer.ggml.bos_token_id')),
  )
  const template = files.chatTemplate ?? readChatTemplate(files.tokenizerConfig)
  if (template !== undefined) metadata.set('tokenizer.chat_template', template)
}

/** Key of a GGUF, and field of tokenizer_config.json and special_tokens_map.json. */
const namedTokens = [
  ['bos_token_id', 'bos_token'],
  ['eos_token_id', 'eos_token'],
  ['unknown_token_id', 'unk_token'],
  ['padding_token_id', 'pad_token'],
] as const

/** A token is given as its text, or as an object that describes it. */
function spellingOf(file: JsonFields | undefined, field: string): string | undefined {
  if (file === undefined) return undefined
  return typeof file.optional(field) === 'string'
    ? file.optionalText(field)
    : file.optionalFields(field)?.optionalText('content')
}

function numbers(value: unknown): number[] {
  return [value].flat().filter((item): item is number => typeof item === 'number')
}

/** One template, or several by name. */
function readChatTemplate(tokenizerConfig: JsonFields | undefined): string | undefined {
  if (tokenizerConfig === undefined) return undefined
  if (typeof tokenizerConfig.optional('chat_template') === 'string')
    return tokenizerConfig.optionalText('chat_template')
  const named = tokenizerConfig.optionalFieldsList('chat_template')
  return named?.find((row) => row.optionalText('name') === 'default')?.optionalText('template')
}
