// The tokenizer of a Hugging Face folder without tokenizer.json: a file of SentencePiece or tiktoken, and what its companions add.
import { quote } from '../base/quote'
import { byteAlphabet } from './byte-alphabet'
import type { MetadataValue } from './checkpoint'
import { addSpecialTokens, type HuggingfaceTokenFiles } from './hf-special-tokens'
import type { JsonFields } from './json-fields'
import { readSentencePiece } from './sentencepiece'
import { looksLikeTiktoken, readTiktoken } from './tiktoken'

export interface VocabularyFile extends HuggingfaceTokenFiles {
  /** Path and contents. */
  file: string
  bytes: Uint8Array
  /** added_tokens.json: numbers by text. */
  addedTokens: JsonFields | undefined
}

/** Names of such files in a folder, the best first; in the last place the models of Qwen 1, which end in it. */
export const vocabularyFiles = ['tokenizer.model', 'ice_text.model', '.tiktoken'] as const

/**
 * The metadata that a GGUF of the same model would carry, and keys of our own for what a GGUF cannot say. Throws EngineError `bad-file`
 * for damaged files, `unsupported-arch` for a kind of SentencePiece model that no family uses.
 */
export function readVocabularyFile(folder: VocabularyFile): Map<string, MetadataValue> {
  const modelType = folder.config.optionalText('model_type') ?? ''
  const ranked = looksLikeTiktoken(folder.bytes)
  const rows = ranked ? tiktokenFamilies : sentencePieceFamilies
  const keys = folder.file.endsWith(icetk) ? [icetk, modelType] : [modelType]
  const family: Family = keys.flatMap((key) => (Object.hasOwn(rows, key) ? (rows[key] ?? []) : []))[0] ?? {}
  const metadata = ranked
    ? tiktokenMetadata(readTiktoken(folder.bytes, folder.file), family)
    : readSentencePiece(folder.bytes, folder.file)

  const images =
    family.images === true ? (folder.tokenizerConfig?.optionalNumber('num_image_tokens') ?? 20000) : 0
  const vocabulary = new GrowingVocabulary(metadata, images, folder.config)
  const named = namedTokens(folder)
  for (const row of named) vocabulary.put(row, folder.config)
  // Where no file names tokens behind the vocabulary, the family's code does.
  if (!named.some(({ id }) => id >= vocabulary.size)) {
    for (const text of family.added ?? []) vocabulary.append(text, tokenTypes.control)
    for (const text of Object.values(family.stands ?? {})) vocabulary.append(text, tokenTypes.userDefined)
    if (family.bytes === true) for (const text of byteTokens) vocabulary.append(text, tokenTypes.byte)
  }
  vocabulary.store()
  if (family.stands !== undefined) {
    const stands = { ...family.stands, '\n': '<n>' }
    metadata.set('hearth.tokenizer.stand_ins', Object.entries(stands).flat())
  }

  if (folder.tokenizerConfig?.optionalBoolean('legacy') === false) {
    metadata.set('hearth.tokenizer.space_prefix', 'first')
  }
  addSpecialTokens(metadata, folder, vocabulary.ids, () => !ranked && family.startsWithBos !== false)
  return metadata
}

/** What is written in a family's Python and in no file of the folder. */
interface Family {
  /** Name of the rules for words, as in `tokenizer.ggml.pre`. */
  words?: string
  /** Text is composed first. */
  nfc?: boolean
  /** Special tokens behind the vocabulary, in order. */
  added?: readonly string[]
  /** Default true for SentencePiece. */
  startsWithBos?: boolean
  /** Tokens that stand for texts that SentencePiece would change, behind the special ones. */
  stands?: Readonly<Record<string, string>>
  /** The 256 bytes come last. */
  bytes?: boolean
  /** Tokens of images come first; tokenizer_config.json says how many. */
  images?: boolean
}

// tokenization_chatglm.py of glm-4-9b; the names stand in its tokenizer_config.json, too, in later versions.
const glm4: Family = {
  words: 'chatglm-bpe',
  added: [
    ...['<|endoftext|>', '[MASK]', '[gMASK]', '[sMASK]', '<sop>', '<eop>', '<|system|>', '<|user|>'],
    ...['<|assistant|>', '<|observation|>', '<|begin_of_image|>', '<|end_of_image|>'],
    ...['<|begin_of_video|>', '<|end_of_video|>'],
  ],
}

/** By `model_type` of config.json. */
const tiktokenFamilies: Readonly<Record<string, Family | undefined>> = {
  // tokenization_qwen.py of Qwen-7B.
  qwen: {
    words: 'qwen2',
    nfc: true,
    added: [
      ...['<|endoftext|>', '<|im_start|>', '<|im_end|>'],
      ...Array.from({ length: 205 }, (_, i) => `<|extra_${i}|>`),
    ],
  },
  chatglm: glm4,
  glm: glm4,
  llama: { words: 'llama-bpe' },
}

/** The file of ChatGLM-6B, whose `model_type` is that of its successors. */
const icetk = 'ice_text.model'

const byteTokens = Array.from(
  { length: 256 },
  (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`,
)

const sentencePieceFamilies: Readonly<Record<string, Family | undefined>> = {
  // tokenization_chatglm.py of chatglm2-6b: a prompt starts with two of these, and its template says so.
  chatglm: { added: ['[MASK]', '[gMASK]', '[sMASK]', 'sop', 'eop'], startsWithBos: false },
  // tokenization_chatglm.py of chatglm-6b.
  [icetk]: {
    added: ['[MASK]', '[gMASK]', '[sMASK]', '<unused_0>', '<sop>', '<eop>', '<ENC>', '<dBLOCK>'],
    stands: {
      '\t': '<|tab|>',
      ...Object.fromEntries(
        Array.from({ length: 79 }, (_, i) => [' '.repeat(i + 2), `<|blank_${i + 2}|>`] as const),
      ),
    },
    bytes: true,
    images: true,
    startsWithBos: false,
  },
}

function tiktokenMetadata(tokens: readonly Uint8Array[], family: Family): Map<string, MetadataValue> {
  const metadata = new Map<string, MetadataValue>([
    ['tokenizer.ggml.model', 'gpt2'],
    [
      'tokenizer.ggml.tokens',
      tokens.map((bytes) => Array.from(bytes, (byte) => byteAlphabet[byte]).join('')),
    ],
    ['tokenizer.ggml.token_type', new Int32Array(tokens.length).fill(tokenTypes.normal)],
    ['hearth.tokenizer.ranked', true],
  ])
  if (family.words !== undefined) metadata.set('tokenizer.ggml.pre', family.words)
  if (family.nfc === true) metadata.set('hearth.tokenizer.nfc', true)
  return metadata
}

/** GGUF's numbers for kinds of tokens. */
const tokenTypes = { normal: 1, control: 3, userDefined: 4, unused: 5, byte: 6 } as const

// Twice the largest vocabulary: ids are positions in an array, so one huge id would make a huge array.
const mostTokens = 2 ** 20

interface NamedToken {
  id: number
  text: string
  special: boolean
}

function namedTokens(folder: VocabularyFile): NamedToken[] {
  const named: NamedToken[] = []
  const special = new Set(
    [folder.specialTokensMap, folder.tokenizerConfig].flatMap((file) => specialSpellings(file)),
  )
  for (const [text, id] of Object.entries(folder.addedTokens?.value ?? {})) {
    named.push({ id: Number(id), text, special: special.has(text) })
  }
  const decoder = folder.tokenizerConfig?.optionalFields('added_tokens_decoder')
  for (const id of Object.keys(decoder?.value ?? {})) {
    const row = decoder?.fields(id)
    if (row === undefined) continue
    const text = row.text('content')
    named.push({ id: Number(id), text, special: row.optionalBoolean('special') ?? special.has(text) })
  }
  return named
}

function specialSpellings(file: JsonFields | undefined): string[] {
  if (file === undefined) return []
  const fields = ['bos_token', 'eos_token', 'unk_token', 'pad_token', 'additional_special_tokens']
  return fields
    .flatMap((field) => file.optional(field))
    .flatMap((value) => {
      if (typeof value === 'string') return [value]
      const content = value instanceof Object && 'content' in value ? value.content : undefined
      return typeof content === 'string' ? [content] : []
    })
}

/** The tokens of a vocabulary's file and those that its companions add. */
class GrowingVocabulary {
  readonly ids = new Map<string, number>()
  readonly size: number
  readonly #tokens: (string | undefined)[]
  readonly #types: number[]
  readonly #scores: number[] | undefined

  /** `before` tokens that no text has come first. */
  constructor(
    private readonly metadata: Map<string, MetadataValue>,
    before: number,
    blame: JsonFields,
  ) {
    if (!Number.isInteger(before) || before < 0 || before >= mostTokens) {
      throw blame.bad(`a companion counts an impossible ${before} tokens of images`)
    }
    const images = Array.from({ length: before }, (_, id) => `<image_${id}>`)
    this.#tokens = [...images, ...(metadata.get('tokenizer.ggml.tokens') as readonly string[])]
    this.#types = [
      ...images.map(() => tokenTypes.unused),
      ...(metadata.get('tokenizer.ggml.token_type') as Int32Array),
    ]
    const scores = metadata.get('tokenizer.ggml.scores')
    this.#scores = scores instanceof Float32Array ? [...images.map(() => 0), ...scores] : undefined
    this.size = this.#tokens.length
    this.#tokens.forEach((text, id) => text !== undefined && this.ids.set(text, id))
    const unknown = metadata.get('tokenizer.ggml.unknown_token_id')
    if (typeof unknown === 'number') metadata.set('tokenizer.ggml.unknown_token_id', unknown + before)
  }

  append(text: string, type: number): void {
    const id = this.#tokens.length
    this.#tokens.push(text)
    this.#types[id] = type
    this.ids.set(text, id)
  }

  put({ id, text, special }: NamedToken, blame: JsonFields): void {
    if (!Number.isInteger(id) || id < 0 || id >= mostTokens) {
      throw blame.bad(
        `a companion gives the token ${quote(text)} the impossible number ${String(id).slice(0, 40)}`,
      )
    }
    // A token of the file keeps its kind unless it is to be special: how it is found in text depends on it.
    if (id < this.size && !special) return
    this.#tokens[id] = text
    this.#types[id] = special ? tokenTypes.control : tokenTypes.userDefined
    this.ids.set(text, id)
  }

  store(): void {
    const count = this.#tokens.length
    const set = (name: string, value: MetadataValue): void =>
      void this.metadata.set(`tokenizer.ggml.${name}`, value)
    set(
      'tokens',
      Array.from({ length: count }, (_, id) => this.#tokens[id] ?? `[PAD${id}]`),
    )
    set(
      'token_type',
      Int32Array.from({ length: count }, (_, id) => this.#types[id] ?? tokenTypes.unused),
    )
    if (this.#scores !== undefined)
      set(
        'scores',
        Float32Array.from({ length: count }, (_, id) => this.#scores?.[id] ?? 0),
      )
  }
}
