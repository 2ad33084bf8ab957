// Qwen 1: 1.8B, 7B, 14B and 72B.
import { ggufTensors } from './gguf-tensors'
import { packed, transformer } from './spec'

const qkv = ['q', 'k', 'v'] as const
const matrix = 'transformer.h.{n}.attn.c_attn'

/** Llama with q, k and v in one matrix, a bias on them, and rotary pairs half a head apart. Of the two matrices in front of the last one, w2 is the gate. */
export const qwen = transformer({
  gguf: ['qwen'],
  norm: { kind: 'rms' },
  position: { kind: 'rope' },
  attention: { qkvBias: 'required', outputBias: 'absent' },
  mlp: { gated: true, activation: 'silu', bias: 'absent', widthDoubled: true },
  head: { tied: 'never' },
  layouts: {
    gguf: {
      tensors: {
        ...ggufTensors,
        q: packed('blk.{n}.attn_qkv', qkv, 'q'),
        k: packed('blk.{n}.attn_qkv', qkv, 'k'),
        v: packed('blk.{n}.attn_qkv', qkv, 'v'),
      },
      pairs: 'half',
    },
    huggingface: {
      tensors: {
        embedding: 'transformer.wte',
        outputNorm: 'transformer.ln_f',
        head: 'lm_head',
        attentionNorm: 'transformer.h.{n}.ln_1',
        q: packed(matrix, qkv, 'q'),
        k: packed(matrix, qkv, 'k'),
        v: packed(matrix, qkv, 'v'),
        attentionOutput: 'transformer.h.{n}.attn.c_proj',
        mlpNorm: 'transformer.h.{n}.ln_2',
        gate: 'transformer.h.{n}.mlp.w2',
        up: 'transformer.h.{n}.mlp.w1',
        down: 'transformer.h.{n}.mlp.c_proj',
        ignored: ['transformer.rotary_emb.inv_freq', 'transformer.h.{n}.attn.masked_bias'],
      },
      pairs: 'half',
    },
  },
})
