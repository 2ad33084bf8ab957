// RWKV-7 ("Goose").
import { recurrent, type MixInput } from './rwkv-spec'
import { ggufRwkvNames, projections, rwkvNames, separateMix } from './rwkv-tensors'

const order: readonly MixInput[] = ['r', 'w', 'k', 'v', 'a', 'g']
const inputs = { r: 'r', w: 'w', k: 'k', v: 'v', a: 'a', g: 'g' }

/** A state that replaces what it holds under a key instead of only adding to it: the delta rule (arXiv 2503.14456). */
export const rwkv7 = recurrent({
  gguf: ['rwkv7'],
  mixStores: 'previous',
  timeMix: { recurrence: 'wkv-7', blend: 'fixed', decay: 'low-rank', gate: 'low-rank' },
  channelMix: { gated: false },
  layouts: {
    rwkv: {
      narrowTransposed: true,
      tensors: {
        ...rwkvNames,
        time: {
          ...projections('blocks.{n}.att.'),
          mix: [separateMix('blocks.{n}.att.x_', inputs)],
          norm: 'blocks.{n}.att.ln_x',
          narrowDecay: {
            down: 'blocks.{n}.att.w1',
            up: 'blocks.{n}.att.w2',
            bias: 'blocks.{n}.att.w0',
          },
          rate: { down: 'blocks.{n}.att.a1', up: 'blocks.{n}.att.a2', bias: 'blocks.{n}.att.a0' },
          firstValue: { down: 'blocks.{n}.att.v1', up: 'blocks.{n}.att.v2', bias: 'blocks.{n}.att.v0' },
          narrowGate: { down: 'blocks.{n}.att.g1', up: 'blocks.{n}.att.g2' },
          removalScale: 'blocks.{n}.att.k_k',
          rateScale: 'blocks.{n}.att.k_a',
          bonus: 'blocks.{n}.att.r_k',
        },
        channel: {
          mixKey: 'blocks.{n}.ffn.x_k',
          key: 'blocks.{n}.ffn.key.weight',
          value: 'blocks.{n}.ffn.value.weight',
        },
        // The first layer has no earlier value to take from, but some files have numbers for it.
        ignored: ['blocks.0.att.v0', 'blocks.0.att.v1', 'blocks.0.att.v2'],
      },
    },
    // Names of flash-linear-attention, from which models in this form come.
    huggingface: {
      narrowTransposed: false,
      tensors: {
        embedding: 'model.embeddings.weight',
        embeddingNorm: 'model.layers.0.pre_norm',
        outputNorm: 'model.norm',
        head: 'lm_head.weight',
        timeNorm: 'model.layers.{n}.attn_norm',
        channelNorm: 'model.layers.{n}.ffn_norm',
        time: {
          receptance: 'model.layers.{n}.attn.r_proj.weight',
          key: 'model.layers.{n}.attn.k_proj.weight',
          value: 'model.layers.{n}.attn.v_proj.weight',
          output: 'model.layers.{n}.attn.o_proj.weight',
          mix: [
            separateMix('model.layers.{n}.attn.x_', inputs),
            // Of the first such files.
            { kind: 'fused', tensor: 'model.layers.{n}.attn.x_x', order },
          ],
          norm: 'model.layers.{n}.attn.g_norm',
          narrowDecay: narrow('w'),
          rate: narrow('a'),
          firstValue: narrow('v'),
          narrowGate: {
            down: 'model.layers.{n}.attn.g_lora.lora.0.weight',
            up: 'model.layers.{n}.attn.g_lora.lora.2.weight',
          },
          removalScale: 'model.layers.{n}.attn.k_k',
          rateScale: 'model.layers.{n}.attn.k_a',
          bonus: 'model.layers.{n}.attn.r_k',
        },
        channel: {
          mixKey: 'model.layers.{n}.ffn.x_k',
          key: 'model.layers.{n}.ffn.key.weight',
          value: 'model.layers.{n}.ffn.value.weight',
        },
        ignored: [],
      },
    },
    gguf: {
      narrowTransposed: false,
      tensors: {
        ...ggufRwkvNames,
        time: {
          ...projections('blk.{n}.time_mix_'),
          mix: [{ kind: 'fused', tensor: 'blk.{n}.time_mix_lerp_fused.weight', order }],
          norm: 'blk.{n}.time_mix_ln',
          narrowDecay: {
            down: 'blk.{n}.time_mix_w1.weight',
            up: 'blk.{n}.time_mix_w2.weight',
            bias: 'blk.{n}.time_mix_w0.weight',
          },
          rate: {
            down: 'blk.{n}.time_mix_a1.weight',
            up: 'blk.{n}.time_mix_a2.weight',
            bias: 'blk.{n}.time_mix_a0.weight',
          },
          firstValue: {
            down: 'blk.{n}.time_mix_v1.weight',
            up: 'blk.{n}.time_mix_v2.weight',
            bias: 'blk.{n}.time_mix_v0.weight',
          },
          narrowGate: { down: 'blk.{n}.time_mix_g1.weight', up: 'blk.{n}.time_mix_g2.weight' },
          removalScale: 'blk.{n}.time_mix_k_k.weight',
          rateScale: 'blk.{n}.time_mix_k_a.weight',
          bonus: 'blk.{n}.time_mix_r_k.weight',
        },
        channel: {
          mixKey: 'blk.{n}.channel_mix_lerp_k.weight',
          key: 'blk.{n}.channel_mix_key.weight',
          value: 'blk.{n}.channel_mix_value.weight',
        },
        // The converter fills them in for the first layer, which does not use them.
        ignored: ['blk.0.time_mix_v0', 'blk.0.time_mix_v1', 'blk.0.time_mix_v2'],
      },
    },
  },
})

function narrow(letter: string): { down: string; up: string; bias: string } {
  const prefix = `model.layers.{n}.attn.${letter}_lora.lora`
  return { down: `${prefix}.0.weight`, up: `${prefix}.2.weight`, bias: `${prefix}.2.bias` }
}
