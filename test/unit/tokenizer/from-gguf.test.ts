// What a tokenizer does with special tokens, beginnings, ends and faulty metadata.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { EngineError } from '../../../engine/protocol/errors'
import { tokenizerFromMetadata } from '../../../engine/tokenizer/from-gguf'
import { templateText, userText, type TextPiece, type Tokenizer } from '../../../engine/tokenizer/tokenizer'
import { bpeMetadata, spmMetadata, type TinyVocabulary } from './tiny-vocabulary'

const chat: TinyVocabulary = {
  tokens: [
    'ab',
    'abc',
    ['<|im_start|>', 'control'],
    ['<|im_end|>', 'control'],
    ['<tool>', 'userDefined'],
    ['<tool>x', 'userDefined'],
    ['<|endoftext|>', 'control'],
  ],
  merges: ['a b', 'ab c'],
}

describe('special tokens', () => {
  const bpe = tokenizerFromMetadata(bpeMetadata(chat)).tokenizer
  const rows: readonly [string, readonly TextPiece[], string][] = [
    [
      'control tokens in a template',
      [templateText('<|im_start|>ab<|im_end|>')],
      '<|im_start|> ab <|im_end|>',
    ],
    ['control tokens typed by a user', [userText('<|im_end|>')], '< | i m _ e n d | >'],
    ['user-defined tokens anywhere', [userText('a<tool>'), templateText('<tool>b')], 'a <tool> <tool> b'],
    ['the longest of several', [userText('<tool>xy')], '<tool>x y'],
    ['a word over a border', [templateText('<|im_start|>a'), userText('bc')], '<|im_start|> abc'],
    ['a control token over a border', [templateText('<|im_'), userText('end|>')], '< | i m _ e n d | >'],
    [
      'a control token over two template pieces',
      [templateText('<|im_'), templateText('end|>')],
      '< | i m _ e n d | >',
    ],
    [
      'a control token that ends a piece',
      [userText('a'), templateText('<|im_end|>'), userText('b')],
      'a <|im_end|> b',
    ],
    ['a user-defined token over a border', [templateText('<to'), userText('ol>')], '<tool>'],
    [
      'empty pieces',
      [templateText(''), userText(''), templateText('<|im_end|>'), userText('')],
      '<|im_end|>',
    ],
    ['no pieces', [], ''],
  ]
  for (const [name, pieces, tokens] of rows) {
    it(name, () => assert.equal(spell(bpe, bpe.encode(pieces)), tokens))
  }

  it('add nothing to the text, user-defined ones their spelling', () => {
    const text = (spelling: string): string => Buffer.from(bpe.bytesOf(bpe.idOf(spelling) ?? -1)).toString()
    assert.equal(text('<|im_end|>'), '')
    assert.equal(text('<tool>'), '<tool>')
    assert.equal(text('abc'), 'abc')
    assert.deepEqual(bpe.bytesOf(-1), new Uint8Array(0))
    assert.deepEqual(bpe.bytesOf(1e9), new Uint8Array(0))
    assert.equal(bpe.pieceOf(1e9), '')
    assert.equal(bpe.idOf('nothing'), undefined)
  })

  it('never come from a user, whatever is typed', () => {
    const spm = tokenizerFromMetadata(
      spmMetadata({ tokens: ['<s', '/s', '</', '▁', '<', '>', 's', '/'] }),
    ).tokenizer
    const parts = [
      '<',
      '|',
      '<s',
      '>',
      '/s',
      '</s>',
      '<s>',
      '<unk>',
      '<0x00>',
      'im_',
      'end',
      '|>',
      '<|im_end|>',
      '<|endoftext|>',
      ' ',
      '\n',
    ]
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...parts)), (words) => {
        for (const tokenizer of [bpe, spm]) {
          const tokens = tokenizer.encode([userText(words.join(''))])
          const own = tokenizer.addBos ? tokens.slice(1) : tokens
          assert.ok(own.every((token) => tokenizer.bytesOf(token).length > 0))
        }
      }),
      { numRuns: 300 },
    )
  })

  it('are control tokens even where a file forgot it, and the file is blamed', () => {
    const { tokenizer, warnings } = tokenizerFromMetadata(
      bpeMetadata({ tokens: ['<|im_start|>', ['<|im_end|>', 'userDefined'], '</s>'] }),
    )
    assert.match(warnings.join(), /ordinary text; .*<\|im_end\|> <\|im_start\|>/)
    assert.equal(spell(tokenizer, tokenizer.encode([userText('<|im_end|>')])), '< | i m _ e n d | >')
    assert.equal(spell(tokenizer, tokenizer.encode([templateText('<|im_end|>')])), '<|im_end|>')
    assert.deepEqual([...tokenizer.eog], [tokenizer.idOf('<|im_end|>')])
  })
})

describe('SentencePiece', () => {
  const tokens = [
    '▁',
    'a',
    'b',
    '▁a',
    'ab',
    ['<|im_end|>', 'control'],
    ['<tool>', 'userDefined'],
    ['▁<SUF>', 'control'],
  ] as const
  const scores = [-1, -2, -3, -4, -5]
  const row = (
    name: string,
    more: TinyVocabulary['more'],
    pieces: readonly TextPiece[],
    expected: string,
  ): void => {
    it(name, () => {
      const { tokenizer } = tokenizerFromMetadata(spmMetadata({ tokens, scores, more: more ?? {} }))
      assert.equal(spell(tokenizer, tokenizer.encode(pieces)), expected)
    })
  }
  const noPrefix = { 'tokenizer.ggml.add_space_prefix': false }
  row('puts a space in front', {}, [userText('ab')], '<s> ▁a b')
  row('unless the file says no', noPrefix, [userText('ab')], '<s> ab')
  row('puts a space after control tokens', {}, [templateText('<|im_end|>a')], '<s> <|im_end|> ▁a')
  row('puts none after user-defined tokens', {}, [userText('a<tool>a')], '<s> ▁a <tool> a')
  row('puts none in front of a FIM suffix', {}, [templateText('▁<SUF>'), userText('a')], '<s> ▁<SUF> a')
  row('adds no space to nothing', {}, [userText('')], '<s>')
  row('falls back to bytes', noPrefix, [userText('aé')], '<s> a <0xC3> <0xA9>')
  row('merges by score, the leftmost first', noPrefix, [userText(' ab ab')], '<s> ▁a b ▁a b')

  it('turns bytes and spaces back into text', () => {
    const { tokenizer } = tokenizerFromMetadata(spmMetadata({ tokens }))
    assert.equal(decode(tokenizer, tokenizer.encode([userText('a é\n')])), ' a é\n')
  })

  it('uses the unknown token where even bytes are missing', () => {
    const metadata = spmMetadata({ tokens })
    metadata.set('tokenizer.ggml.tokens', ['<unk>', '<s>', '</s>', '▁', 'a'])
    metadata.set('tokenizer.ggml.token_type', Int32Array.of(2, 3, 3, 1, 1))
    metadata.set('tokenizer.ggml.scores', new Float32Array(5))
    const { tokenizer } = tokenizerFromMetadata(metadata)
    assert.deepEqual(tokenizer.encode([userText('éa')]), [1, 3, 0, 4])
    assert.deepEqual(tokenizer.bytesOf(0), new Uint8Array(0))
  })
})

describe('BOS', () => {
  const tokens: TinyVocabulary['tokens'] = [
    ['<s>', 'control'],
    ['<e>', 'control'],
  ]
  const bos = { 'tokenizer.ggml.bos_token_id': 256 }
  const rows: readonly [string, TinyVocabulary['more'], boolean][] = [
    ['gpt-2', bos, false],
    ['llama-bpe', { ...bos, 'tokenizer.ggml.pre': 'llama-bpe' }, true],
    ['llama3', { ...bos, 'tokenizer.ggml.pre': 'llama3' }, true],
    ['tekken', { ...bos, 'tokenizer.ggml.pre': 'tekken' }, true],
    ['qwen2', { ...bos, 'tokenizer.ggml.pre': 'qwen2' }, false],
    ['a file that says yes', { ...bos, 'tokenizer.ggml.add_bos_token': true }, true],
    [
      'a file that says no',
      { ...bos, 'tokenizer.ggml.pre': 'llama-bpe', 'tokenizer.ggml.add_bos_token': false },
      false,
    ],
    ['a file that says yes and has none', { 'tokenizer.ggml.add_bos_token': true }, false],
  ]
  for (const [name, more, wanted] of rows) {
    it(`${name}: ${wanted ? 'first' : 'none'}`, () => {
      const { tokenizer } = tokenizerFromMetadata(bpeMetadata({ tokens, more: more ?? {} }))
      assert.equal(tokenizer.addBos, wanted)
      assert.equal(spell(tokenizer, tokenizer.encode([userText('a')])), wanted ? '<s> a' : 'a')
      assert.equal(spell(tokenizer, tokenizer.encode([])), wanted ? '<s>' : '')
      // A template that writes BOS itself, and a user who tries to.
      assert.equal(spell(tokenizer, tokenizer.encode([templateText('<s>a')])), '<s> a')
      assert.equal(spell(tokenizer, tokenizer.encode([userText('<s>')])), wanted ? '<s> < s >' : '< s >')
    })
  }

  it('SentencePiece has it by default, with number 1', () => {
    const { tokenizer } = tokenizerFromMetadata(spmMetadata({ tokens: [] }))
    assert.equal(tokenizer.bos, 1)
    assert.equal(tokenizer.addBos, true)
    assert.deepEqual([...tokenizer.eog], [2])
  })
})

describe('end of generation', () => {
  const rows: readonly [string, TinyVocabulary['tokens'], TinyVocabulary['more'], string][] = [
    ['nothing known', ['<x>'], {}, ''],
    [
      'by number',
      [
        ['<x>', 'control'],
        ['<y>', 'control'],
        ['<z>', 'control'],
      ],
      {
        'tokenizer.ggml.eos_token_id': 256,
        'tokenizer.ggml.eot_token_id': 257,
        'tokenizer.ggml.eom_token_id': 258,
      },
      '<x> <y> <z>',
    ],
    [
      'by spelling',
      [
        '<|im_end|>',
        '<|endoftext|>',
        '<|eot_id|>',
        '<|end_of_text|>',
        '<end_of_turn>',
        '<EOT>',
        '<|EOT|>',
        '<|eom_id|>',
      ].map((text) => [text, 'control'] as const),
      {},
      '<EOT> <end_of_turn> <|EOT|> <|end_of_text|> <|endoftext|> <|eom_id|> <|eot_id|> <|im_end|>',
    ],
    ['</s> as a control token', [['</s>', 'control']], {}, '</s>'],
    ['</s> as an HTML tag', ['</s>'], {}, ''],
    ['a number outside the vocabulary', [], { 'tokenizer.ggml.eos_token_id': 300 }, ''],
  ]
  for (const [name, tokens, more, expected] of rows) {
    it(name, () => {
      const { tokenizer } = tokenizerFromMetadata(bpeMetadata({ tokens, more: more ?? {} }))
      assert.equal(
        [...tokenizer.eog]
          .map((token) => tokenizer.pieceOf(token))
          .sort()
          .join(' '),
        expected,
      )
    })
  }
})

describe('faulty tokenizer metadata', () => {
  const refused: readonly [string, TinyVocabulary['more'], string, RegExp][] = [
    ['no model', { 'tokenizer.ggml.model': undefined }, 'bad-file', /tokenizer\.ggml\.model is missing/],
    [
      'an unknown model',
      { 'tokenizer.ggml.model': 'bert' },
      'unsupported-arch',
      /"bert" is not built in; known: gpt2, llama/,
    ],
    [
      'a model from the prototype',
      { 'tokenizer.ggml.model': 'constructor' },
      'unsupported-arch',
      /not built in/,
    ],
    ['no tokens', { 'tokenizer.ggml.tokens': undefined }, 'bad-file', /tokens is missing/],
    ['an empty vocabulary', { 'tokenizer.ggml.tokens': [] }, 'bad-file', /vocabulary is empty/],
    [
      'tokens that are numbers',
      { 'tokenizer.ggml.tokens': Int32Array.of(1) },
      'bad-file',
      /must be a list of texts/,
    ],
    [
      'too few types',
      { 'tokenizer.ggml.token_type': Int32Array.of(1) },
      'bad-file',
      /token_type has 1 entries/,
    ],
    ['no scores', { 'tokenizer.ggml.model': 'llama' }, 'bad-file', /scores is missing/],
    [
      'too few scores',
      { 'tokenizer.ggml.model': 'llama', 'tokenizer.ggml.scores': Float32Array.of(1) },
      'bad-file',
      /scores has 1 entries/,
    ],
  ]
  for (const [name, more, code, says] of refused) {
    it(`refuses ${name}`, () => {
      assert.throws(
        () => tokenizerFromMetadata(bpeMetadata({ tokens: [], more: more ?? {} })),
        (error) => error instanceof EngineError && error.code === code && says.test(error.message),
      )
    })
  }

  for (const [name, merges] of [
    ['missing', undefined],
    ['empty', []],
  ] as const) {
    it(`refuses a large vocabulary with merges ${name}`, () => {
      const tokens = Array.from({ length: 300 }, (_, i) => `word${i}`)
      const metadata = bpeMetadata({ tokens, more: { 'tokenizer.ggml.merges': merges } })
      assert.throws(
        () => tokenizerFromMetadata(metadata),
        (error) =>
          error instanceof EngineError &&
          error.code === 'bad-file' &&
          /it has no merges \(tokenizer\.ggml\.merges\), and without them every word/.test(error.message),
      )
    })
  }

  const warned: readonly [string, TinyVocabulary, RegExp][] = [
    [
      'an unknown pre-tokenizer',
      { tokens: [], more: { 'tokenizer.ggml.pre': 'new-thing' } },
      /"new-thing" is unknown/,
    ],
    ['no pre-tokenizer', { tokens: [], more: { 'tokenizer.ggml.pre': undefined } }, /names no pre-tokenizer/],
    ['merges of missing tokens', { tokens: ['ab'], merges: ['a b', 'ab c', 'x'] }, /^2 merges/],
    [
      'a BOS outside the vocabulary',
      { tokens: [], more: { 'tokenizer.ggml.bos_token_id': 256 } },
      /bos_token_id is 256, but the vocabulary has 256/,
    ],
  ]
  for (const [name, vocabulary, says] of warned) {
    it(`warns of ${name} and goes on`, () => {
      const { tokenizer, warnings } = tokenizerFromMetadata(bpeMetadata(vocabulary))
      assert.equal(warnings.length, 1)
      assert.match(warnings[0] ?? '', says)
      assert.equal(decode(tokenizer, tokenizer.encode([userText('ab cd')])), 'ab cd')
    })
  }
})

function spell(tokenizer: Tokenizer, tokens: readonly number[]): string {
  return tokens.map((token) => tokenizer.pieceOf(token)).join(' ')
}

function decode(tokenizer: Tokenizer, tokens: readonly number[]): string {
  return Buffer.concat(tokens.map((token) => tokenizer.bytesOf(token))).toString()
}
