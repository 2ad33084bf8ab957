// Builds the tokenizer that a GGUF file describes under `tokenizer.ggml.*`.
import { quote } from '../base/quote'
import {
  badMetadata,
  fileOf,
  numbersOf,
  optionalBooleanOf,
  optionalNumberOf,
  optionalNumbersOf,
  optionalStringOf,
  optionalStringsOf,
  stringOf,
  stringsOf,
  type Metadata,
} from '../format/metadata'
import { EngineError } from '../protocol/errors'
import { createBpe } from './bpe'
import { fimKeys, fimSpellings, fimJoiningSpellings } from './fim-tokens'
import { noVocabulary } from './no-vocabulary'
import { wordRules } from './pretokenize'
import { createRwkvWorld } from './rwkv-world'
import { isControl, specialSplitter } from './specials'
import { createNormalizer } from './sentencepiece-text'
import { createSpm, type SpmMerges, type SpmOptions } from './spm'
import type { Tokenizer } from './tokenizer'
import { tokenFinder, tokenTypes, type TextCodec, type Vocabulary } from './vocabulary'

/**
 * The tokenizer of a model, and what its users should know about it. Throws EngineError `bad-file` when the metadata contradicts
 * itself, `unsupported-arch` for a kind of tokenizer that is not built in.
 */
export function tokenizerFromMetadata(metadata: Metadata): { tokenizer: Tokenizer; warnings: string[] } {
  const substitute = noVocabulary(metadata)
  if (substitute !== undefined) return { tokenizer: substitute, warnings: [] }
  const warnings = [...(optionalStringsOf(metadata, 'hearth.tokenizer.warnings') ?? [])]
  const kind = kindOf(metadata)
  const vocabulary = readVocabulary(metadata, warnings)
  const id = (name: string, fallback?: number): number | undefined =>
    tokenId(metadata, vocabulary, name, fallback, warnings)

  const { codec, addBos } = kind.codec(metadata, vocabulary, warnings)
  const bos = id('bos_token_id', kind.bos)
  const split = specialSplitter(vocabulary, codec.findsUserDefined !== true)
  // Folders of Hugging Face say that their text is to be composed first; a GGUF cannot say it.
  const nfc = optionalBooleanOf(metadata, 'hearth.tokenizer.nfc') === true
  const standIns = readStandIns(metadata, vocabulary)
  const wantsBos = (optionalBooleanOf(metadata, key('add_bos_token')) ?? addBos) && bos !== undefined
  const nothing = new Uint8Array(0)
  const textEncoder = new TextEncoder()

  const tokenizer: Tokenizer = {
    size: vocabulary.tokens.length,
    bos,
    addBos: wantsBos,
    eog: endTokens(vocabulary, [
      id('eos_token_id', kind.eos),
      ...(kind.turnsEndInText === true ? [] : endKeys.map((name) => id(name))),
    ]),
    encode: (pieces) => {
      const tokens: number[] = []
      let previous: number | undefined
      for (const fragment of split(pieces)) {
        if (typeof fragment === 'number') tokens.push((previous = fragment))
        else {
          // Half a surrogate pair has no bytes in UTF-8; what stands for broken text is the same everywhere.
          const text = standIns.write(fragment.replace(/\p{Surrogate}/gu, '\ufffd'))
          codec.encode(nfc ? text.normalize('NFC') : text, previous, tokens)
        }
      }
      if (wantsBos && tokens[0] !== bos) tokens.unshift(bos)
      return tokens
    },
    bytesOf: (token) => {
      const type = vocabulary.types[token]
      const standsFor = standIns.textOf.get(token)
      if (standsFor !== undefined) return textEncoder.encode(standsFor)
      if (type === undefined || isControl(type)) return nothing
      // The spelling of a user-defined token that is cut out of text is that text.
      if (type === tokenTypes.userDefined && codec.findsUserDefined !== true)
        return textEncoder.encode(vocabulary.tokens[token])
      return codec.bytesOf(token)
    },
    pieceOf: (token) => vocabulary.tokens[token] ?? '',
    idOf: (spelling) => vocabulary.ids.get(spelling),
  }
  return { tokenizer, warnings }
}

/** One row per `tokenizer.ggml.model`; the numbers are what files of that kind mean when they do not say. */
interface Kind {
  bos: number | undefined
  eos: number | undefined
  /** What files call the end of a turn is ordinary text, a blank line: an end in a chat, and not in a program. */
  turnsEndInText?: true
  codec(metadata: Metadata, vocabulary: Vocabulary, warnings: string[]): { codec: TextCodec; addBos: boolean }
}

const kinds: Readonly<Record<string, Kind>> = {
  gpt2: {
    bos: undefined,
    eos: undefined,
    codec: (metadata, vocabulary, warnings) => {
      const { rules, warning } = wordRules(optionalStringOf(metadata, key('pre')))
      if (warning !== undefined) warnings.push(warning)
      const merges = readMerges(metadata, vocabulary)
      // tiktoken looks for the whole word first.
      const wholeWords = rules.wholeWords || merges === 'by-number'
      const codec = createBpe(vocabulary, merges, { words: rules.words, wholeWords })
      if (codec.brokenMerges > 0) {
        warnings.push(
          `${codec.brokenMerges} merges of the tokenizer name tokens it does not have; they are ignored.`,
        )
      }
      return { codec, addBos: rules.addBos }
    },
  },
  llama: {
    bos: 1,
    eos: 2,
    codec: (metadata, vocabulary) => {
      const codec = createSpm(vocabulary, readSpmMerges(metadata, vocabulary), {
        ...sentencePieceOptions(metadata, vocabulary),
        spaceAfter:
          spaceAfter[optionalStringOf(metadata, 'hearth.tokenizer.space_prefix') ?? ''] ?? 'control',
        addSpacePrefix: optionalBooleanOf(metadata, key('add_space_prefix')) ?? true,
        spaceOnce: optionalBooleanOf(metadata, 'hearth.tokenizer.space_once') ?? false,
        noSpaceAfter: new Set(fimJoiningSpellings.flatMap((spelling) => vocabulary.ids.get(spelling) ?? [])),
        unknown: optionalNumberOf(metadata, key('unknown_token_id')) ?? 0,
      })
      return { codec, addBos: true }
    },
  },
  rwkv: {
    bos: 0,
    eos: 0,
    turnsEndInText: true,
    codec: (metadata, vocabulary) => ({ codec: createRwkvWorld(metadata, vocabulary), addBos: false }),
  },
}

/** From folders of Hugging Face: where their tokenizer puts a space before text. */
const spaceAfter: Readonly<Record<string, 'every' | 'none' | undefined>> = { every: 'every', first: 'none' }

/** Scores as SentencePiece has them, or, from folders of Hugging Face, pairs. */
function readSpmMerges(metadata: Metadata, vocabulary: Vocabulary): SpmMerges {
  const pairs = optionalStringsOf(metadata, 'hearth.tokenizer.pairs')
  if (pairs !== undefined) return { pairs }
  const scores = numbersOf(metadata, key('scores'))
  requireLength(metadata, 'scores', scores.length, vocabulary.tokens.length)
  return optionalBooleanOf(metadata, 'hearth.tokenizer.unigram') === true ? { unigram: scores } : { scores }
}

/**
 * In SentencePiece, user-defined pieces are part of the text: they are found in its normal form, and never merge. In Hugging Face's form of
 * the same tokenizers they are cut out before. How text is brought to its normal form only a SentencePiece model itself says.
 */
function sentencePieceOptions(
  metadata: Metadata,
  vocabulary: Vocabulary,
): Pick<SpmOptions, 'normalize' | 'userDefinedAt'> {
  if (metadata.has('hearth.tokenizer.pairs')) return {}
  const userDefinedAt = tokenFinder(
    vocabulary,
    (type) => type === tokenTypes.userDefined,
    // Some converters write spaces as they are.
    (spelling) => spelling.replaceAll(' ', '\u2581'),
  )
  const spellingAt = (text: string, at: number): string | undefined => {
    const id = userDefinedAt(text, at)
    return id === undefined ? undefined : vocabulary.tokens[id]
  }
  const rules = {
    replacements: optionalStringsOf(metadata, 'hearth.tokenizer.replacements') ?? [],
    removeExtraSpaces: optionalBooleanOf(metadata, 'hearth.tokenizer.remove_extra_spaces') ?? false,
  }
  return { normalize: createNormalizer(rules, spellingAt), userDefinedAt }
}

/** Tokens that stand for texts: ChatGLM-6B has them for line breaks, tabs and runs of spaces. */
function readStandIns(
  metadata: Metadata,
  vocabulary: Vocabulary,
): { write: (text: string) => string; textOf: ReadonlyMap<number, string> } {
  const turns = optionalStringsOf(metadata, 'hearth.tokenizer.stand_ins') ?? []
  const spellings = new Map<string, string>()
  const textOf = new Map<number, string>()
  for (let i = 0; i < turns.length; i += 2) {
    const [text = '', spelling = ''] = turns.slice(i, i + 2)
    const id = vocabulary.ids.get(spelling)
    if (text === '' || id === undefined) continue
    spellings.set(text, spelling)
    textOf.set(id, text)
  }
  if (spellings.size === 0) return { write: (text) => text, textOf }
  // All of it white space, so nothing needs an escape; the longest that fits counts.
  const anyOf = new RegExp([...spellings.keys()].sort((a, b) => b.length - a.length).join('|'), 'g')
  return { write: (text) => text.replace(anyOf, (part) => spellings.get(part) ?? part), textOf }
}

function readMerges(metadata: Metadata, vocabulary: Vocabulary): readonly string[] | 'by-number' {
  if (optionalBooleanOf(metadata, 'hearth.tokenizer.ranked') === true) return 'by-number'
  const merges = optionalStringsOf(metadata, key('merges'))
  // A vocabulary of hardly more than the 256 bytes may really have none.
  const bytesAlone = vocabulary.tokens.length < 512
  if (merges !== undefined && (merges.length > 0 || bytesAlone)) return merges
  throw badMetadata(
    metadata,
    `it has no merges (${key('merges')}), and without them every word falls apart into bytes`,
  )
}

/** Metadata keys of further tokens that end an answer. */
const endKeys = [
  'eot_token_id',
  'eom_token_id',
  // Never part of an answer: padding and the borders between files.
  'fim_pad_token_id',
  'fim_rep_token_id',
  'fim_sep_token_id',
]

/** Spellings that end an answer in some family. Files often name only one of them. */
const endSpellings = [
  '<|im_end|>',
  '<|endoftext|>',
  '<|eot_id|>',
  '<|eom_id|>',
  '<|end_of_text|>',
  '<|end|>',
  '<|return|>',
  '<|call|>',
  '<end_of_turn>',
  '<end_of_utterance>',
  '<EOT>',
  '_<EOT>',
  '<|EOT|>',
  '<｜end▁of▁sentence｜>',
  '<|fim_pad|>',
  '<|file_sep|>',
  '<|repo_name|>',
]

/** These are also ordinary text (`</s>` closes a tag in HTML), so they count only where the file calls them control tokens. */
const ambiguousEndSpellings = ['</s>', '<eos>']

const startSpellings = ['<|im_start|>', '<|begin_of_text|>', '<start_of_turn>']

function key(name: string): string {
  return `tokenizer.ggml.${name}`
}

function kindOf(metadata: Metadata): Kind {
  const name = stringOf(metadata, key('model'))
  const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined
  if (kind !== undefined) return kind
  throw new EngineError(
    'unsupported-arch',
    `${fileOf(metadata)}: the tokenizer ${quote(name)} is not built in; known: ${Object.keys(kinds).join(', ')}.`,
    { hint: 'Choose another model.' },
  )
}

function readVocabulary(metadata: Metadata, warnings: string[]): Vocabulary {
  const tokens = stringsOf(metadata, key('tokens'))
  if (tokens.length === 0) throw badMetadata(metadata, 'the vocabulary is empty')
  const given = optionalNumbersOf(metadata, key('token_type'))
  if (given !== undefined) requireLength(metadata, 'token_type', given.length, tokens.length)
  const types = Int32Array.from(given ?? new Int32Array(tokens.length).fill(tokenTypes.normal))
  const ids = new Map(tokens.map((spelling, id) => [spelling, id]))

  // Some converters forget the type. Such a token would fall apart into letters, and the model would never see a turn end.
  const forgotten: string[] = []
  const mustBeControl = [
    ...[...endSpellings, ...startSpellings, ...fimSpellings].flatMap((spelling) => ids.get(spelling) ?? []),
    ...fimKeys.flatMap((name) => optionalNumberOf(metadata, key(name)) ?? []),
  ]
  for (const id of mustBeControl) {
    const spelling = tokens[id]
    if (spelling === undefined || isControl(types[id])) continue
    types[id] = tokenTypes.control
    forgotten.push(spelling)
  }
  if (forgotten.length > 0) {
    warnings.push(
      `The file calls these control tokens ordinary text; they are treated as control tokens: ${forgotten.join(' ')}`,
    )
  }
  return { tokens, types, ids }
}

function tokenId(
  metadata: Metadata,
  vocabulary: Vocabulary,
  name: string,
  fallback: number | undefined,
  warnings: string[],
): number | undefined {
  const id = optionalNumberOf(metadata, key(name)) ?? fallback
  if (id === undefined || vocabulary.tokens[id] !== undefined) return id
  warnings.push(
    `${key(name)} is ${id}, but the vocabulary has ${vocabulary.tokens.length} tokens; it is ignored.`,
  )
  return undefined
}

function endTokens(vocabulary: Vocabulary, named: readonly (number | undefined)[]): Set<number> {
  const ends = new Set<number>()
  for (const id of named) if (id !== undefined) ends.add(id)
  for (const spelling of [...endSpellings, ...ambiguousEndSpellings]) {
    const id = vocabulary.ids.get(spelling)
    if (id !== undefined && isControl(vocabulary.types[id])) ends.add(id)
  }
  return ends
}

function requireLength(metadata: Metadata, name: string, length: number, tokens: number): void {
  if (length !== tokens) {
    throw badMetadata(metadata, `${key(name)} has ${length} entries for a vocabulary of ${tokens} tokens`)
  }
}
