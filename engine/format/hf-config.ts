// A Hugging Face config.json as the metadata that a GGUF of the same model would carry.
// Meaning of the fields: `configuration_*.py` in transformers; of the keys: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
import { quote } from '../base/quote'
import { EngineError } from '../protocol/errors'
import type { MetadataValue } from './checkpoint'
import { type JsonFields } from './json-fields'

export interface HuggingfaceConfig {
  readonly metadata: ReadonlyMap<string, MetadataValue>
  /** The output matrix. */
  readonly head: string
  /** The output matrix is the token embedding, whatever else the files hold. */
  readonly tied: boolean
}

/** Throws EngineError `unsupported-arch` for a family or a variant without a row here, `bad-file` for missing or impossible fields. */
export function readHuggingfaceConfig(config: JsonFields, name: string): HuggingfaceConfig {
  const modelType = config.text('model_type')
  const family = Object.hasOwn(families, modelType) ? families[modelType] : undefined
  if (family === undefined) {
    const known = Object.keys(families).join(', ')
    throw unsupported(config, `the model type ${quote(modelType)}`, `known: ${known}`)
  }
  if (config.optional('quantization_config') !== undefined) {
    const method = config.optionalFields('quantization_config')?.optionalText('quant_method') ?? 'unknown'
    throw unsupported(config, `quantized weights (${quote(method)})`, 'folders must hold F32, F16 or BF16')
  }
  const activation = config.optionalText('hidden_act') ?? family.activations[0]
  if (!family.activations.includes(activation)) {
    throw unsupported(
      config,
      `the activation ${quote(activation)}`,
      `known: ${family.activations.join(', ')}`,
    )
  }

  for (const field of family.required ?? []) config.number(field)
  for (const [field, only] of Object.entries(family.only ?? {})) {
    const value = config.optional(field)
    if (value !== undefined && value !== only)
      throw unsupported(config, `a ${field} of ${quote(JSON.stringify(value))}`, `known: ${only}`)
  }
  const prefix = family.architecture
  const metadata = new Map<string, MetadataValue>([
    ['general.architecture', prefix],
    ['general.name', name],
  ])
  for (const [key, field] of family.numbers) {
    const value = config.optionalNumber(field)
    if (value !== undefined) metadata.set(`${prefix}.${key}`, value)
  }
  const window = family.window(config)
  const lengths = family.lengths ?? ['max_position_embeddings']
  const trained = config.number(lengths.find((field) => config.optional(field) !== undefined) ?? lengths[0])
  // Attention sees everything here. Up to the length of the window that is the same, so the context ends there.
  metadata.set(`${prefix}.context_length`, window === undefined ? trained : Math.min(window, trained))
  for (const [key, value] of ropeKeys(config, family.rotaryShare)) {
    metadata.set(`${prefix}.rope.${key}`, value)
  }
  for (const [key, value] of family.computed?.(config) ?? []) metadata.set(`${prefix}.${key}`, value)
  return {
    metadata,
    head: family.head ?? 'lm_head.weight',
    tied: config.optionalBoolean('tie_word_embeddings') ?? family.tied,
  }
}

/** What a family's config.json means. Several model types share an architecture, because their graphs are the same. */
interface Family {
  /** Value of `general.architecture`, and prefix of the keys. */
  readonly architecture: string
  /** Key and field. */
  readonly numbers: readonly (readonly [string, string])[]
  /** Fields that must be there, because transformers and GGUF have different defaults. */
  readonly required?: readonly string[]
  /** Fields that decide about the graph, with the value for which it is right; that is their default. */
  readonly only?: Readonly<Record<string, number | boolean>>
  /** Fields with the longest sequence, of which the first one counts that is there. */
  readonly lengths?: readonly [string, ...string[]]
  /** Keys that are more than another name for a field. */
  readonly computed?: (config: JsonFields) => readonly (readonly [string, MetadataValue])[]
  /** Share of a head that turns, where the file does not say, in families that do not turn it all. */
  readonly rotaryShare?: number
  /** Name of the output matrix, where it is not lm_head. */
  readonly head?: string
  /** The first one where the file does not say. */
  readonly activations: readonly [string, ...string[]]
  /** Tokens that a layer looks back, when some layer does not see everything. */
  window(config: JsonFields): number | undefined
  /** When the file does not say. */
  readonly tied: boolean
}

const llamaNumbers = [
  ['block_count', 'num_hidden_layers'],
  ['embedding_length', 'hidden_size'],
  ['feed_forward_length', 'intermediate_size'],
  ['attention.head_count', 'num_attention_heads'],
  ['attention.head_count_kv', 'num_key_value_heads'],
  ['attention.key_length', 'head_dim'],
  ['attention.value_length', 'head_dim'],
  ['attention.layer_norm_rms_epsilon', 'rms_norm_eps'],
  ['vocab_size', 'vocab_size'],
] as const

const muPNumbers = [
  ['embedding_scale', 'scale_emb'],
  ['scale_depth', 'scale_depth'],
  ['dim_model_base', 'dim_model_base'],
] as const

const graniteNumbers = [
  ['embedding_scale', 'embedding_multiplier'],
  ['residual_scale', 'residual_multiplier'],
  ['attention.scale', 'attention_multiplier'],
  ['logit_scale', 'logits_scaling'],
] as const

const families: Readonly<Record<string, Family | undefined>> = {
  llama: {
    architecture: 'llama',
    numbers: llamaNumbers,
    activations: ['silu'],
    window: () => undefined,
    tied: false,
  },
  mistral: {
    architecture: 'llama',
    numbers: llamaNumbers,
    activations: ['silu'],
    window: (config) => config.optionalNumber('sliding_window'),
    tied: false,
  },
  qwen2: {
    architecture: 'qwen2',
    numbers: llamaNumbers,
    activations: ['silu'],
    window: windowOfQwen,
    tied: false,
  },
  qwen3: {
    architecture: 'qwen3',
    numbers: llamaNumbers,
    activations: ['silu'],
    window: windowOfQwen,
    tied: false,
  },
  // The first files said gelu, and transformers reads that as the approximation that the model was trained with.
  gemma: {
    architecture: 'gemma',
    numbers: llamaNumbers,
    activations: ['gelu_pytorch_tanh', 'gelu'],
    window: () => undefined,
    tied: true,
  },
  minicpm: {
    architecture: 'minicpm',
    numbers: [...llamaNumbers, ...muPNumbers],
    required: muPNumbers.map(([, field]) => field),
    activations: ['silu'],
    window: () => undefined,
    tied: true,
  },
  granite: {
    architecture: 'granite',
    numbers: [...llamaNumbers, ...graniteNumbers],
    required: graniteNumbers.map(([, field]) => field),
    activations: ['silu'],
    window: () => undefined,
    tied: false,
  },
  starcoder2: {
    architecture: 'starcoder2',
    numbers: [
      ...llamaNumbers,
      ['attention.layer_norm_epsilon', 'norm_epsilon'],
      ['attention.sliding_window', 'sliding_window'],
    ],
    only: { use_bias: true },
    activations: ['gelu_pytorch_tanh'],
    window: () => undefined,
    tied: true,
  },
  glm: {
    architecture: 'glm',
    numbers: llamaNumbers,
    rotaryShare: 0.5,
    activations: ['silu'],
    window: () => undefined,
    tied: false,
  },
  chatglm: {
    architecture: 'chatglm',
    numbers: [
      ['block_count', 'num_layers'],
      ['embedding_length', 'hidden_size'],
      ['feed_forward_length', 'ffn_hidden_size'],
      ['attention.head_count', 'num_attention_heads'],
      ['attention.head_count_kv', 'multi_query_group_num'],
      ['attention.key_length', 'kv_channels'],
      ['attention.value_length', 'kv_channels'],
      ['attention.layer_norm_rms_epsilon', 'layernorm_epsilon'],
      ['vocab_size', 'padded_vocab_size'],
    ],
    required: ['multi_query_group_num'],
    only: {
      rmsnorm: true,
      multi_query_attention: true,
      post_layer_norm: true,
      apply_residual_connection_post_layernorm: false,
      add_bias_linear: false,
      original_rope: true,
    },
    lengths: ['seq_length'],
    computed: chatglmKeys,
    head: 'transformer.output_layer.weight',
    activations: ['silu'],
    window: () => undefined,
    tied: false,
  },
  qwen: {
    architecture: 'qwen',
    numbers: [
      ['block_count', 'num_hidden_layers'],
      ['embedding_length', 'hidden_size'],
      ['feed_forward_length', 'intermediate_size'],
      ['attention.head_count', 'num_attention_heads'],
      ['attention.key_length', 'kv_channels'],
      ['attention.value_length', 'kv_channels'],
      ['attention.layer_norm_rms_epsilon', 'layer_norm_epsilon'],
      ['rope.freq_base', 'rotary_emb_base'],
      ['vocab_size', 'vocab_size'],
    ],
    only: { no_bias: true, rotary_pct: 1, scale_attn_weights: true },
    computed: qwenKeys,
    activations: ['silu'],
    window: () => undefined,
    tied: false,
  },
  baichuan: {
    architecture: 'baichuan',
    numbers: llamaNumbers,
    lengths: ['max_position_embeddings', 'model_max_length'],
    computed: baichuanKeys,
    activations: ['silu'],
    window: () => undefined,
    tied: false,
  },
}

// The original code of the 13B models, which have ALiBi, knows no `max_position_embeddings`; that of Baichuan 2, whose output rows are
// divided by their lengths, brought a weight of a loss along.
function baichuanKeys(config: JsonFields): [string, MetadataValue][] {
  const keys: [string, MetadataValue][] = []
  if (config.optional('max_position_embeddings') === undefined) keys.push(['attention.max_alibi_bias', 8])
  if (config.optional('z_loss_weight') !== undefined) keys.push(['output_rows_normalized', true])
  return keys
}

// Names of our own: a GGUF has no keys for these, and llama.cpp leaves them out.
function qwenKeys(config: JsonFields): [string, MetadataValue][] {
  const keys: [string, MetadataValue][] = []
  const trained = config.number('seq_length')
  if (config.optionalBoolean('use_logn_attn') !== false) keys.push(['attention.log_scale_from', trained])
  if (config.optionalBoolean('use_dynamic_ntk') !== false) {
    keys.push(['rope.scaling.type', 'dynamic-steps'], ['rope.scaling.original_context_length', trained])
  }
  return keys
}

// ChatGLM 2 divides positions by the ratio, its successors multiply the base by it. Their config.json is told apart by the name only.
function chatglmKeys(config: JsonFields): [string, MetadataValue][] {
  const ratio = config.optionalNumber('rope_ratio') ?? 1
  const keys: [string, MetadataValue][] = [['rope.dimension_count', config.number('kv_channels') / 2]]
  if (/chatglm2/i.test(config.optionalText('_name_or_path') ?? '')) {
    keys.push(['rope.scaling.type', 'linear'], ['rope.scaling.factor', ratio])
  } else keys.push(['rope.freq_base', 10000 * ratio])
  return keys
}

// The number stands in every config.json of Qwen, used or not.
function windowOfQwen(config: JsonFields): number | undefined {
  return config.optionalBoolean('use_sliding_window') === true
    ? config.optionalNumber('sliding_window')
    : undefined
}

/** Scaling of positions: the name in config.json, and the fields that go along, key and field. */
const scalings: Readonly<
  Record<string, { type: string; numbers: readonly (readonly [string, string])[] } | undefined>
> = {
  default: { type: 'none', numbers: [] },
  linear: { type: 'linear', numbers: [['scaling.factor', 'factor']] },
  // A GGUF has the divisors themselves, as the tensor rope_freqs; here the numbers they are made from go along under names of our own.
  llama3: {
    type: 'llama3',
    numbers: [
      ['scaling.factor', 'factor'],
      ['scaling.original_context_length', 'original_max_position_embeddings'],
      ['scaling.low_freq_factor', 'low_freq_factor'],
      ['scaling.high_freq_factor', 'high_freq_factor'],
    ],
  },
}

/** transformers 5 writes `rope_parameters`, older versions `rope_theta` and `rope_scaling` with `rope_type` or, older still, `type`. */
function ropeKeys(config: JsonFields, usualShare: number | undefined): Map<string, MetadataValue> {
  const keys = new Map<string, MetadataValue>()
  const fields = config.optionalFields('rope_parameters') ?? config.optionalFields('rope_scaling')
  const base = fields?.optionalNumber('rope_theta') ?? config.optionalNumber('rope_theta')
  if (base !== undefined) keys.set('freq_base', base)
  const share =
    fields?.optionalNumber('partial_rotary_factor') ?? config.optionalNumber('partial_rotary_factor')
  if (usualShare !== undefined) {
    const headDim =
      config.optionalNumber('head_dim') ?? config.number('hidden_size') / config.number('num_attention_heads')
    keys.set('dimension_count', Math.floor(headDim * (share ?? usualShare)))
  } else if (share !== undefined && share !== 1) {
    throw unsupported(config, `a partial_rotary_factor of ${share}`, 'known: 1')
  }
  if (fields === undefined) return keys
  const name = fields.optionalText('rope_type') ?? fields.optionalText('type') ?? 'default'
  const scaling = Object.hasOwn(scalings, name) ? scalings[name] : undefined
  if (scaling === undefined) {
    const known = Object.keys(scalings).join(', ')
    throw unsupported(config, `the scaling of positions ${quote(name)}`, `known: ${known}`)
  }
  keys.set('scaling.type', scaling.type)
  for (const [key, field] of scaling.numbers) keys.set(key, fields.number(field))
  return keys
}

function unsupported(config: JsonFields, what: string, known: string): EngineError {
  return new EngineError('unsupported-arch', `${config.file}: ${what} cannot be run; ${known}.`, {
    hint: 'Choose another model with "Hearth: Select Model" or `hearth models list`.',
  })
}
