// ChatGLM 2 and 3, and GLM-4 in the form of its first files.
import { ggufTensors } from './gguf-tensors'
import { packed, transformer } from './spec'

const qkv = ['q', 'k', 'v'] as const
const gateUp = ['gate', 'up'] as const
const layer = 'transformer.encoder.layers.{n}'

/** Llama whose rotary pairs are neighbors in the first half of a head, with q, k and v in one matrix, gate and up in another. Newer GGUF files of GLM-4 have q, k and v apart. */
export const chatglm = transformer({
  gguf: ['chatglm'],
  norm: { kind: 'rms' },
  position: { kind: 'rope' },
  attention: { qkvBias: 'optional', outputBias: 'absent' },
  mlp: { gated: true, activation: 'silu', bias: 'absent' },
  head: { tied: 'when-absent' },
  layouts: {
    gguf: {
      tensors: {
        ...ggufTensors,
        q: [packed('blk.{n}.attn_qkv', qkv, 'q'), 'blk.{n}.attn_q'],
        k: [packed('blk.{n}.attn_qkv', qkv, 'k'), 'blk.{n}.attn_k'],
        v: [packed('blk.{n}.attn_qkv', qkv, 'v'), 'blk.{n}.attn_v'],
        gate: packed('blk.{n}.ffn_up', gateUp, 'gate'),
        up: packed('blk.{n}.ffn_up', gateUp, 'up'),
      },
      pairs: 'interleaved',
    },
    huggingface: {
      tensors: {
        embedding: 'transformer.embedding.word_embeddings',
        outputNorm: 'transformer.encoder.final_layernorm',
        head: 'transformer.output_layer',
        attentionNorm: `${layer}.input_layernorm`,
        q: packed(`${layer}.self_attention.query_key_value`, qkv, 'q'),
        k: packed(`${layer}.self_attention.query_key_value`, qkv, 'k'),
        v: packed(`${layer}.self_attention.query_key_value`, qkv, 'v'),
        attentionOutput: `${layer}.self_attention.dense`,
        mlpNorm: `${layer}.post_attention_layernorm`,
        gate: packed(`${layer}.mlp.dense_h_to_4h`, gateUp, 'gate'),
        up: packed(`${layer}.mlp.dense_h_to_4h`, gateUp, 'up'),
        down: `${layer}.mlp.dense_4h_to_h`,
        ignored: ['transformer.rotary_pos_emb.inv_freq'],
      },
      pairs: 'interleaved',
    },
  },
})
