// Shapes of real transformers, for models of random weights. Numbers from their config.json.

export interface TransformerShape {
  architecture: 'llama' | 'qwen2' | 'minicpm' | 'gemma2'
  layers: number
  hidden: number
  heads: number
  kvHeads: number
  /** Columns of a head; hidden / heads when left out. */
  headDim?: number
  ffn: number
  vocabulary: number
  /** The head is the embedding. */
  tied: boolean
}

/** What an architecture's layers have beyond those of Llama. */
export const extraTensors: Readonly<
  Record<TransformerShape['architecture'], { qkvBias: boolean; norms: readonly string[] }>
> = {
  llama: { qkvBias: false, norms: [] },
  qwen2: { qkvBias: true, norms: [] },
  minicpm: { qkvBias: false, norms: [] },
  gemma2: { qkvBias: false, norms: ['post_attention_norm', 'post_ffw_norm'] },
}

export const transformerShapes: Readonly<Record<string, TransformerShape | undefined>> = {
  'smollm2-135m': {
    architecture: 'llama',
    layers: 30,
    hidden: 576,
    heads: 9,
    kvHeads: 3,
    ffn: 1536,
    vocabulary: 49152,
    tied: true,
  },
  'smollm2-360m': {
    architecture: 'llama',
    layers: 32,
    hidden: 960,
    heads: 15,
    kvHeads: 5,
    ffn: 2560,
    vocabulary: 49152,
    tied: true,
  },
  'qwen2.5-0.5b': {
    architecture: 'qwen2',
    layers: 24,
    hidden: 896,
    heads: 14,
    kvHeads: 2,
    ffn: 4864,
    vocabulary: 151936,
    tied: true,
  },
  'llama3.2-1b': {
    architecture: 'llama',
    layers: 16,
    hidden: 2048,
    heads: 32,
    kvHeads: 8,
    ffn: 8192,
    vocabulary: 128256,
    tied: true,
  },
  'qwen2.5-1.5b': {
    architecture: 'qwen2',
    layers: 28,
    hidden: 1536,
    heads: 12,
    kvHeads: 2,
    ffn: 8960,
    vocabulary: 151936,
    tied: true,
  },
  'smollm2-1.7b': {
    architecture: 'llama',
    layers: 24,
    hidden: 2048,
    heads: 32,
    kvHeads: 32,
    ffn: 8192,
    vocabulary: 49152,
    tied: true,
  },
  'minicpm-2b': {
    architecture: 'minicpm',
    layers: 40,
    hidden: 2304,
    heads: 36,
    kvHeads: 36,
    ffn: 5760,
    vocabulary: 122753,
    tied: true,
  },
  'gemma2-2b': {
    architecture: 'gemma2',
    layers: 26,
    hidden: 2304,
    heads: 8,
    kvHeads: 4,
    headDim: 256,
    ffn: 9216,
    vocabulary: 256000,
    tied: true,
  },
  'qwen2.5-3b': {
    architecture: 'qwen2',
    layers: 36,
    hidden: 2048,
    heads: 16,
    kvHeads: 2,
    ffn: 11008,
    vocabulary: 151936,
    tied: true,
  },
  'qwen2.5-coder-7b': {
    architecture: 'qwen2',
    layers: 28,
    hidden: 3584,
    heads: 28,
    kvHeads: 4,
    ffn: 18944,
    vocabulary: 152064,
    tied: false,
  },
}
