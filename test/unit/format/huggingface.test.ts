// Hugging Face folders: what becomes of config.json and tokenizer.json, and that tokens equal those of the original tokenizers.
import assert from 'node:assert/strict'
import { cp, mkdtemp, readFile, rm, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Checkpoint, MetadataValue } from '../../../engine/format/checkpoint'
import { readHuggingfaceConfig } from '../../../engine/format/hf-config'
import { readHuggingfaceTokenizer } from '../../../engine/format/hf-tokenizer'
import { JsonFields } from '../../../engine/format/json-fields'
import { openCheckpoint } from '../../../engine/format/open-checkpoint'
import { llama3Divisors } from '../../../engine/model/rope-scaling'
import { EngineError } from '../../../engine/protocol/errors'
import { chatTemplate } from '../../../engine/tokenizer/chat-template'
import { tokenizerFromMetadata } from '../../../engine/tokenizer/from-gguf'
import { templateText, userText, type Tokenizer } from '../../../engine/tokenizer/tokenizer'

const folder = 'test/fixtures/tiny-hf'
const names = [
  'llama-biases-f16',
  'llama-linear-bf16',
  'llama3-sharded-f32',
  'qwen2-tied-bf16',
  'qwen3-bf16',
  'gemma-bf16',
  'minicpm-f16',
]

interface TokensRow {
  text: string
  user: number[]
  template?: number[]
}

describe('tokenizers of Hugging Face folders equal their originals', () => {
  for (const name of names) {
    describe(name, () => {
      let checkpoint: Checkpoint
      let tokenizer: Tokenizer
      let rows: TokensRow[]
      before(async () => {
        checkpoint = await openCheckpoint(path.join(folder, name))
        const made = tokenizerFromMetadata(checkpoint.metadata)
        assert.deepEqual(made.warnings, [])
        tokenizer = made.tokenizer
        rows = JSON.parse(await readFile(path.join(folder, name, 'tokens.json'), 'utf8')) as TokensRow[]
      })
      after(() => (checkpoint as Checkpoint | undefined)?.close())

      it('as text of a user, and as text of a template', () => {
        assert.ok(rows.length > 40)
        for (const { text, user, template } of rows) {
          // The original puts its start token before an empty text, too.
          assert.deepEqual(tokenizer.encode([userText(text)]), user, JSON.stringify(text))
          assert.deepEqual(tokenizer.encode([templateText(text)]), template ?? user, JSON.stringify(text))
        }
      })

      it('with the template of the folder', () => {
        const pieces = chatTemplate(checkpoint.metadata, tokenizer)?.render([{ role: 'user', content: 'Hi' }])
        const text = pieces?.map((piece) => piece.text).join('')
        assert.equal(text, '<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n')
      })
    })
  }

  it('tokens that end an answer come from every file that names one', async () => {
    const rows = {
      'llama3-sharded-f32': ['<|end_of_text|>', '<|im_end|>'],
      'qwen2-tied-bf16': ['<|endoftext|>', '<|im_end|>'],
    }
    for (const [name, expected] of Object.entries(rows)) {
      const checkpoint = await openCheckpoint(path.join(folder, name))
      const { tokenizer } = tokenizerFromMetadata(checkpoint.metadata)
      assert.deepEqual([...tokenizer.eog].map((id) => tokenizer.pieceOf(id)).sort(), expected)
      await checkpoint.close()
    }
  })
})

describe('config.json as metadata', () => {
  const llama = {
    model_type: 'llama',
    num_hidden_layers: 2,
    hidden_size: 64,
    intermediate_size: 96,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    rms_norm_eps: 1e-5,
    max_position_embeddings: 512,
    vocab_size: 100,
    hidden_act: 'silu',
  }
  const read = (config: Record<string, unknown>): Record<string, MetadataValue> =>
    Object.fromEntries(readHuggingfaceConfig(fields(config), 'tiny').metadata)

  it('carries the keys of a GGUF', () => {
    assert.deepEqual(read({ ...llama, head_dim: 24, rope_theta: 5e5 }), {
      'general.architecture': 'llama',
      'general.name': 'tiny',
      'llama.block_count': 2,
      'llama.embedding_length': 64,
      'llama.feed_forward_length': 96,
      'llama.attention.head_count': 4,
      'llama.attention.head_count_kv': 2,
      'llama.attention.key_length': 24,
      'llama.attention.value_length': 24,
      'llama.attention.layer_norm_rms_epsilon': 1e-5,
      'llama.vocab_size': 100,
      'llama.context_length': 512,
      'llama.rope.freq_base': 5e5,
    })
  })

  const differences: readonly {
    name: string
    config: Record<string, unknown>
    keys: Record<string, unknown>
  }[] = [
    {
      name: 'head_dim null is no head_dim',
      config: { head_dim: null },
      keys: { 'llama.attention.key_length': undefined },
    },
    {
      name: 'linear scaling, oldest form',
      config: { rope_scaling: { type: 'linear', factor: 4 } },
      keys: { 'llama.rope.scaling.type': 'linear', 'llama.rope.scaling.factor': 4 },
    },
    {
      name: 'linear scaling, newest form',
      config: { rope_parameters: { rope_type: 'linear', factor: 2, rope_theta: 7 } },
      keys: { 'llama.rope.scaling.factor': 2, 'llama.rope.freq_base': 7 },
    },
    {
      name: 'no scaling',
      config: { rope_parameters: { rope_type: 'default', rope_theta: 7 } },
      keys: { 'llama.rope.scaling.type': 'none' },
    },
    {
      name: 'linear scaling, one set of fields for each kind of layer',
      config: {
        rope_parameters: {
          full_attention: { rope_type: 'linear', factor: 8, rope_theta: 7 },
          sliding_attention: { rope_type: 'default', rope_theta: 5 },
        },
      },
      keys: {
        'llama.rope.scaling.factor': 8,
        'llama.rope.freq_base': 7,
        'llama.rope.freq_base_swa': 5,
      },
    },
    {
      name: 'YaRN of the trained length',
      config: { rope_scaling: { type: 'yarn', factor: 4, beta_fast: 30 } },
      keys: {
        'llama.rope.scaling.type': 'yarn',
        'llama.rope.scaling.factor': 4,
        'llama.rope.scaling.original_context_length': 512,
        'llama.rope.scaling.yarn_beta_fast': 30,
        'llama.rope.scaling.yarn_beta_slow': undefined,
        'llama.rope.scaling.attn_factor': undefined,
      },
    },
    {
      name: 'YaRN by its lengths',
      config: { rope_scaling: { type: 'yarn', original_max_position_embeddings: 128 } },
      keys: { 'llama.rope.scaling.factor': 4, 'llama.rope.scaling.original_context_length': 128 },
    },
    {
      // 1 + 0.1 ln(e) = 1.1, of which 0.55 is a half.
      name: "a factor of attention in place of YaRN's own",
      config: { rope_scaling: { type: 'yarn', factor: Math.E, attention_factor: 0.55 } },
      keys: { 'llama.rope.scaling.attn_factor': 0.5 },
    },
    {
      name: "DeepSeek's factors of YaRN's logarithm",
      config: { rope_scaling: { type: 'yarn', factor: Math.E, mscale: 3.2, mscale_all_dim: 2 } },
      keys: { 'llama.rope.scaling.attn_factor': 1 },
    },
    {
      name: 'LongRoPE',
      config: {
        rope_scaling: {
          rope_type: 'longrope',
          long_factor: [3, 4],
          short_factor: [1, 2],
          original_max_position_embeddings: 64,
        },
      },
      keys: {
        'llama.rope.scaling.type': 'longrope',
        'llama.rope.scaling.original_context_length': 64,
        'llama.rope.scaling.long_factor': [3, 4],
        'llama.rope.scaling.short_factor': [1, 2],
        'llama.rope.scaling.attn_factor': undefined,
      },
    },
    {
      // sqrt(1 + ln(64) / ln(4096)) = sqrt(1.5)
      name: 'LongRoPE with its stretch given',
      config: {
        rope_scaling: {
          rope_type: 'longrope',
          long_factor: [],
          short_factor: [],
          original_max_position_embeddings: 4096,
          factor: 64,
        },
      },
      keys: { 'llama.rope.scaling.attn_factor': Math.sqrt(1.5) },
    },
    {
      name: 'dynamic scaling',
      config: { rope_scaling: { type: 'dynamic', factor: 4 } },
      keys: { 'llama.rope.scaling.type': 'dynamic', 'llama.rope.scaling.factor': 4 },
    },
    {
      name: 'a window of Mistral',
      config: { model_type: 'mistral', sliding_window: 128 },
      keys: {
        'general.architecture': 'llama',
        'llama.context_length': 512,
        'llama.attention.sliding_window': 128,
        'llama.attention.sliding_window_pattern': [1, 1],
      },
    },
    {
      name: 'Mistral without a window',
      config: { model_type: 'mistral', sliding_window: null },
      keys: { 'llama.context_length': 512, 'llama.attention.sliding_window': undefined },
    },
    {
      name: 'a window of Qwen that is off',
      config: { model_type: 'qwen2', sliding_window: 128, use_sliding_window: false },
      keys: { 'qwen2.attention.sliding_window': undefined },
    },
    {
      name: 'a window of Qwen from a layer on',
      config: { model_type: 'qwen2', sliding_window: 128, use_sliding_window: true, max_window_layers: 1 },
      keys: {
        'qwen2.context_length': 512,
        'qwen2.attention.sliding_window': 128,
        'qwen2.attention.sliding_window_pattern': [0, 1],
      },
    },
    {
      name: 'a window of Qwen beyond the last layer',
      config: { model_type: 'qwen2', sliding_window: 128, use_sliding_window: true },
      keys: { 'qwen2.attention.sliding_window': undefined },
    },
    {
      name: 'a window of Qwen 3 in listed layers',
      config: {
        model_type: 'qwen3',
        sliding_window: 128,
        use_sliding_window: true,
        layer_types: ['sliding_attention', 'full_attention'],
      },
      keys: { 'qwen3.attention.sliding_window_pattern': [1, 0] },
    },
    {
      name: 'chunks of attention',
      config: {
        model_type: 'qwen2',
        dual_chunk_attention_config: {
          chunk_size: 100,
          local_size: 20,
          original_max_position_embeddings: 90,
        },
      },
      keys: {
        'qwen2.attention.chunk_length': 80,
        'qwen2.attention.chunk_local_length': 20,
        'qwen2.attention.chunk_original_length': 90,
      },
    },
  ]
  for (const { name, config, keys } of differences) {
    it(name, () => {
      const metadata = read({ ...llama, ...config })
      for (const [key, value] of Object.entries(keys)) assert.deepEqual(metadata[key], value, key)
    })
  }

  it('is tied only when it says so', () => {
    assert.equal(readHuggingfaceConfig(fields(llama), '').tied, false)
    assert.equal(readHuggingfaceConfig(fields({ ...llama, tie_word_embeddings: true }), '').tied, true)
  })

  const refusals: readonly { name: string; config: Record<string, unknown>; says: RegExp; code?: string }[] =
    [
      {
        name: 'a family without a row',
        config: { model_type: 'gpt_neo' },
        says: /model type "gpt_neo".*known: llama, mistral, /,
      },
      {
        name: 'MiniCPM without its scales',
        config: { model_type: 'minicpm' },
        says: /scale_emb is missing/,
        code: 'bad-file',
      },
      {
        name: 'a family of JavaScript',
        config: { model_type: 'constructor' },
        says: /model type "constructor"/,
      },
      {
        name: 'no family',
        config: { model_type: undefined },
        says: /model_type is missing/,
        code: 'bad-file',
      },
      {
        name: 'quantized weights',
        config: { quantization_config: { quant_method: 'gptq' } },
        says: /quantized weights \("gptq"\)/,
      },
      { name: 'another activation', config: { hidden_act: 'gelu' }, says: /activation "gelu"/ },
      {
        name: 'unknown scaling',
        config: { rope_scaling: { rope_type: 'proportional', factor: 4 } },
        says: /"proportional" cannot be run; known: default, linear, llama3, yarn, longrope, dynamic/,
      },
      {
        name: 'scaling without its factor',
        config: { rope_scaling: { rope_type: 'linear' } },
        says: /rope_scaling\.factor is missing/,
        code: 'bad-file',
      },
      {
        name: 'YaRN with a range between whole pairs',
        config: { rope_scaling: { rope_type: 'yarn', factor: 4, truncate: false } },
        says: /untruncated range/,
      },
      {
        name: 'LongRoPE with a text among its divisors',
        config: { rope_scaling: { rope_type: 'longrope', long_factor: ['1'], short_factor: [1] } },
        says: /rope_scaling\.long_factor must be a list of numbers/,
        code: 'bad-file',
      },
      {
        name: 'scaling in layers with a window',
        config: {
          rope_parameters: {
            full_attention: { rope_type: 'default' },
            sliding_attention: { rope_type: 'linear', factor: 2 },
          },
        },
        says: /layers with a window that scale positions by "linear"/,
      },
      {
        name: 'attention to later tokens',
        config: { use_bidirectional_attention: true },
        says: /attention to later tokens/,
      },
      {
        name: 'a layer without attention',
        config: {
          model_type: 'qwen2',
          use_sliding_window: true,
          sliding_window: 9,
          layer_types: ['full_attention', 'mamba'],
        },
        says: /layer of the type "mamba"/,
      },
      {
        name: 'fewer kinds of layers than layers',
        config: {
          model_type: 'qwen2',
          use_sliding_window: true,
          sliding_window: 9,
          layer_types: ['full_attention'],
        },
        says: /layer_types has 1 entries for 2 layers/,
        code: 'bad-file',
      },
      {
        name: 'half of a head turns',
        config: { partial_rotary_factor: 0.5 },
        says: /partial_rotary_factor of 0\.5/,
      },
      {
        name: 'a number as text',
        config: { hidden_size: '64' },
        says: /hidden_size must be a number/,
        code: 'bad-file',
      },
      {
        name: 'no context',
        config: { max_position_embeddings: null },
        says: /max_position_embeddings is missing/,
        code: 'bad-file',
      },
    ]
  for (const { name, config, says, code } of refusals) {
    it(`refuses ${name}`, () =>
      refusesNow(() => read({ ...llama, ...config }), code ?? 'unsupported-arch', says))
  }

  const chatglm = {
    model_type: 'chatglm',
    num_layers: 2,
    hidden_size: 64,
    ffn_hidden_size: 96,
    num_attention_heads: 4,
    multi_query_group_num: 2,
    kv_channels: 16,
    layernorm_epsilon: 1e-5,
    padded_vocab_size: 100,
    seq_length: 512,
  }
  const qwen = {
    model_type: 'qwen',
    seq_length: 128,
    max_position_embeddings: 512,
    rotary_emb_base: 20000,
    no_bias: true,
  }
  const variants: readonly {
    name: string
    config: Record<string, unknown>
    keys: Record<string, unknown>
  }[] = [
    {
      name: 'Baichuan 7B: rotary positions, as they have a longest one',
      config: { ...llama, model_type: 'baichuan', model_max_length: 256 },
      keys: {
        'baichuan.context_length': 512,
        'baichuan.attention.max_alibi_bias': undefined,
        'baichuan.output_rows_normalized': undefined,
      },
    },
    {
      name: 'Baichuan 2 13B: ALiBi, and a head of unit rows',
      config: {
        ...llama,
        model_type: 'baichuan',
        max_position_embeddings: undefined,
        model_max_length: 256,
        z_loss_weight: 0,
      },
      keys: {
        'baichuan.context_length': 256,
        'baichuan.attention.max_alibi_bias': 8,
        'baichuan.output_rows_normalized': true,
      },
    },
    {
      name: 'the first ChatGLM, by a field of its own',
      config: {
        model_type: 'chatglm',
        num_layers: 2,
        hidden_size: 64,
        inner_hidden_size: 256,
        num_attention_heads: 4,
        layernorm_epsilon: 1e-5,
        max_sequence_length: 128,
        position_encoding_2d: true,
        bos_token_id: 17,
      },
      keys: {
        'chatglm1.attention.prefix_end_token_id': 17,
        'general.architecture': 'chatglm1',
        'chatglm1.context_length': 128,
        'chatglm1.feed_forward_length': 256,
        'chatglm1.rope.dimension_count': 8,
      },
    },
    {
      name: 'ChatGLM 3 with a ratio: another base',
      config: { ...chatglm, _name_or_path: 'THUDM/chatglm3-6b-32k', rope_ratio: 50 },
      keys: {
        'chatglm.rope.dimension_count': 8,
        'chatglm.rope.freq_base': 5e5,
        'chatglm.rope.scaling.type': undefined,
      },
    },
    {
      name: 'ChatGLM 2 with a ratio: divided positions',
      config: { ...chatglm, _name_or_path: 'THUDM/chatglm2-6b-32k', rope_ratio: 4 },
      keys: {
        'chatglm.rope.freq_base': undefined,
        'chatglm.rope.scaling.type': 'linear',
        'chatglm.rope.scaling.factor': 4,
      },
    },
    {
      name: 'Qwen 1: the length from which on it grows',
      config: qwen,
      keys: {
        'qwen.context_length': 512,
        'qwen.rope.freq_base': 20000,
        'qwen.attention.log_scale_from': 128,
        'qwen.rope.scaling.type': 'dynamic-steps',
        'qwen.rope.scaling.original_context_length': 128,
      },
    },
    {
      name: 'Qwen 1 that does not grow',
      config: { ...qwen, use_logn_attn: false, use_dynamic_ntk: false },
      keys: { 'qwen.attention.log_scale_from': undefined, 'qwen.rope.scaling.type': undefined },
    },
    {
      name: 'GLM-4 turns half of a head',
      config: { ...llama, model_type: 'glm', head_dim: 24 },
      keys: { 'glm.rope.dimension_count': 12 },
    },
    {
      name: 'GLM-4 with a share of its own',
      config: { ...llama, model_type: 'glm', partial_rotary_factor: 0.25 },
      keys: { 'glm.rope.dimension_count': 4 },
    },
  ]
  for (const { name, config, keys } of variants) {
    it(name, () => {
      const found = read(config)
      assert.deepEqual(Object.fromEntries(Object.keys(keys).map((key) => [key, found[key]])), keys)
    })
  }

  const others: readonly { name: string; config: Record<string, unknown>; says: RegExp }[] = [
    {
      name: 'a ChatGLM whose branches join a normed stream',
      config: { ...chatglm, apply_residual_connection_post_layernorm: true },
      says: /apply_residual_connection_post_layernorm of "true" cannot be run; known: false/,
    },
    {
      name: 'a Qwen with biases everywhere',
      config: { ...qwen, no_bias: false },
      says: /no_bias of "false" cannot be run; known: true/,
    },
  ]
  for (const { name, config, says } of others)
    it(`refuses ${name}`, () => refusesNow(() => read(config), 'unsupported-arch', says))

  it("Llama 3's divisors: short waves stay, long ones are divided, between is a blend", () => {
    const factors = llama3Divisors(2e4, 16, { factor: 8, original: 26, low: 1, high: 4 })
    assert.equal(factors.length, 8)
    assert.equal(factors[0], 1)
    assert.equal(factors[7], 8)
    assert.ok(factors.some((factor) => factor > 1 && factor < 8))
    assert.deepEqual(
      [...factors].sort((a, b) => a - b),
      [...factors],
    )
  })
})

describe('tokenizer.json as metadata', () => {
  const vocab = { a: 0, b: 1, ab: 2 }
  const bpe = { type: 'BPE', vocab, merges: ['a b'] }
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, use_regex: true }
  const digits = { type: 'Digits', individual_digits: true }
  const read = (
    tokenizer: Record<string, unknown>,
    more: Record<string, Record<string, unknown>> = {},
  ): Map<string, MetadataValue> =>
    readHuggingfaceTokenizer({
      tokenizer: fields(tokenizer),
      tokenizerConfig: fields(more['tokenizerConfig'] ?? {}),
      specialTokensMap: fields(more['specialTokensMap'] ?? {}),
      generationConfig: fields(more['generationConfig'] ?? {}),
      config: fields(more['config'] ?? {}),
      chatTemplate: undefined,
    })

  it('names the rules for words by their shape', () => {
    const split = (Regex: string, behavior = 'Isolated', invert = false): unknown => ({
      type: 'Split',
      pattern: { Regex },
      behavior,
      invert,
    })
    const llama3 =
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
    const bytes = { ...byteLevel, use_regex: false }
    const rows: [unknown[], boolean, string | undefined][] = [
      [[byteLevel], false, 'gpt-2'],
      [[digits, byteLevel], false, 'smollm'],
      [[split(llama3), bytes], true, 'llama-bpe'],
      [[split(llama3), bytes], false, 'smaug-bpe'],
      [[split(llama3.replace('{1,3}', '')), bytes], false, 'qwen2'],
      [[split(llama3.replace('{1,3}', ''), 'Removed', true), bytes], false, 'qwen2'],
      [[split(llama3.replace('{1,3}', '{1,2}')), bytes], false, undefined],
      [[split(llama3, 'MergedWithNext'), bytes], false, undefined],
      [[{ ...byteLevel, add_prefix_space: true }], false, undefined],
      [[{ type: 'Punctuation' }, byteLevel], false, undefined],
    ]
    for (const [pretokenizers, ignore_merges, expected] of rows) {
      const metadata = read({
        model: { ...bpe, ignore_merges },
        pre_tokenizer: { type: 'Sequence', pretokenizers },
      })
      assert.equal(metadata.get('tokenizer.ggml.pre'), expected, JSON.stringify(pretokenizers))
      assert.equal(metadata.has('hearth.tokenizer.warnings'), expected === undefined)
    }
  })

  it('takes merges in both forms, added tokens by kind, holes as padding', () => {
    const metadata = read({
      model: { ...bpe, merges: [['a', 'b']], unk_token: 'b' },
      pre_tokenizer: byteLevel,
      added_tokens: [
        { id: 3, content: '<end>', special: true },
        { id: 5, content: '<think>', special: false, lstrip: true },
      ],
    })
    assert.deepEqual(metadata.get('tokenizer.ggml.tokens'), ['a', 'b', 'ab', '<end>', '[PAD4]', '<think>'])
    assert.deepEqual(metadata.get('tokenizer.ggml.token_type'), Int32Array.of(1, 2, 1, 3, 5, 4))
    assert.deepEqual(metadata.get('tokenizer.ggml.merges'), ['a b'])
    assert.match(String(metadata.get('hearth.tokenizer.warnings')), /"<think>" takes spaces/)
  })

  it('finds start and end in whatever file names them', () => {
    const base = { model: bpe, pre_tokenizer: byteLevel }
    const number = (more: Record<string, Record<string, unknown>>, key: string): unknown =>
      read(base, more).get(`tokenizer.ggml.${key}`)
    assert.equal(number({ tokenizerConfig: { eos_token: 'b' } }, 'eos_token_id'), 1)
    assert.equal(number({ tokenizerConfig: { eos_token: { content: 'b' } } }, 'eos_token_id'), 1)
    assert.equal(number({ specialTokensMap: { bos_token: 'b' } }, 'bos_token_id'), 1)
    assert.equal(number({ config: { bos_token_id: 2 } }, 'bos_token_id'), 2)
    assert.equal(
      number({ generationConfig: { eos_token_id: [2, 0] }, config: { eos_token_id: 1 } }, 'eos_token_id'),
      2,
    )
    assert.equal(
      number({ generationConfig: { eos_token_id: [2, 0] }, config: { eos_token_id: 1 } }, 'eom_token_id'),
      1,
    )
    assert.equal(number({ tokenizerConfig: { eos_token: null } }, 'eos_token_id'), undefined)
    assert.equal(number({ tokenizerConfig: { add_bos_token: true } }, 'add_bos_token'), true)
    assert.equal(number({}, 'add_bos_token'), false)
    const templates = [
      { name: 'tool_use', template: 'x' },
      { name: 'default', template: 'y' },
    ]
    assert.equal(
      read(base, { tokenizerConfig: { chat_template: templates } }).get('tokenizer.chat_template'),
      'y',
    )
    assert.equal(read(base, { tokenizerConfig: { chat_template: 'z' } }).get('tokenizer.chat_template'), 'z')
  })

  const refusals: readonly {
    name: string
    tokenizer: Record<string, unknown>
    says: RegExp
    code?: string
  }[] = [
    {
      name: 'Unigram',
      tokenizer: { model: { ...bpe, type: 'Unigram' } },
      says: /type Unigram/,
      code: 'unsupported-arch',
    },
    {
      name: 'BPE of characters',
      tokenizer: { model: bpe },
      says: /without byte-level words or byte fallback/,
      code: 'unsupported-arch',
    },
    { name: 'no model', tokenizer: {}, says: /model is missing/ },
    {
      name: 'no merges',
      tokenizer: { model: { ...bpe, merges: undefined }, pre_tokenizer: byteLevel },
      says: /model\.merges is missing/,
    },
    {
      name: 'a merge of one',
      tokenizer: { model: { ...bpe, merges: ['ab'] }, pre_tokenizer: byteLevel },
      says: /model\.merges\[0\] is not a pair/,
    },
    {
      name: 'a merge of three',
      tokenizer: { model: { ...bpe, merges: [['a', 'b', 'c']] }, pre_tokenizer: byteLevel },
      says: /merges\[0\]/,
    },
    {
      name: 'a token with a huge number',
      tokenizer: { model: { ...bpe, vocab: { a: 2 ** 40 } } },
      says: /"a" has the impossible number 1099511627776/,
    },
    {
      name: 'most numbers left out',
      tokenizer: { model: { ...bpe, vocab: { a: 1_000_000 } }, pre_tokenizer: byteLevel },
      says: /has 1 tokens with numbers up to 1000000/,
    },
    {
      name: 'a token with half a number',
      tokenizer: { model: { ...bpe, vocab: { a: 0.5 } } },
      says: /impossible number 0\.5/,
    },
    {
      name: 'a token with a text',
      tokenizer: { model: { ...bpe, vocab: { a: '0' } } },
      says: /impossible number/,
    },
    {
      name: 'one number for two tokens',
      tokenizer: { model: { ...bpe, vocab: { a: 0, b: 0 } } },
      says: /two tokens of its vocabulary/,
    },
    {
      name: 'an added token without content',
      tokenizer: { model: bpe, added_tokens: [{ id: 3 }] },
      says: /added_tokens\[0\]\.content is missing/,
    },
    {
      name: 'added tokens that are numbers',
      tokenizer: { model: bpe, added_tokens: [3] },
      says: /added_tokens\[0\] must be an object/,
    },
  ]
  for (const { name, tokenizer, says, code } of refusals) {
    it(`refuses ${name}`, () => refusesNow(() => read(tokenizer), code ?? 'bad-file', says))
  }
})

describe('broken Hugging Face folders', () => {
  let copy = ''
  beforeEach(async () => {
    copy = await mkdtemp(path.join(tmpdir(), 'hearth-hf-'))
    await cp(path.join(folder, 'qwen2-tied-bf16'), copy, { recursive: true })
  })
  afterEach(() => rm(copy, { recursive: true }))
  const file = (name: string): string => path.join(copy, name)

  const rows: readonly { name: string; break: () => Promise<void>; says: RegExp; code?: string }[] = [
    {
      name: 'no config.json',
      break: () => unlink(file('config.json')),
      says: /is a folder without config\.json/,
    },
    {
      name: 'no tokenizer.json',
      break: () => unlink(file('tokenizer.json')),
      says: /no tokenizer\.json/,
      code: 'model-missing',
    },
    {
      name: 'only an empty SentencePiece model',
      break: async () => {
        await unlink(file('tokenizer.json'))
        await writeFile(file('tokenizer.model'), '')
      },
      says: /tokenizer\.model: it has no pieces/,
    },
    {
      name: 'no weights',
      break: () => unlink(file('model.safetensors')),
      says: /no \.safetensors file/,
      code: 'model-missing',
    },
    {
      name: 'config.json is a list',
      break: () => writeFile(file('config.json'), '[]'),
      says: /config\.json: it is not a JSON object/,
    },
    {
      name: 'config.json is cut',
      break: () => writeFile(file('config.json'), '{"model_type": "lla'),
      says: /config\.json: a string has no end/,
    },
    {
      name: 'not tied, and no head',
      break: async () => {
        const config = await readFile(file('config.json'), 'utf8')
        await writeFile(
          file('config.json'),
          config.replace('"tie_word_embeddings": true', '"tie_word_embeddings": false'),
        )
      },
      says: /lacks the tensor "lm_head\.weight"/,
    },
  ]
  for (const row of rows) {
    it(row.name, async () => {
      await row.break()
      await assert.rejects(openCheckpoint(copy), (error) =>
        isRefusal(error, row.code ?? 'bad-file', row.says),
      )
    })
  }

  it('weights alone are told where they belong', async () => {
    await assert.rejects(openCheckpoint(file('model.safetensors')), (error) => {
      assert.ok(isRefusal(error, 'bad-file', /neither a GGUF file nor/))
      assert.match((error as EngineError).hint ?? '', /path of their folder/)
      return true
    })
  })

  it('a whole one has its own names, its layout, and no head when it is tied', async () => {
    const checkpoint = await openCheckpoint(copy)
    assert.equal(checkpoint.layout, 'huggingface')
    assert.ok(checkpoint.tensors.has('model.embed_tokens.weight'))
    assert.ok(!checkpoint.tensors.has('lm_head.weight'))
    assert.equal((await checkpoint.read('model.norm.weight', 0, 48)).length, 48)
    await checkpoint.close()
  })
})

function fields(value: Record<string, unknown>): JsonFields {
  return new JsonFields('test.json', value)
}

function refusesNow(work: () => unknown, code: string, says: RegExp): void {
  assert.throws(work, (error) => isRefusal(error, code, says))
}

function isRefusal(error: unknown, code: string, says: RegExp): boolean {
  assert.ok(error instanceof EngineError, String(error))
  assert.equal(error.code, code, error.message)
  assert.match(error.message, says)
  return true
}
