// RWKV-6 ("Finch").
import { recurrent, type MixInput } from './rwkv-spec'
import {
  gatedChannel,
  ggufRwkvNames,
  huggingfaceRwkvNames,
  projections,
  rwkvNames,
  separateMix,
} from './rwkv-tensors'

/** In this order the narrow matrices of all blends lie in one tensor. */
const order: readonly MixInput[] = ['w', 'k', 'v', 'r', 'g']
const inputs = { r: 'r', w: 'w', k: 'k', v: 'v', g: 'g' }

/** RWKV-5 whose blends and decay depend on the token, through narrow matrices (arXiv 2404.05892). */
export const rwkv6 = recurrent({
  gguf: ['rwkv6'],
  mixStores: 'previous',
  timeMix: { recurrence: 'wkv-5', blend: 'low-rank', decay: 'low-rank', gate: 'silu' },
  channelMix: { gated: true },
  layouts: {
    rwkv: {
      narrowTransposed: true,
      tensors: {
        ...rwkvNames,
        time: {
          ...projections('blocks.{n}.att.'),
          mix: [separateMix('blocks.{n}.att.time_maa_', inputs)],
          blend: {
            mix: 'blocks.{n}.att.time_maa_x',
            down: 'blocks.{n}.att.time_maa_w1',
            up: 'blocks.{n}.att.time_maa_w2',
            order,
          },
          gate: 'blocks.{n}.att.gate.weight',
          norm: 'blocks.{n}.att.ln_x',
          narrowDecay: {
            down: 'blocks.{n}.att.time_decay_w1',
            up: 'blocks.{n}.att.time_decay_w2',
            bias: 'blocks.{n}.att.time_decay',
          },
          first: [{ tensor: 'blocks.{n}.att.time_faaaa', logarithm: false }],
        },
        channel: gatedChannel('blocks.{n}.ffn.', {
          key: 'blocks.{n}.ffn.time_maa_k',
          receptance: 'blocks.{n}.ffn.time_maa_r',
        }),
        ignored: [],
      },
    },
    huggingface: {
      narrowTransposed: true,
      tensors: {
        ...huggingfaceRwkvNames,
        time: {
          ...projections('rwkv.blocks.{n}.attention.'),
          mix: [separateMix('rwkv.blocks.{n}.attention.time_maa_', inputs)],
          blend: {
            mix: 'rwkv.blocks.{n}.attention.time_maa_x',
            down: 'rwkv.blocks.{n}.attention.time_maa_w1',
            up: 'rwkv.blocks.{n}.attention.time_maa_w2',
            order,
          },
          gate: 'rwkv.blocks.{n}.attention.gate.weight',
          norm: 'rwkv.blocks.{n}.attention.ln_x',
          narrowDecay: {
            down: 'rwkv.blocks.{n}.attention.time_decay_w1',
            up: 'rwkv.blocks.{n}.attention.time_decay_w2',
            bias: 'rwkv.blocks.{n}.attention.time_decay',
          },
          first: [{ tensor: 'rwkv.blocks.{n}.attention.time_faaaa', logarithm: false }],
        },
        channel: gatedChannel('rwkv.blocks.{n}.feed_forward.', {
          key: 'rwkv.blocks.{n}.feed_forward.time_maa_k',
          receptance: 'rwkv.blocks.{n}.feed_forward.time_maa_r',
        }),
        ignored: [],
      },
    },
    gguf: {
      narrowTransposed: false,
      tensors: {
        ...ggufRwkvNames,
        time: {
          ...projections('blk.{n}.time_mix_'),
          mix: [
            { kind: 'fused', tensor: 'blk.{n}.time_mix_lerp_fused.weight', order },
            // Of files from before the fused form.
            separateMix('blk.{n}.time_mix_lerp_', {
              r: 'r.weight',
              w: 'w.weight',
              k: 'k.weight',
              v: 'v.weight',
              g: 'g.weight',
            }),
          ],
          blend: {
            mix: 'blk.{n}.time_mix_lerp_x.weight',
            down: 'blk.{n}.time_mix_w1.weight',
            up: 'blk.{n}.time_mix_w2.weight',
            order,
          },
          gate: 'blk.{n}.time_mix_gate.weight',
          norm: 'blk.{n}.time_mix_ln',
          narrowDecay: {
            down: 'blk.{n}.time_mix_decay_w1.weight',
            up: 'blk.{n}.time_mix_decay_w2.weight',
            bias: 'blk.{n}.time_mix_decay.weight',
          },
          first: [{ tensor: 'blk.{n}.time_mix_first.weight', logarithm: false }],
        },
        channel: gatedChannel('blk.{n}.channel_mix_', {
          key: 'blk.{n}.channel_mix_lerp_k.weight',
          receptance: 'blk.{n}.channel_mix_lerp_r.weight',
        }),
        ignored: [],
      },
    },
  },
})
