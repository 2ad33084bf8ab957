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
  /** The model is one part of the folder's: its tensors are those whose names start so, and the others are parts that see or hear. */
  readonly around: string | undefined
}

/** Throws EngineError `unsupported-arch` for a family or a variant without a row here, `bad-file` for missing or impossible fields. */
export function readHuggingfaceConfig(whole: JsonFields, name: string): HuggingfaceConfig {
  const wholeType = whole.text('model_type')
  const around = Object.hasOwn(surroundings, wholeType) ? surroundings[wholeType] : undefined
  const config = around === undefined ? whole : whole.fields('text_config')
  const modelType = config.text('model_type')
  const family = familyOf(modelType, config)
  if (family === undefined) {
    const known = [...Object.keys(families), ...Object.keys(surroundings)].join(', ')
    throw unsupported(config, `the model type ${quote(modelType)}`, `known: ${known}`)
  }
  if (whole.optional('quantization_config') !== undefined) {
    const method = whole.optionalFields('quantization_config')?.optionalText('quant_method') ?? 'unknown'
    throw unsupported(config, `quantized weights (${quote(method)})`, 'folders must hold F32, F16 or BF16')
  }
  const activation =
    config.optionalText('hidden_activation') ?? config.optionalText('hidden_act') ?? family.activations[0]
  if (!family.activations.includes(activation)) {
    throw unsupported(
      config,
      `the activation ${quote(activation)}`,
      `known: ${family.activations.join(', ')}`,
    )
  }
  if (config.optionalBoolean('use_bidirectional_attention') === true) {
    throw unsupported(config, 'attention to later tokens', 'a model that writes sees earlier tokens only')
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
  const set = (keys: Iterable<readonly [string, MetadataValue]>): void => {
    for (const [key, value] of keys) metadata.set(`${prefix}.${key}`, value)
  }
  for (const [key, field] of family.numbers) {
    const value = numberWithDefault(config, family, field)
    if (value !== undefined) set([[key, value]])
  }
  const lengths = family.lengths ?? ['max_position_embeddings']
  const length = lengths.find((field) => config.optional(field) !== undefined) ?? lengths[0]
  // Without a default the field must be there.
  set([['context_length', numberWithDefault(config, family, length) ?? config.number(length)]])
  set(windowKeys(config, family))
  set(ropeKeys(config, family))
  set(family.computed?.(config) ?? [])
  return {
    metadata,
    head: family.head ?? 'lm_head.weight',
    tied: whole.optionalBoolean('tie_word_embeddings') ?? family.tied,
    around,
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
  /** What fields are that the file lacks, where the rest of the engine has another default; null switches them off. */
  readonly defaults?: Readonly<Record<string, number>>
  /** Fields that decide about the graph, with the value for which it is right; that is their default. */
  readonly only?: Readonly<Record<string, number | boolean>>
  /** Fields with the longest sequence, of which the first one counts that is there. */
  readonly lengths?: readonly [string, ...string[]]
  /** Keys that are more than another name for a field. */
  readonly computed?: (config: JsonFields) => Iterable<readonly [string, MetadataValue]>
  /** Share of a head that turns, where the file does not say, in families that do not turn it all. */
  readonly rotaryShare?: number
  /** Name of the output matrix, where it is not lm_head. */
  readonly head?: string
  /** The first one where the file does not say. */
  readonly activations: readonly [string, ...string[]]
  /** For each layer, whether it looks back `sliding_window` tokens and no further; without it no layer does. */
  windowed?(config: JsonFields, layers: number): readonly boolean[]
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

const softcapNumbers = [
  ['attn_logit_softcapping', 'attn_logit_softcapping'],
  ['final_logit_softcapping', 'final_logit_softcapping'],
] as const

/** Files of the larger Gemmas have only what differs from these. */
const gemmaDefaults = {
  hidden_size: 2304,
  intermediate_size: 9216,
  num_hidden_layers: 26,
  num_attention_heads: 8,
  num_key_value_heads: 4,
  head_dim: 256,
  rms_norm_eps: 1e-6,
  max_position_embeddings: 8192,
  sliding_window: 4096,
} as const

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

const chatglm1: Family = {
  architecture: 'chatglm1',
  numbers: [
    ['block_count', 'num_layers'],
    ['embedding_length', 'hidden_size'],
    ['feed_forward_length', 'inner_hidden_size'],
    ['attention.head_count', 'num_attention_heads'],
    ['attention.layer_norm_epsilon', 'layernorm_epsilon'],
    ['attention.prefix_end_token_id', 'bos_token_id'],
    ['vocab_size', 'vocab_size'],
  ],
  required: ['bos_token_id'],
  only: { position_encoding_2d: true },
  lengths: ['max_sequence_length'],
  rotaryShare: 0.5,
  activations: ['gelu'],
  tied: true,
}

const families: Readonly<Record<string, Family | undefined>> = {
  llama: {
    architecture: 'llama',
    numbers: llamaNumbers,
    activations: ['silu'],
    tied: false,
  },
  mistral: {
    architecture: 'llama',
    numbers: llamaNumbers,
    activations: ['silu'],
    windowed: everyLayer,
    tied: false,
  },
  qwen2: {
    architecture: 'qwen2',
    numbers: llamaNumbers,
    activations: ['silu'],
    windowed: windowedLayersOfQwen,
    computed: chunkKeys,
    tied: false,
  },
  qwen3: {
    architecture: 'qwen3',
    numbers: llamaNumbers,
    activations: ['silu'],
    windowed: windowedLayersOfQwen,
    computed: chunkKeys,
    tied: false,
  },
  // The first files said gelu, and transformers reads that as the approximation that the model was trained with.
  gemma: {
    architecture: 'gemma',
    numbers: llamaNumbers,
    activations: ['gelu_pytorch_tanh', 'gelu'],
    tied: true,
  },
  gemma2: {
    architecture: 'gemma2',
    numbers: [...llamaNumbers, ...softcapNumbers],
    defaults: { ...gemmaDefaults, attn_logit_softcapping: 50, final_logit_softcapping: 30 },
    activations: ['gelu_pytorch_tanh'],
    computed: queryScaleKeys,
    windowed: (config, layers) => listedLayers(config, layers) ?? everyLayerBut(2, layers),
    tied: true,
  },
  gemma3_text: {
    architecture: 'gemma3',
    numbers: [...llamaNumbers, ...softcapNumbers],
    defaults: {
      ...gemmaDefaults,
      max_position_embeddings: 131072,
      rope_theta: 1e6,
      rope_local_base_freq: 1e4,
    },
    activations: ['gelu_pytorch_tanh'],
    computed: queryScaleKeys,
    windowed: (config, layers) =>
      listedLayers(config, layers) ??
      everyLayerBut(config.optionalNumber('sliding_window_pattern') ?? 6, layers),
    tied: true,
  },
  minicpm: {
    architecture: 'minicpm',
    numbers: [...llamaNumbers, ...muPNumbers],
    required: muPNumbers.map(([, field]) => field),
    activations: ['silu'],
    tied: true,
  },
  minicpm3: {
    architecture: 'minicpm3',
    numbers: [
      ...llamaNumbers.filter(([, field]) => field !== 'head_dim'),
      ...muPNumbers,
      ['rope.dimension_count', 'qk_rope_head_dim'],
      ['attention.q_lora_rank', 'q_lora_rank'],
      ['attention.kv_lora_rank', 'kv_lora_rank'],
      ['attention.value_length', 'v_head_dim'],
    ],
    required: [...muPNumbers.map(([, field]) => field), 'qk_nope_head_dim', 'qk_rope_head_dim'],
    activations: ['silu'],
    computed: (config) => [
      ['attention.key_length', config.number('qk_nope_head_dim') + config.number('qk_rope_head_dim')],
    ],
    tied: true,
  },
  granite: {
    architecture: 'granite',
    numbers: [...llamaNumbers, ...graniteNumbers],
    required: graniteNumbers.map(([, field]) => field),
    activations: ['silu'],
    tied: false,
  },
  starcoder2: {
    architecture: 'starcoder2',
    numbers: [...llamaNumbers, ['attention.layer_norm_epsilon', 'norm_epsilon']],
    only: { use_bias: true },
    windowed: everyLayer,
    activations: ['gelu_pytorch_tanh'],
    tied: true,
  },
  glm: {
    architecture: 'glm',
    numbers: llamaNumbers,
    rotaryShare: 0.5,
    activations: ['silu'],
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
    tied: false,
  },
  baichuan: {
    architecture: 'baichuan',
    numbers: llamaNumbers,
    lengths: ['max_position_embeddings', 'model_max_length'],
    computed: baichuanKeys,
    activations: ['silu'],
    tied: false,
  },
}

function everyLayer(_config: JsonFields, layers: number): boolean[] {
  return new Array<boolean>(layers).fill(true)
}

/** Families that share a model type with an older one, which has a field of its own. */
const older: Readonly<Record<string, { readonly field: string; readonly family: Family } | undefined>> = {
  chatglm: { field: 'inner_hidden_size', family: chatglm1 },
}

function familyOf(modelType: string, config: JsonFields): Family | undefined {
  const first = Object.hasOwn(older, modelType) ? older[modelType] : undefined
  if (first !== undefined && config.optional(first.field) !== undefined) return first.family
  return Object.hasOwn(families, modelType) ? families[modelType] : undefined
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

/** Models around a text model, and how the names of its tensors start there. */
const surroundings: Readonly<Record<string, string | undefined>> = { gemma3: 'language_model.' }

function numberWithDefault(config: JsonFields, family: Family, field: string): number | undefined {
  const fallback = family.defaults?.[field]
  if (fallback === undefined) return config.optionalNumber(field)
  return config.optionalNumber(field) ?? (Object.hasOwn(config.value, field) ? 0 : fallback)
}

// The deepest models have some 130 layers. Lists are made of this length before any tensor is seen.
const mostLayers = 4096

// A list with one entry per layer, zero for no window.
function* windowKeys(config: JsonFields, family: Family): Iterable<readonly [string, MetadataValue]> {
  const window = numberWithDefault(config, family, 'sliding_window')
  const layers = numberWithDefault(config, family, 'num_hidden_layers') ?? 0
  if (!Number.isInteger(layers) || layers < 0 || layers > mostLayers) {
    throw config.bad(`num_hidden_layers is ${layers}, not a whole number up to ${mostLayers}`)
  }
  const windowed = family.windowed?.(config, layers)
  if (window === undefined || window <= 0 || !windowed?.includes(true)) return
  yield ['attention.sliding_window', window]
  yield ['attention.sliding_window_pattern', windowed.map(Number)]
}

// The number stands in every config.json of Qwen, used or not.
function windowedLayersOfQwen(config: JsonFields, layers: number): readonly boolean[] {
  if (config.optionalBoolean('use_sliding_window') !== true) return []
  const first = config.optionalNumber('max_window_layers') ?? 28
  return listedLayers(config, layers) ?? Array.from({ length: layers }, (_, layer) => layer >= first)
}

function everyLayerBut(period: number, layers: number): readonly boolean[] {
  return Array.from({ length: layers }, (_, layer) => (layer + 1) % period !== 0)
}

function listedLayers(config: JsonFields, layers: number): readonly boolean[] | undefined {
  const types = config.optionalList('layer_types')
  if (types === undefined) return undefined
  if (types.length !== layers)
    throw config.bad(`layer_types has ${types.length} entries for ${layers} layers`)
  return types.map((type) => {
    if (type === 'sliding_attention' || type === 'full_attention') return type === 'sliding_attention'
    throw unsupported(
      config,
      `a layer of the type ${quote(String(type))}`,
      'known: full_attention, sliding_attention',
    )
  })
}

function queryScaleKeys(config: JsonFields): Iterable<readonly [string, MetadataValue]> {
  return [['attention.scale', 1 / Math.sqrt(config.optionalNumber('query_pre_attn_scalar') ?? 256)]]
}

// Lengths as vLLM takes them, which serves these models: chunks leave room for `local_size` tokens of the chunk before.
function* chunkKeys(config: JsonFields): Iterable<readonly [string, MetadataValue]> {
  const fields = config.optionalFields('dual_chunk_attention_config')
  if (fields === undefined) return
  const local = fields.optionalNumber('local_size') ?? 1024
  yield ['attention.chunk_length', (fields.optionalNumber('chunk_size') ?? 8192) - local]
  yield ['attention.chunk_local_length', local]
  const original = fields.optionalNumber('original_max_position_embeddings')
  if (original !== undefined) yield ['attention.chunk_original_length', original]
}

type Scaling = (fields: JsonFields, config: JsonFields) => Iterable<readonly [string, MetadataValue]>

/** Scaling of positions, by its name in config.json. */
const scalings: Readonly<Record<string, Scaling | undefined>> = {
  default: () => [['scaling.type', 'none']],
  linear: (fields) => [
    ['scaling.type', 'linear'],
    ['scaling.factor', fields.number('factor')],
  ],
  // A GGUF has the divisors themselves, as the tensor rope_freqs; here the numbers they are made from go along under names of our own.
  llama3: (fields, config) => [
    ['scaling.type', 'llama3'],
    ['scaling.factor', fields.number('factor')],
    ['scaling.original_context_length', originalLength(fields, config)],
    ['scaling.low_freq_factor', fields.number('low_freq_factor')],
    ['scaling.high_freq_factor', fields.number('high_freq_factor')],
  ],
  *yarn(fields, config) {
    if (fields.optionalBoolean('truncate') === false)
      throw unsupported(config, 'YaRN with an untruncated range', 'known: truncated')
    const original = originalLength(fields, config)
    const factor = fields.optionalNumber('factor') ?? config.number('max_position_embeddings') / original
    yield ['scaling.type', 'yarn']
    yield ['scaling.factor', factor]
    yield ['scaling.original_context_length', original]
    yield* optionalNumbers(fields, [
      ['scaling.yarn_beta_fast', 'beta_fast'],
      ['scaling.yarn_beta_slow', 'beta_slow'],
    ])
    const magnitude = fields.optionalNumber('attention_factor') ?? magnitudeOfScales(fields, factor)
    // A GGUF has what comes on top of YaRN's own magnitude.
    if (magnitude !== undefined) yield ['scaling.attn_factor', magnitude / yarnMagnitude(factor, 1)]
  },
  // The divisors are tensors in a GGUF.
  *longrope(fields, config) {
    const original = originalLength(fields, config)
    yield ['scaling.type', 'longrope']
    yield ['scaling.original_context_length', original]
    yield ['scaling.long_factor', numberList(fields, 'long_factor')]
    yield ['scaling.short_factor', numberList(fields, 'short_factor')]
    const factor = fields.optionalNumber('factor')
    const magnitude =
      fields.optionalNumber('attention_factor') ??
      (factor === undefined ? undefined : Math.sqrt(1 + Math.log(Math.max(factor, 1)) / Math.log(original)))
    if (magnitude !== undefined) yield ['scaling.attn_factor', magnitude]
  },
  dynamic: (fields) => [
    ['scaling.type', 'dynamic'],
    ['scaling.factor', fields.number('factor')],
  ],
}

/**
 * transformers 5 writes `rope_parameters`, older versions `rope_theta` and `rope_scaling` with `rope_type` or, older still, `type`.
 * Where layers with a window turn otherwise, the new form has one set of fields for each kind of layer, and the old one
 * `rope_local_base_freq`, while its scaling is that of the others.
 */
function* ropeKeys(config: JsonFields, family: Family): Iterable<readonly [string, MetadataValue]> {
  const parameters = config.optionalFields('rope_parameters')
  const local = parameters?.optionalFields('sliding_attention')
  const fields =
    parameters?.optionalFields('full_attention') ?? parameters ?? config.optionalFields('rope_scaling')
  const base = fields?.optionalNumber('rope_theta') ?? numberWithDefault(config, family, 'rope_theta')
  if (base !== undefined) yield ['rope.freq_base', base]
  const localBase =
    local?.optionalNumber('rope_theta') ?? numberWithDefault(config, family, 'rope_local_base_freq')
  if (localBase !== undefined) yield ['rope.freq_base_swa', localBase]
  const localType = local === undefined ? 'default' : scalingName(local)
  if (localType !== 'default') {
    throw unsupported(
      config,
      `layers with a window that scale positions by ${quote(localType)}`,
      'known: default',
    )
  }
  const share =
    fields?.optionalNumber('partial_rotary_factor') ?? config.optionalNumber('partial_rotary_factor')
  if (family.rotaryShare !== undefined) {
    const headDim =
      config.optionalNumber('head_dim') ?? config.number('hidden_size') / config.number('num_attention_heads')
    yield ['rope.dimension_count', Math.floor(headDim * (share ?? family.rotaryShare))]
  } else if (share !== undefined && share !== 1) {
    throw unsupported(config, `a partial_rotary_factor of ${share}`, 'known: 1')
  }
  if (fields === undefined) return
  const name = scalingName(fields)
  const scaling = Object.hasOwn(scalings, name) ? scalings[name] : undefined
  if (scaling === undefined) {
    const known = Object.keys(scalings).join(', ')
    throw unsupported(config, `the scaling of positions ${quote(name)}`, `known: ${known}`)
  }
  for (const [key, value] of scaling(fields, config)) yield [`rope.${key}`, value]
}

function scalingName(fields: JsonFields): string {
  return fields.optionalText('rope_type') ?? fields.optionalText('type') ?? 'default'
}

function originalLength(fields: JsonFields, config: JsonFields): number {
  return (
    config.optionalNumber('original_max_position_embeddings') ??
    fields.optionalNumber('original_max_position_embeddings') ??
    config.number('max_position_embeddings')
  )
}

// DeepSeek's two factors of the logarithm, of which transformers takes the quotient.
function magnitudeOfScales(fields: JsonFields, factor: number): number | undefined {
  const [own, all] = [fields.optionalNumber('mscale') ?? 0, fields.optionalNumber('mscale_all_dim') ?? 0]
  return own === 0 || all === 0 ? undefined : yarnMagnitude(factor, own) / yarnMagnitude(factor, all)
}

function yarnMagnitude(factor: number, scale: number): number {
  return factor > 1 ? 1 + 0.1 * scale * Math.log(factor) : 1
}

function numberList(fields: JsonFields, field: string): readonly number[] {
  return fields.list(field).map((value) => {
    if (typeof value === 'number') return value
    throw fields.bad(`${fields.place}${field} must be a list of numbers`)
  })
}

function optionalNumbers(
  fields: JsonFields,
  names: readonly (readonly [string, string])[],
): readonly (readonly [string, number])[] {
  return names.flatMap(([key, field]) => {
    const value = fields.optionalNumber(field)
    return value === undefined ? [] : [[key, value] as const]
  })
}

function unsupported(config: JsonFields, what: string, known: string): EngineError {
  return new EngineError('unsupported-arch', `${config.file}: ${what} cannot be run; ${known}.`, {
    hint: 'Choose another model with "Hearth: Select Model" or `hearth models list`.',
  })
}
