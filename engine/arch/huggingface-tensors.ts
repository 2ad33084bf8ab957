// The tensor names of Llama in transformers, which most families copied.
import type { TransformerTensors } from './spec'

export const huggingfaceTensors: TransformerTensors = {
  embedding: 'model.embed_tokens',
  outputNorm: 'model.norm',
  head: 'lm_head',
  attentionNorm: 'model.layers.{n}.input_layernorm',
  q: 'model.layers.{n}.self_attn.q_proj',
  k: 'model.layers.{n}.self_attn.k_proj',
  v: 'model.layers.{n}.self_attn.v_proj',
  qNorm: 'model.layers.{n}.self_attn.q_norm',
  kNorm: 'model.layers.{n}.self_attn.k_norm',
  attentionOutput: 'model.layers.{n}.self_attn.o_proj',
  mlpNorm: 'model.layers.{n}.post_attention_layernorm',
  gate: 'model.layers.{n}.mlp.gate_proj',
  up: 'model.layers.{n}.mlp.up_proj',
  down: 'model.layers.{n}.mlp.down_proj',
  ignored: ['model.rotary_emb.inv_freq', 'model.layers.{n}.self_attn.rotary_emb.inv_freq'],
}
