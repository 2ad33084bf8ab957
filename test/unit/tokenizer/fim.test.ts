// Fill-in-the-middle prompts: which tokens a vocabulary has for it, and that text between them stays text.
import assert from 'node:assert/strict'
import { findFim, fimPrompt, fimRepositoryPrompt } from '../../../engine/tokenizer/fim'
import { tokenizerFromMetadata } from '../../../engine/tokenizer/from-gguf'
import { bpeMetadata, spmMetadata, type TinyVocabulary } from './tiny-vocabulary'

interface Row {
  name: string
  control: readonly string[]
  more?: TinyVocabulary['more']
  /** Spelling of the prompt for prefix `a<` and suffix `>b`, or undefined where there is no FIM. */
  prompt: string | undefined
  stops?: string
}

const qwen = [
  '<|fim_prefix|>',
  '<|fim_middle|>',
  '<|fim_suffix|>',
  '<|fim_pad|>',
  '<|repo_name|>',
  '<|file_sep|>',
]

const rows: readonly Row[] = [
  {
    name: 'Qwen2.5-Coder',
    control: qwen,
    prompt: '<|fim_prefix|> a < <|fim_suffix|> > b <|fim_middle|>',
    stops: '<|file_sep|> <|fim_middle|> <|fim_pad|> <|fim_prefix|> <|fim_suffix|> <|repo_name|>',
  },
  {
    name: 'StarCoder',
    control: ['<fim_prefix>', '<fim_suffix>', '<fim_middle>', '<file_sep>'],
    prompt: '<fim_prefix> a < <fim_suffix> > b <fim_middle>',
    stops: '<file_sep> <fim_middle> <fim_prefix> <fim_suffix>',
  },
  {
    name: 'StarCoder 2',
    control: ['<fim_prefix>', '<fim_suffix>', '<fim_middle>', '<file_sep>', '<repo_name>'],
    prompt: '<fim_prefix> a < <fim_suffix> > b <fim_middle>',
    stops: '<file_sep> <fim_middle> <fim_prefix> <fim_suffix> <repo_name>',
  },
  {
    name: 'DeepSeek-Coder',
    control: ['<｜fim▁begin｜>', '<｜fim▁hole｜>', '<｜fim▁end｜>'],
    prompt: '<｜fim▁begin｜> a < <｜fim▁hole｜> > b <｜fim▁end｜>',
    stops: '<｜fim▁begin｜> <｜fim▁end｜> <｜fim▁hole｜>',
  },
  {
    name: 'Codestral, suffix first and no middle',
    control: ['[PREFIX]', '[SUFFIX]'],
    prompt: '[SUFFIX] > b [PREFIX] a <',
    stops: '[PREFIX] [SUFFIX]',
  },
  {
    name: 'CodeGemma',
    control: ['<|fim_prefix|>', '<|fim_middle|>', '<|fim_suffix|>', '<|file_separator|>'],
    prompt: '<|fim_prefix|> a < <|fim_suffix|> > b <|fim_middle|>',
    stops: '<|file_separator|> <|fim_middle|> <|fim_prefix|> <|fim_suffix|>',
  },
  {
    name: 'CodeQwen1.5',
    control: ['<fim_prefix>', '<fim_suffix>', '<fim_middle>', '<fim_pad>', '<reponame>', '<file_sep>'],
    prompt: '<fim_prefix> a < <fim_suffix> > b <fim_middle>',
    stops: '<file_sep> <fim_middle> <fim_pad> <fim_prefix> <fim_suffix> <reponame>',
  },
  {
    name: 'Granite code',
    control: ['<fim_prefix>', '<fim_suffix>', '<fim_middle>', '<fim_pad>', '<reponame>', '<filename>'],
    prompt: '<fim_prefix> a < <fim_suffix> > b <fim_middle>',
    stops: '<filename> <fim_middle> <fim_pad> <fim_prefix> <fim_suffix> <reponame>',
  },
  {
    name: 'CodeLlama',
    control: ['▁<PRE>', '▁<SUF>', '▁<MID>', '▁<EOT>'],
    prompt: '▁<PRE> a < ▁<SUF> > b ▁<MID>',
    stops: '▁<EOT> ▁<MID> ▁<PRE> ▁<SUF>',
  },
  {
    name: 'aiXcoder, the suffix between its two markers and the prefix',
    control: ['▁<AIX-SPAN-PRE>', '▁<AIX-SPAN-MIDDLE>', '▁<AIX-SPAN-POST>'],
    prompt: '▁<AIX-SPAN-PRE> ▁<AIX-SPAN-POST> > b ▁<AIX-SPAN-MIDDLE> a <',
    stops: '▁<AIX-SPAN-MIDDLE> ▁<AIX-SPAN-POST> ▁<AIX-SPAN-PRE>',
  },
  {
    name: 'tokens named by number',
    control: ['<P>', '<S>', '<M>', '<R>', ...qwen],
    more: {
      'tokenizer.ggml.fim_pre_token_id': 256,
      'tokenizer.ggml.fim_suf_token_id': 257,
      'tokenizer.ggml.fim_mid_token_id': 258,
      'tokenizer.ggml.fim_rep_token_id': 259,
    },
    prompt: '<P> a < <S> > b <M>',
    stops: '<M> <P> <R> <S>',
  },
  {
    name: 'tokens named by the numbers of older files',
    control: ['<P>', '<S>', '<M>'],
    more: {
      'tokenizer.ggml.prefix_token_id': 256,
      'tokenizer.ggml.suffix_token_id': 257,
      'tokenizer.ggml.middle_token_id': 258,
    },
    prompt: '<P> a < <S> > b <M>',
    stops: '<M> <P> <S>',
  },
  {
    name: 'numbers outside the vocabulary',
    control: ['<P>'],
    more: { 'tokenizer.ggml.fim_pre_token_id': 900, 'tokenizer.ggml.fim_suf_token_id': 901 },
    prompt: undefined,
  },
  {
    name: 'a name that promises it and a vocabulary that does not',
    control: ['<repo_name>', '<file_sep>'],
    more: { 'general.name': 'Qwen2.5-Coder' },
    prompt: undefined,
  },
  { name: 'a part of a family', control: ['<|fim_prefix|>', '<|fim_suffix|>'], prompt: undefined },
]

/** Names of rows above, and their prompt for the files a.ts, b.ts and c.ts. */
const repositoryRows: readonly (readonly [string, string])[] = [
  [
    'Qwen2.5-Coder',
    '<|repo_name|>repo\n<|file_sep|>a.ts\nA<file_sep>\n<|file_sep|>b.ts\nB{path}\n<|file_sep|>c.ts\n<|fim_prefix|>P<|fim_suffix|>S<|fim_middle|>',
  ],
  [
    'CodeGemma',
    'A<file_sep><|file_separator|>B{path}<|file_separator|><|fim_prefix|>P<|fim_suffix|>S<|fim_middle|>',
  ],
  [
    'CodeQwen1.5',
    '<reponame>repo\n<file_sep>a.ts\nA<file_sep>\n<file_sep>b.ts\nB{path}\n<file_sep>c.ts\n<fim_prefix>P<fim_suffix>S<fim_middle>',
  ],
  [
    'Granite code',
    '<reponame>repo<filename>a.ts\nA<file_sep><filename>b.ts\nB{path}<filename>c.ts\n<fim_prefix>P<fim_suffix>S<fim_middle>',
  ],
  [
    'StarCoder 2',
    '<repo_name>repo<file_sep>a.ts\nA<file_sep><file_sep>b.ts\nB{path}<file_sep><fim_prefix>c.ts\nP<fim_suffix>S<fim_middle>',
  ],
  [
    'DeepSeek-Coder',
    '<｜fim▁begin｜>#a.ts\nA<file_sep>\n\n#b.ts\nB{path}\n\n#c.ts\nP<｜fim▁hole｜>S<｜fim▁end｜>',
  ],
  [
    'Codestral, suffix first and no middle',
    '[SUFFIX]S[PREFIX]+++++ a.ts\nA<file_sep>\n\n+++++ b.ts\nB{path}\n\n+++++ c.ts\nP',
  ],
  ['CodeLlama', '▁<PRE>P▁<SUF>S▁<MID>'],
]

describe('fill in the middle', () => {
  for (const { name, control, more, prompt, stops } of rows) {
    it(name, () => {
      const metadata = bpeMetadata({ tokens: control.map((text) => [text, 'control']), more: more ?? {} })
      const { tokenizer } = tokenizerFromMetadata(metadata)
      const fim = findFim(tokenizer, metadata)
      const spell = (tokens: Iterable<number>): string[] =>
        [...tokens].map((token) => tokenizer.pieceOf(token))
      assert.equal(fim && spell(tokenizer.encode(fimPrompt(fim, 'a<', '>b'))).join(' '), prompt)
      assert.equal(fim && spell(fim.stopTokens).sort().join(' '), stops)
    })
  }

  for (const [name, prompt] of [
    ['Qwen2.5-Coder', '<|fim_prefix|> a < <|fim_suffix|> > b <|fim_middle|> c <'],
    ['Codestral, suffix first and no middle', '[SUFFIX] > b [PREFIX] a < c <'],
    ['aiXcoder', '▁<AIX-SPAN-PRE> ▁<AIX-SPAN-POST> > b ▁<AIX-SPAN-MIDDLE> a < c <'],
  ] as const) {
    it(`what is being typed comes last: ${name}`, () => {
      const row = rows.find((candidate) => candidate.name.startsWith(name))
      assert.ok(row)
      const metadata = bpeMetadata({ tokens: row.control.map((text) => [text, 'control']) })
      const { tokenizer } = tokenizerFromMetadata(metadata)
      const fim = findFim(tokenizer, metadata)
      assert.ok(fim)
      const tokens = tokenizer.encode(fimPrompt(fim, 'a<', '>b', 'c<'))
      assert.equal(tokens.map((token) => tokenizer.pieceOf(token)).join(' '), prompt)
    })
  }

  for (const [name, prompt] of repositoryRows) {
    it(`shows other files: ${name}`, () => {
      const row = rows.find((candidate) => candidate.name === name)
      const metadata = bpeMetadata({ tokens: (row?.control ?? []).map((text) => [text, 'control']) })
      const { tokenizer } = tokenizerFromMetadata(metadata)
      const fim = findFim(tokenizer, metadata)
      assert.ok(fim)
      const files = [
        { path: 'a.ts', text: 'A<file_sep>' },
        { path: 'b.ts', text: 'B{path}' },
      ]
      const pieces = fimRepositoryPrompt(fim, { repository: 'repo', path: 'c.ts', files }, 'P', 'S')
      assert.equal(pieces.map((piece) => piece.text).join(''), prompt)
      const control = tokenizer.encode(pieces).filter((token) => tokenizer.bytesOf(token).length === 0)
      // Markers only where the form has them, not in the text of a file.
      const markers = prompt.replace('A<file_sep>', '').match(/\u2581?<[^>]*>|\[[A-Z]+\]/g) ?? []
      assert.deepEqual(
        control.map((token) => tokenizer.pieceOf(token)),
        markers,
      )
    })
  }

  it('keeps markers in code as code', () => {
    const metadata = bpeMetadata({ tokens: qwen.map((text) => [text, 'control']) })
    const { tokenizer } = tokenizerFromMetadata(metadata)
    const fim = findFim(tokenizer, metadata)
    assert.ok(fim)
    const tokens = tokenizer.encode(fimPrompt(fim, 'x<|fim_middle|>', '<|fim_prefix|>y'))
    const control = tokens.filter((token) => tokenizer.bytesOf(token).length === 0)
    assert.deepEqual(
      control.map((token) => tokenizer.pieceOf(token)),
      ['<|fim_prefix|>', '<|fim_suffix|>', '<|fim_middle|>'],
    )
  })

  it('gives CodeLlama a space in front of the prefix and none in front of the suffix', () => {
    const metadata = spmMetadata({
      tokens: [
        '▁',
        'a',
        'b',
        '▁a',
        '▁b',
        ['▁<PRE>', 'control'],
        ['▁<SUF>', 'control'],
        ['▁<MID>', 'control'],
        ['▁<EOT>', 'control'],
      ],
    })
    const { tokenizer } = tokenizerFromMetadata(metadata)
    const fim = findFim(tokenizer, metadata)
    assert.ok(fim)
    const tokens = tokenizer.encode(fimPrompt(fim, 'a', 'b'))
    assert.equal(tokens.map((token) => tokenizer.pieceOf(token)).join(' '), '<s> ▁<PRE> ▁a ▁<SUF> b ▁<MID>')
  })

  it('gives aiXcoder no space in front of suffix and prefix, and Codestral one in front of the prefix', () => {
    const prompt = (control: readonly string[]): string => {
      const tokens = ['▁', 'a', 'b', '▁a', '▁b', ...control.map((text) => [text, 'control'] as const)]
      const metadata = spmMetadata({ tokens })
      const { tokenizer } = tokenizerFromMetadata(metadata)
      const fim = findFim(tokenizer, metadata)
      assert.ok(fim)
      return tokenizer
        .encode(fimPrompt(fim, 'a', 'b'))
        .map((token) => tokenizer.pieceOf(token))
        .join(' ')
    }
    assert.equal(
      prompt(['▁<AIX-SPAN-PRE>', '▁<AIX-SPAN-MIDDLE>', '▁<AIX-SPAN-POST>']),
      '<s> ▁<AIX-SPAN-PRE> ▁<AIX-SPAN-POST> b ▁<AIX-SPAN-MIDDLE> a',
    )
    assert.equal(prompt(['[PREFIX]', '[SUFFIX]']), '<s> [SUFFIX] b [PREFIX] ▁a')
  })
})
