// Fill-in-the-middle prompts: which tokens a vocabulary has for it, and that text between them stays text.
import assert from 'node:assert/strict'
import { findFim, fimPrompt } from '../../../engine/tokenizer/fim'
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
})
