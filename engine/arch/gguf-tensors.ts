// GGUF's tensor names, which nearly all transformer families share.
import type { TransformerTensors } from './spec'

export const ggufTensors: TransformerTensors = {
  embedding: 'token_embd',
  outputNorm: 'output_norm',
  head: 'output',
  ropeFactors: 'rope_freqs',
  attentionNorm: 'blk.{n}.attn_norm',
  q: 'blk.{n}.attn_q',
  k: 'blk.{n}.attn_k',
  v: 'blk.{n}.attn_v',
  qNorm: 'blk.{n}.attn_q_norm',
  kNorm: 'blk.{n}.attn_k_norm',
  attentionOutput: 'blk.{n}.attn_output',
  attentionAfterNorm: 'blk.{n}.post_attention_norm',
  mlpNorm: 'blk.{n}.ffn_norm',
  gate: 'blk.{n}.ffn_gate',
  up: 'blk.{n}.ffn_up',
  down: 'blk.{n}.ffn_down',
  mlpAfterNorm: 'blk.{n}.post_ffw_norm',
  ignored: ['rotary_emb.inv_freq', 'blk.{n}.attn_rot_embd', 'blk.{n}.attn.rotary_emb.inv_freq'],
}
