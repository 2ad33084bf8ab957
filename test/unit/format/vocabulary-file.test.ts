// Tokenizers in the files of their own libraries: tokenizer.model of SentencePiece and tiktoken, whole and damaged, with their companions.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import { readVocabularyFile } from '../../../engine/format/hf-vocabulary-file'
import { JsonFields } from '../../../engine/format/json-fields'
import { EngineError } from '../../../engine/protocol/errors'
import { tokenizerFromMetadata } from '../../../engine/tokenizer/from-gguf'
import { templateText, userText, type Tokenizer } from '../../../engine/tokenizer/tokenizer'

const folder = path.join('test', 'fixtures', 'tokenizer')
const bytesOf = (name: string): Uint8Array => Uint8Array.from(readFileSync(path.join(folder, name)))

interface Companions {
  /** Default tokenizer.model. */
  file?: string
  modelType?: string
  config?: Record<string, unknown>
  specialTokensMap?: Record<string, unknown>
  addedTokens?: Record<string, unknown>
}

function open(bytes: Uint8Array, companions: Companions = {}): Tokenizer {
  const fields = (name: string, value: Record<string, unknown> | undefined): JsonFields | undefined =>
    value && new JsonFields(name, value)
  const metadata = readVocabularyFile({
    file: `FOLDER/${companions.file ?? 'tokenizer.model'}`,
    bytes,
    config: new JsonFields('config.json', { model_type: companions.modelType ?? 'llama' }),
    tokenizerConfig: fields('tokenizer_config.json', companions.config),
    specialTokensMap: fields('special_tokens_map.json', companions.specialTokensMap),
    addedTokens: fields('added_tokens.json', companions.addedTokens),
    generationConfig: undefined,
    chatTemplate: undefined,
  })
  return tokenizerFromMetadata(metadata).tokenizer
}

interface Row {
  name: string
  file: string
  companions?: Companions
  template: string
  /** Spellings, with a bar between. */
  tokens: string
}

const rows: readonly Row[] = [
  {
    name: 'a SentencePiece model starts with BOS and a space',
    file: 'bpe-plain.model',
    template: 'a b',
    tokens: '<s>|▁a|▁b',
  },
  {
    name: 'and without BOS where tokenizer_config.json says so',
    file: 'bpe-plain.model',
    companions: { config: { add_bos_token: false } },
    template: 'a b',
    tokens: '▁a|▁b',
  },
  {
    name: 'a special token of added_tokens.json and special_tokens_map.json',
    file: 'bpe-plain.model',
    companions: {
      addedTokens: { '<|im_start|>': 900, '<tool>': 901 },
      specialTokensMap: { additional_special_tokens: ['<|im_start|>'] },
    },
    template: '<|im_start|>a<tool>a',
    tokens: '<s>|<|im_start|>|▁a|<tool>|a',
  },
  {
    name: 'tokens of added_tokens_decoder, with space after the first text only where legacy is false',
    file: 'bpe-plain.model',
    companions: {
      config: {
        legacy: false,
        added_tokens_decoder: { '900': { content: '<|user|>', special: true } },
      },
    },
    template: 'a<|user|>a',
    tokens: '<s>|▁a|<|user|>|a',
  },
  {
    name: 'ChatGLM 2: five special tokens behind the vocabulary, no BOS',
    file: 'bpe-plain.model',
    companions: { modelType: 'chatglm' },
    template: '[gMASK]sopa',
    tokens: '[gMASK]|sop|▁a',
  },
  {
    name: 'GLM-4: a tiktoken file and its fourteen special tokens',
    file: 'tiny.tiktoken',
    companions: { modelType: 'chatglm' },
    template: '[gMASK]<sop><|user|>\na',
    tokens: '[gMASK]|<sop>|<|user|>|Ċ|a',
  },
  {
    name: 'Qwen 1: a tiktoken file and its 208 special tokens, text composed first',
    file: 'tiny.tiktoken',
    companions: { modelType: 'qwen' },
    template: '<|im_start|>e\u0301<|im_end|><|extra_204|>',
    tokens: '<|im_start|>|Ã©|<|im_end|>|<|extra_204|>',
  },
]

describe('vocabulary files', () => {
  for (const { name, file, companions, template, tokens } of rows) {
    it(name, () => {
      const tokenizer = open(bytesOf(file), companions)
      const pieces = tokenizer.encode([templateText(template)]).map((token) => tokenizer.pieceOf(token))
      assert.equal(pieces.join('|'), tokens)
    })
  }

  it('ChatGLM-6B has tokens for line breaks, tabs and runs of spaces', () => {
    const tokenizer = open(bytesOf('unigram-rules.model'), {
      file: 'ice_text.model',
      modelType: 'chatglm',
      config: { num_image_tokens: 2 },
    })
    const tokens = tokenizer.encode([
      userText(`a\n\tb${' '.repeat(83)}c[gMASK]`),
      templateText('[gMASK]<sop>'),
    ])
    const spellings = tokens.map((token) => tokenizer.pieceOf(token))
    assert.deepEqual(
      spellings.filter((spelling) => /^<[n|]|^\[gMASK\]|^<sop>/.test(spelling)),
      ['<n>', '<|tab|>', '<|blank_80|>', '<|blank_3|>', '[gMASK]', '<sop>'],
    )
    const text = Buffer.concat(tokens.map((token) => tokenizer.bytesOf(token))).toString()
    assert.equal(text, ` a\n\tb${' '.repeat(83)}c[gMASK]`)
    assert.equal(tokenizer.idOf('[gMASK]'), 2 + 900 + 1)
    assert.equal(tokenizer.idOf('<|tab|>'), 2 + 900 + 8)
  })

  it('numbers the special tokens of Qwen 1 from the end of the vocabulary', () => {
    const size = readFileSync(path.join(folder, 'tiny.tiktoken'), 'utf8').trim().split('\n').length
    const tokenizer = open(bytesOf('tiny.tiktoken'), { modelType: 'qwen' })
    const spellings = ['<|endoftext|>', '<|im_start|>', '<|im_end|>', '<|extra_0|>', '<|extra_204|>']
    assert.deepEqual(
      spellings.map((spelling) => tokenizer.idOf(spelling)),
      [size, size + 1, size + 2, size + 3, size + 207],
    )
    assert.deepEqual([...tokenizer.eog].map((token) => tokenizer.pieceOf(token)).sort(), [
      '<|endoftext|>',
      '<|im_end|>',
    ])
  })
})

const text = (value: string): Uint8Array => new TextEncoder().encode(value)
/** A field of a protocol buffer: number, wire type, what follows. */
const field = (number: number, wire: number, ...rest: number[]): number[] => [number * 8 + wire, ...rest]
const message = (number: number, ...bytes: number[]): number[] => field(number, 2, bytes.length, ...bytes)
const piece = (...parts: number[][]): Uint8Array => Uint8Array.from(message(1, ...parts.flat()))

const damaged: readonly [string, Uint8Array, RegExp][] = [
  ['an empty file', text(''), /has no pieces/],
  ['a length beyond the end', Uint8Array.of(0x0a, 0x7f, 1), /ends in the middle of a field/],
  [
    'a huge length',
    Uint8Array.of(0x0a, ...new Array<number>(9).fill(0xff), 0x7f),
    /middle of a field|ten bytes/,
  ],
  ['an endless number', Uint8Array.of(...new Array<number>(12).fill(0xff)), /more than ten bytes/],
  ['a group', Uint8Array.of(0x0b), /unknown wire type 3/],
  ['field zero', Uint8Array.of(0x02, 0x00), /impossible number 0/],
  ['a piece without text', piece([]), /piece 0: it has no text/],
  ['a text that is not UTF-8', piece(message(1, 0xff)), /piece 0: a text in it is not UTF-8/],
  ['a text that is a number', piece(field(1, 0, 7)), /piece 0: field 1 is of another type/],
  ['a score that is a text', piece(message(1, 97), message(2, 97)), /its score is not a number/],
  ['a piece of a new type', piece(message(1, 97), field(3, 0, 9)), /unknown type 9/],
  [
    'a table of replacements larger than the file',
    Uint8Array.from([...piece(message(1, 97)), ...message(3, ...message(2, 0xff, 0xff, 0, 0, 1, 2))]),
    /table of its normalizer does not fit/,
  ],
  ['a line of tiktoken without a number', text('IQ== 0\nIg==\n'), /line 2 is not a token in base64/],
  ['a number that is taken', text('IQ== 0\nIg== 0\n'), /line 2: the number 0 is taken/],
  ['a token that is there twice', text('IQ== 0\nIQ== 1\n'), /line 2: the token is there twice/],
  ['a gap in the numbers', text('IQ== 0\nIg== 2\n'), /it has no token 1/],
  ['a huge number', text('IQ== 0\nIg== 99999999\n'), /the number 99999999 is not below/],
]

describe('damaged vocabulary files', () => {
  for (const [name, bytes, says] of damaged) {
    it(name, () => {
      assert.throws(
        () => open(bytes),
        (error) =>
          error instanceof EngineError &&
          error.code === 'bad-file' &&
          error.message.startsWith('FOLDER/tokenizer.model: ') &&
          says.test(error.message),
      )
    })
  }

  it('a kind of SentencePiece model that no family uses', () => {
    const bytes = Uint8Array.from([...piece(message(1, 97)), ...message(2, ...field(3, 0, 4))])
    assert.throws(
      () => open(bytes),
      (error) => error instanceof EngineError && error.code === 'unsupported-arch',
    )
  })

  for (const file of ['bpe-rules.model', 'unigram-rules.model', 'tiny.tiktoken']) {
    it(`${file}: any damage is an error or a tokenizer`, () => {
      const whole = bytesOf(file)
      const damage = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 })
      fc.assert(
        fc.property(damage, fc.nat(whole.length), (changes, length) => {
          const bytes = whole.slice(0, Math.max(length, whole.length >> 2))
          for (const [at, value] of changes) bytes[at % bytes.length] = value
          try {
            open(bytes).encode([userText('any text\u00a0Ａ')])
          } catch (error) {
            assert.ok(error instanceof EngineError, String(error))
          }
        }),
        { numRuns: 150 },
      )
    })
  }
})
