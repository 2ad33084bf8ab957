// ChatGLM-6B, the first one. GGUF has no form of it.
import { packedByHead, transformer } from './spec'

const qkv = ['q', 'k', 'v'] as const
const layer = 'transformer.layers.{n}'

/** A prompt that sees itself both ways and an answer that follows it, each with positions of its own; layer norms, GELU and a bias on every matrix. */
export const chatglm1 = transformer({
  gguf: ['chatglm1'],
  norm: { kind: 'layer' },
  position: { kind: 'rope', axes: 'prompt-and-answer' },
  attention: { qkvBias: 'required', outputBias: 'required', prefix: true },
  residual: 'normed',
  mlp: { gated: false, activation: 'gelu-tanh', bias: 'required' },
  head: { tied: 'always' },
  layouts: {
    huggingface: {
      tensors: {
        embedding: 'transformer.word_embeddings',
        outputNorm: 'transformer.final_layernorm',
        head: 'lm_head',
        attentionNorm: `${layer}.input_layernorm`,
        q: packedByHead(`${layer}.attention.query_key_value`, qkv, 'q'),
        k: packedByHead(`${layer}.attention.query_key_value`, qkv, 'k'),
        v: packedByHead(`${layer}.attention.query_key_value`, qkv, 'v'),
        attentionOutput: `${layer}.attention.dense`,
        mlpNorm: `${layer}.post_attention_layernorm`,
        up: `${layer}.mlp.dense_h_to_4h`,
        down: `${layer}.mlp.dense_4h_to_h`,
        ignored: [`${layer}.attention.rotary_emb.inv_freq`],
      },
      pairs: 'half',
    },
  },
})
