// A Hugging Face tokenizer.json and its companions as the metadata that a GGUF of the same model would carry.
// Meaning of the fields: https://huggingface.co/docs/tokenizers/components and `tokenization_utils_base.py` in transformers.
import { quote } from '../base/quote'
import { EngineError } from '../protocol/errors'
import type { MetadataValue } from './checkpoint'
import { deepseekLetters } from './deepseek-letters'
import { addSpecialTokens, type HuggingfaceTokenFiles } from './hf-special-tokens'
import type { JsonFields } from './json-fields'

/** A folder with a tokenizer.json. */
export interface HuggingfaceTokenizerFiles extends HuggingfaceTokenFiles {
  tokenizer: JsonFields
}

/**
 * Throws EngineError `unsupported-arch` for tokenizers other than byte-level BPE and BPE with byte fallback, `bad-file` when the files
 * contradict themselves. What is read but cannot be followed exactly is told under `hearth.tokenizer.warnings`.
 */
export function readHuggingfaceTokenizer(files: HuggingfaceTokenizerFiles): Map<string, MetadataValue> {
  const { tokenizer } = files
  const model = tokenizer.fields('model')
  const warnings: string[] = []
  const metadata = new Map<string, MetadataValue>()
  const vocabulary = readVocabulary(tokenizer, model)
  set(metadata, 'tokens', vocabulary.tokens)
  set(metadata, 'token_type', Int32Array.from(vocabulary.types))

  const kind = kindOf(tokenizer, model)
  if (kind === 'byte-level') {
    set(metadata, 'model', 'gpt2')
    set(metadata, 'merges', readMerges(model))
    const signature = wordsSignature(tokenizer, model)
    const name = preTokenizers.get(signature.normalize('NFC'))
    if (name !== undefined) set(metadata, 'pre', name)
    else warnings.push(`${tokenizer.file}: its rules for words (${signature.slice(0, 200)}) are unknown.`)
    const normalizers = parts(tokenizer.optionalFields('normalizer'), 'normalizers').map((part) =>
      part.text('type'),
    )
    if (normalizers.join() === 'NFC') metadata.set('hearth.tokenizer.nfc', true)
    else if (normalizers.length > 0) {
      warnings.push(
        `${tokenizer.file}: its normalizer (${normalizers.join(', ').slice(0, 200)}) is unknown and not applied.`,
      )
    }
  } else {
    set(metadata, 'model', 'llama')
    // A GGUF has scores instead. They would allow pairs that this tokenizer never merges.
    metadata.set('hearth.tokenizer.pairs', readMerges(model))
    const place = spacePlace(tokenizer)
    set(metadata, 'add_space_prefix', place !== undefined)
    if (place !== undefined) {
      metadata.set('hearth.tokenizer.space_prefix', place.where)
      metadata.set('hearth.tokenizer.space_once', place.once)
    }
  }
  for (const text of vocabulary.greedy) {
    warnings.push(
      `${tokenizer.file}: the token ${quote(text)} takes spaces or words beside it along, which is not followed.`,
    )
  }

  addSpecialTokens(metadata, files, vocabulary.ids, (bos) =>
    templateStartsWithBos(files.tokenizer, bos, vocabulary.ids),
  )
  if (warnings.length > 0) metadata.set('hearth.tokenizer.warnings', warnings)
  return metadata
}

function set(metadata: Map<string, MetadataValue>, name: string, value: MetadataValue): void {
  metadata.set(`tokenizer.ggml.${name}`, value)
}

/** GGUF's numbers for kinds of tokens. */
const tokenTypes = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const

// Twice the largest vocabulary: ids are positions in an array, so one huge id would make a huge array.
const mostTokens = 2 ** 20

// Some vocabularies leave numbers out. What is left out costs memory that the file did not pay for.
const mostLeftOut = 1024

interface Vocabulary {
  tokens: string[]
  types: number[]
  ids: ReadonlyMap<string, number>
  /** Added tokens that swallow what stands beside them. */
  greedy: string[]
}

function readVocabulary(tokenizer: JsonFields, model: JsonFields): Vocabulary {
  const tokens: (string | undefined)[] = []
  const types: number[] = []
  const greedy: string[] = []
  const put = (spelling: string, id: unknown, type: number): void => {
    if (!Number.isInteger(id) || (id as number) < 0 || (id as number) >= mostTokens) {
      throw tokenizer.bad(`the token ${quote(spelling)} has the impossible number ${String(id).slice(0, 40)}`)
    }
    tokens[id as number] = spelling
    types[id as number] = type
  }
  const byteFallback = model.optionalBoolean('byte_fallback') === true
  const unknown = model.optionalText('unk_token')
  for (const [spelling, id] of Object.entries(model.fields('vocab').value)) {
    const isByte = byteFallback && /^<0x[0-9A-F]{2}>$/.test(spelling)
    put(spelling, id, isByte ? tokenTypes.byte : tokenTypes.normal)
  }
  const claimed = Object.keys(model.fields('vocab').value).length
  if (tokens.reduce((count) => count + 1, 0) !== claimed)
    throw tokenizer.bad('two tokens of its vocabulary have the same number')

  for (const added of tokenizer.optionalFieldsList('added_tokens') ?? []) {
    const spelling = added.text('content')
    put(
      spelling,
      added.number('id'),
      added.optionalBoolean('special') === true ? tokenTypes.control : tokenTypes.userDefined,
    )
    if (['lstrip', 'rstrip', 'single_word'].some((flag) => added.optionalBoolean(flag) === true))
      greedy.push(spelling)
  }
  const listed = tokens.reduce((count) => count + 1, 0)
  if (tokens.length > 2 * listed + mostLeftOut) {
    throw tokenizer.bad(`it has ${listed} tokens with numbers up to ${tokens.length - 1}`)
  }
  const ids = new Map<string, number>()
  const dense = Array.from(tokens, (spelling, id) => {
    if (spelling !== undefined) ids.set(spelling, id)
    else types[id] = tokenTypes.unused
    return spelling ?? `[PAD${id}]`
  })
  const unknownId = unknown === undefined ? undefined : ids.get(unknown)
  if (unknownId !== undefined) types[unknownId] = tokenTypes.unknown
  return { tokens: dense, types, ids, greedy }
}

/** Old files write "left right", new ones ["left", "right"]. */
function readMerges(model: JsonFields): string[] {
  return model.list('merges').map((merge, i) => {
    if (typeof merge === 'string' && merge.indexOf(' ', 1) > 0) return merge
    if (Array.isArray(merge) && merge.length === 2 && merge.every((side) => typeof side === 'string')) {
      // GGUF's form cannot say where the left side ends when it has a space itself; no tokenizer with a space in a merge is known.
      const [left = '', right = ''] = merge
      if (left !== '' && !left.includes(' ', 1)) return `${left} ${right}`
    }
    throw model.bad(`model.merges[${i}] is not a pair of tokens`)
  })
}

function kindOf(tokenizer: JsonFields, model: JsonFields): 'byte-level' | 'byte-fallback' {
  // Files of before 2020 leave the type out.
  const type = model.optionalText('type') ?? 'BPE'
  if (type === 'BPE') {
    if (preTokenizerParts(tokenizer).some((part) => part.text('type') === 'ByteLevel')) return 'byte-level'
    if (model.optionalBoolean('byte_fallback') === true) return 'byte-fallback'
  }
  throw new EngineError(
    'unsupported-arch',
    `${tokenizer.file}: a tokenizer of the type ${type.slice(0, 40)} without byte-level words or byte fallback is not built in.`,
    { hint: 'Choose another model, or a GGUF of this one.' },
  )
}

/** The members of a sequence, or the part itself. */
function parts(part: JsonFields | undefined, members: string): readonly JsonFields[] {
  if (part === undefined) return []
  if (part.text('type') !== 'Sequence') return [part]
  return (part.optionalFieldsList(members) ?? []).flatMap((member) => parts(member, members))
}

function preTokenizerParts(tokenizer: JsonFields): readonly JsonFields[] {
  return parts(tokenizer.optionalFields('pre_tokenizer'), 'pretokenizers')
}

/** What cuts words, in one line: the parts with the settings that matter, and whether words that are tokens are taken whole. */
function wordsSignature(tokenizer: JsonFields, model: JsonFields): string {
  const signature = preTokenizerParts(tokenizer).flatMap((part) => {
    const type = part.text('type')
    if (type === 'ByteLevel') {
      const prefix = part.optionalBoolean('add_prefix_space') === true ? ['prefix-space'] : []
      // Without its regex this part only renames bytes.
      return part.optionalBoolean('use_regex') === false ? prefix : [...prefix, 'gpt2']
    }
    if (type === 'Digits') return [part.optionalBoolean('individual_digits') === true ? 'digit' : 'digits']
    if (type === 'Split') {
      const behavior = part.optionalText('behavior') ?? ''
      const pattern = part.optionalFields('pattern')
      const isolated = /^isolated$/i.test(behavior) && part.optionalBoolean('invert') !== true
      // A split that removes what matches, and keeps what lies between, cuts at the same places when everything matches.
      const removed = /^removed$/i.test(behavior) && part.optionalBoolean('invert') === true
      // Some files write line breaks as escapes of the regex, others as escapes of JSON.
      const regex = (pattern?.optionalText('Regex') ?? '').replaceAll('\r', '\\r').replaceAll('\n', '\\n')
      if (regex !== '' && (isolated || removed)) return [`regex ${regex}`]
    }
    return [type]
  })
  if (model.optionalBoolean('ignore_merges') === true) signature.push('whole-words')
  return signature.join(' & ')
}

const contraction = String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)`
const llama3 = String.raw`${contraction}|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
const upper = String.raw`[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`
const lower = String.raw`[\p{Ll}\p{Lm}\p{Lo}\p{M}]`
const cased = (ending: string, digits: string): string =>
  String.raw`[^\r\n\p{L}\p{N}]?${upper}*${lower}+${ending}|[^\r\n\p{L}\p{N}]?${upper}+${lower}*${ending}|${digits}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`
const deepseekV3 =
  '[!"#$%&\'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+'

const deepseekLlm = [
  String.raw`regex [\r\n]`,
  String.raw`regex \s?[${deepseekLetters}]+`,
  String.raw`regex \s?[!-/:-~！-／：-～‘-‟${'\u3000'}-。]+`,
  String.raw`regex \s+$`,
  'regex [一-龥\u0800-一가-\ud7ff]+',
  'digit',
].join(' & ')

/** Signature to the name that converters write into `tokenizer.ggml.pre`; the rules for each name are in tokenizer/pretokenize.ts. */
const preTokenizers = new Map<string, string>([
  ['gpt2', 'gpt-2'],
  ['digit & gpt2', 'smollm'],
  [`regex ${llama3} & whole-words`, 'llama-bpe'],
  [`regex ${llama3}`, 'smaug-bpe'],
  [`regex ${llama3.replace('{1,3}', '')}`, 'qwen2'],
  [`regex ${cased('', String.raw`\p{N}`)} & whole-words`, 'tekken'],
  [`regex ${cased(`${contraction}?`, String.raw`\p{N}{1,3}`)}`, 'gpt-4o'],
  [
    String.raw`regex [\r\n] & regex \s?\p{L}+ & regex \s?\p{P}+ & regex [一-龥ࠀ-一가-퟿]+ & digit`,
    'deepseek-coder',
  ],
  [deepseekLlm.normalize('NFC'), 'deepseek-llm'],
  [String.raw`regex \p{N}{1,3} & regex [一-龥぀-ゟ゠-ヿ]+ & regex ` + deepseekV3, 'deepseek-v3'],
])

/**
 * Where a tokenizer of SentencePiece's kind puts a space in front of text: of every text between special tokens, or of the first
 * only; and whether not in front of another space. Undefined: nowhere.
 */
function spacePlace(tokenizer: JsonFields): { where: 'every' | 'first'; once: boolean } | undefined {
  const normalizers = parts(tokenizer.optionalFields('normalizer'), 'normalizers')
  for (const part of [...normalizers, ...preTokenizerParts(tokenizer)]) {
    const type = part.text('type')
    if (type === 'Prepend') return { where: 'every', once: false }
    if (type !== 'Metaspace') continue
    const scheme =
      part.optionalText('prepend_scheme') ??
      (part.optionalBoolean('add_prefix_space') === false ? 'never' : 'always')
    return scheme === 'never' ? undefined : { where: scheme === 'first' ? 'first' : 'every', once: true }
  }
  return undefined
}

function templateStartsWithBos(
  tokenizer: JsonFields,
  bos: MetadataValue | undefined,
  ids: ReadonlyMap<string, number>,
): boolean {
  for (const part of parts(tokenizer.optionalFields('post_processor'), 'processors')) {
    if (part.text('type') !== 'TemplateProcessing') continue
    const first = part.optionalFieldsList('single')?.[0]?.optionalFields('SpecialToken')?.optionalText('id')
    if (first !== undefined && ids.get(first) === bos) return true
  }
  return false
}
