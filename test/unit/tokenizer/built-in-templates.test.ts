// Chat forms for files without a template: which one a vocabulary gets, and its text, letter by letter as in the models' own code.
import assert from 'node:assert/strict'
import type { MetadataValue } from '../../../engine/format/checkpoint'
import type { ChatMessage } from '../../../engine/protocol/chat'
import { chatTemplate } from '../../../engine/tokenizer/chat-template'
import { tokenizerFromMetadata } from '../../../engine/tokenizer/from-gguf'
import { bpeMetadata, spmMetadata, type TokenRow } from './tiny-vocabulary'

interface Row {
  name: string
  architecture: string
  /** Control tokens, the start and the end of a text first. */
  tokens: readonly string[]
  more?: Readonly<Record<string, MetadataValue>>
  /** Of the conversation S / Q1 / A1 / Q2 with and without its system text. */
  withSystem: string
  without: string
  stops?: readonly string[]
  ends?: readonly string[]
}

const chat = { 'general.finetune': 'chat' }

const rows: readonly Row[] = [
  {
    name: 'ChatML',
    architecture: 'qwen2',
    tokens: ['<|endoftext|>', '<|im_end|>', '<|im_start|>'],
    withSystem:
      '<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nQ1<|im_end|>\n<|im_start|>assistant\nA1<|im_end|>\n<|im_start|>user\nQ2<|im_end|>\n<|im_start|>assistant\n',
    without:
      '<|im_start|>user\nQ1<|im_end|>\n<|im_start|>assistant\nA1<|im_end|>\n<|im_start|>user\nQ2<|im_end|>\n<|im_start|>assistant\n',
  },
  {
    name: 'Llama 3',
    architecture: 'llama',
    tokens: ['<|begin_of_text|>', '<|eot_id|>', '<|start_header_id|>', '<|end_header_id|>'],
    more: { 'general.name': 'Meta-Llama-3-8B-Instruct' },
    withSystem:
      '<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nQ1<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nA1<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nQ2<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n',
    without:
      '<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nQ1<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nA1<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nQ2<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n',
  },
  {
    name: 'Gemma',
    architecture: 'gemma',
    tokens: ['<bos>', '<eos>', '<start_of_turn>', '<end_of_turn>'],
    more: { 'general.name': 'gemma-2b-it' },
    withSystem:
      '<bos><start_of_turn>user\nS\n\nQ1<end_of_turn>\n<start_of_turn>model\nA1<end_of_turn>\n<start_of_turn>user\nQ2<end_of_turn>\n<start_of_turn>model\n',
    without:
      '<bos><start_of_turn>user\nQ1<end_of_turn>\n<start_of_turn>model\nA1<end_of_turn>\n<start_of_turn>user\nQ2<end_of_turn>\n<start_of_turn>model\n',
  },
  {
    name: 'Granite 3',
    architecture: 'granite',
    tokens: ['<|end_of_text|>', '<|end_of_text|>', '<|start_of_role|>', '<|end_of_role|>'],
    more: { 'general.finetune': 'instruct' },
    withSystem:
      '<|start_of_role|>system<|end_of_role|>S<|end_of_text|>\n<|start_of_role|>user<|end_of_role|>Q1<|end_of_text|>\n<|start_of_role|>assistant<|end_of_role|>A1<|end_of_text|>\n<|start_of_role|>user<|end_of_role|>Q2<|end_of_text|>\n<|start_of_role|>assistant<|end_of_role|>',
    without:
      '<|start_of_role|>user<|end_of_role|>Q1<|end_of_text|>\n<|start_of_role|>assistant<|end_of_role|>A1<|end_of_text|>\n<|start_of_role|>user<|end_of_role|>Q2<|end_of_text|>\n<|start_of_role|>assistant<|end_of_role|>',
  },
  {
    name: 'Phi 3',
    architecture: 'phi3',
    tokens: ['<s>', '<|endoftext|>', '<|user|>', '<|assistant|>', '<|system|>', '<|end|>'],
    withSystem:
      '<|system|>\nS<|end|>\n<|user|>\nQ1<|end|>\n<|assistant|>\nA1<|end|>\n<|user|>\nQ2<|end|>\n<|assistant|>\n',
    without: '<|user|>\nQ1<|end|>\n<|assistant|>\nA1<|end|>\n<|user|>\nQ2<|end|>\n<|assistant|>\n',
    ends: ['<|user|>'],
  },
  {
    name: 'GLM-4',
    architecture: 'chatglm',
    tokens: [
      ...['<|endoftext|>', '<|endoftext|>', '[gMASK]', '<sop>', '<|system|>', '<|user|>', '<|assistant|>'],
      '<|observation|>',
    ],
    withSystem: '[gMASK]<sop><|system|>\nS<|user|>\nQ1<|assistant|>\nA1<|user|>\nQ2<|assistant|>\n',
    without: '[gMASK]<sop><|user|>\nQ1<|assistant|>\nA1<|user|>\nQ2<|assistant|>\n',
    ends: ['<|user|>', '<|observation|>'],
  },
  {
    name: 'ChatGLM 3',
    architecture: 'chatglm',
    tokens: ['<s>', '</s>', '[gMASK]', 'sop', '<|system|>', '<|user|>', '<|assistant|>', '<|observation|>'],
    withSystem: '[gMASK]sop<|system|>\n S<|user|>\n Q1<|assistant|>\n A1<|user|>\n Q2<|assistant|>',
    without: '[gMASK]sop<|user|>\n Q1<|assistant|>\n A1<|user|>\n Q2<|assistant|>',
    ends: ['<|user|>', '<|observation|>'],
  },
  {
    name: 'ChatGLM 2',
    architecture: 'chatglm',
    tokens: ['<s>', '</s>', '[gMASK]', 'sop'],
    withSystem: '[gMASK]sop[Round 1]\n\n问：S\n\nQ1\n\n答：A1\n\n[Round 2]\n\n问：Q2\n\n答：',
    without: '[gMASK]sop[Round 1]\n\n问：Q1\n\n答：A1\n\n[Round 2]\n\n问：Q2\n\n答：',
  },
  {
    name: 'ChatGLM-6B',
    architecture: 'glm',
    tokens: ['<s>', '<eop>', '[gMASK]', '<sop>'],
    withSystem: '[Round 0]\n问：S\n\nQ1\n答：A1\n[Round 1]\n问：Q2\n答：[gMASK]<sop>',
    without: '[Round 0]\n问：Q1\n答：A1\n[Round 1]\n问：Q2\n答：[gMASK]<sop>',
  },
  {
    name: 'MiniCPM',
    architecture: 'minicpm',
    tokens: ['<s>', '</s>', '<用户>', '<AI>'],
    withSystem: '<用户>S\n\nQ1<AI>A1<用户>Q2<AI>',
    without: '<用户>Q1<AI>A1<用户>Q2<AI>',
  },
  {
    name: 'Baichuan',
    architecture: 'baichuan',
    tokens: ['<s>', '</s>'],
    more: chat,
    // In this tiny vocabulary 195 and 196 are bytes.
    withSystem: 'S<0xC0>Q1<0xC1>A1</s><0xC0>Q2<0xC1>',
    without: '<0xC0>Q1<0xC1>A1</s><0xC0>Q2<0xC1>',
  },
  {
    name: 'CodeLlama 70B',
    architecture: 'llama',
    tokens: ['<s>', '</s>', '<step>'],
    more: { 'general.name': 'CodeLlama-70b-Instruct' },
    withSystem:
      '<s>Source: system\n\n S <step> Source: user\n\n Q1 <step> Source: assistant\n\n A1 <step> Source: user\n\n Q2 <step> Source: assistant\nDestination: user\n\n ',
    without:
      '<s>Source: user\n\n Q1 <step> Source: assistant\n\n A1 <step> Source: user\n\n Q2 <step> Source: assistant\nDestination: user\n\n ',
    ends: ['<step>'],
  },
  {
    name: 'Mistral 3',
    architecture: 'llama',
    tokens: ['<s>', '</s>', '[INST]', '[/INST]'],
    withSystem: '<s>[INST] S\n\nQ1[/INST] A1</s>[INST] Q2[/INST]',
    without: '<s>[INST] Q1[/INST] A1</s>[INST] Q2[/INST]',
  },
  {
    name: 'DeepSeek-Coder',
    architecture: 'llama',
    tokens: ['<｜begin▁of▁sentence｜>', '<|EOT|>', '<｜fim▁begin｜>', '<｜fim▁hole｜>', '<｜fim▁end｜>'],
    more: { 'general.finetune': 'Instruct' },
    withSystem:
      '<｜begin▁of▁sentence｜>S### Instruction:\nQ1\n### Response:\nA1\n<|EOT|>\n### Instruction:\nQ2\n### Response:\n',
    without:
      '<｜begin▁of▁sentence｜>### Instruction:\nQ1\n### Response:\nA1\n<|EOT|>\n### Instruction:\nQ2\n### Response:\n',
    stops: ['\n### Instruction:'],
  },
  {
    name: 'StarCoder 2',
    architecture: 'starcoder2',
    tokens: ['<|endoftext|>', '<|endoftext|>', '<fim_prefix>', '<fim_middle>', '<fim_suffix>'],
    more: { 'general.name': 'starcoder2_15b_instruct' },
    withSystem:
      '<|endoftext|>S\n\n### Instruction\nQ1\n\n### Response\nA1<|endoftext|>### Instruction\nQ2\n\n### Response\n',
    without:
      '<|endoftext|>### Instruction\nQ1\n\n### Response\nA1<|endoftext|>### Instruction\nQ2\n\n### Response\n',
    stops: ['\n### Instruction'],
  },
  {
    name: 'Granite code',
    architecture: 'llama',
    tokens: ['<|endoftext|>', '<|endoftext|>', '<fim_prefix>', '<fim_middle>', '<fim_suffix>'],
    more: { 'general.finetune': 'instruct' },
    withSystem: 'System:\nS\n\nQuestion:\nQ1\n\nAnswer:\nA1\n\nQuestion:\nQ2\n\nAnswer:\n',
    without: 'Question:\nQ1\n\nAnswer:\nA1\n\nQuestion:\nQ2\n\nAnswer:\n',
    stops: ['\nQuestion:\n'],
  },
  {
    name: 'RWKV World',
    architecture: 'rwkv7',
    tokens: ['<s>', '<s>', '\\n\\n'],
    withSystem: 'System: S\n\nUser: Q1\n\nAssistant: A1\n\nUser: Q2\n\nAssistant:',
    without: 'User: Q1\n\nAssistant: A1\n\nUser: Q2\n\nAssistant:',
    stops: ['\n\n'],
  },
  {
    name: 'Llama 2',
    architecture: 'llama',
    tokens: ['<s>', '</s>'],
    more: { 'general.name': 'Llama-2-7b-chat-hf' },
    withSystem: '<s>[INST] <<SYS>>\nS\n<</SYS>>\n\nQ1 [/INST] A1 </s><s>[INST] Q2 [/INST]',
    without: '<s>[INST] Q1 [/INST] A1 </s><s>[INST] Q2 [/INST]',
  },
]

const system: ChatMessage = { role: 'system', content: 'S' }
const messages: ChatMessage[] = [
  { role: 'user', content: 'Q1' },
  { role: 'assistant', content: 'A1' },
  { role: 'user', content: 'Q2' },
]

describe('built-in chat templates', () => {
  for (const row of rows) {
    it(row.name, () => {
      const { tokenizer, template } = open(row)
      assert.ok(template)
      const text = (conversation: readonly ChatMessage[]): string =>
        template
          .render(conversation)
          .map((piece) => piece.text)
          .join('')
      assert.equal(text([system, ...messages]), row.withSystem)
      assert.equal(text(messages), row.without)
      assert.deepEqual(template.stops, row.stops ?? [])
      assert.deepEqual(
        [...template.stopTokens].map((token) => tokenizer.pieceOf(token)),
        row.ends ?? [],
      )
    })
  }

  it('are not for base models whose vocabulary tells nothing', () => {
    for (const row of rows.filter(({ more }) => more !== undefined)) {
      const { template } = open({ ...row, more: { 'general.name': `${row.architecture}-7b-base` } })
      assert.equal(template, undefined, row.name)
    }
  })

  it('ask a single question of ChatGLM-6B without a round', () => {
    const { template } = open(rows.find(({ name }) => name === 'ChatGLM-6B') ?? rows[0]!)
    const pieces = template?.render([{ role: 'user', content: 'Q' }]) ?? []
    assert.equal(pieces.map((piece) => piece.text).join(''), 'Q[gMASK]<sop>')
  })

  it('collapse blank lines for RWKV World', () => {
    const { template } = open(rows.find(({ name }) => name === 'RWKV World') ?? rows[0]!)
    const content = '\na\r\n\r\n\r\nb\n\n\n\nc\n '
    const pieces = template?.render([{ role: 'user', content }]) ?? []
    assert.equal(pieces.map((piece) => piece.text).join(''), 'User: a\nb\nc\n\nAssistant:')
  })
})

function open(row: Row): {
  tokenizer: ReturnType<typeof tokenizerFromMetadata>['tokenizer']
  template: ReturnType<typeof chatTemplate>
} {
  const spm = ['baichuan', 'llama'].includes(row.architecture) && row.tokens[0] === '<s>'
  const [bos = '', eos = '', ...others] = row.tokens
  const control = (text: string): TokenRow => [text, 'control']
  const named = spm
    ? spmMetadata({ tokens: ['▁[', ...others.map(control)] })
    : bpeMetadata({ tokens: [bos, eos, ...others].map(control) })
  const metadata = new Map<string, MetadataValue>([
    ...named,
    ['general.architecture', row.architecture],
    ['tokenizer.ggml.bos_token_id', spm ? 1 : 256],
    ['tokenizer.ggml.eos_token_id', spm ? 2 : 257],
    ...Object.entries(row.more ?? {}),
  ])
  const { tokenizer } = tokenizerFromMetadata(metadata)
  return { tokenizer, template: chatTemplate(metadata, tokenizer) }
}
