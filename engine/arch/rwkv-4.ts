// RWKV-4: Pile, Raven and the first World models.
import { recurrent } from './rwkv-spec'
import { gatedChannel, huggingfaceRwkvNames, projections, rwkvNames, separateMix } from './rwkv-tensors'

/** One recurrence per channel, a running average in which the newest token counts most (arXiv 2305.13048). */
export const rwkv4 = recurrent({
  gguf: ['rwkv4'],
  mixStores: 'current',
  timeMix: { recurrence: 'wkv-4', blend: 'fixed', decay: 'fixed', gate: 'receptance' },
  channelMix: { gated: true },
  layouts: {
    rwkv: {
      narrowTransposed: true,
      tensors: {
        ...rwkvNames,
        time: {
          ...projections('blocks.{n}.att.'),
          mix: [separateMix('blocks.{n}.att.time_mix_', { r: 'r', k: 'k', v: 'v' })],
          decay: 'blocks.{n}.att.time_decay',
          first: [{ tensor: 'blocks.{n}.att.time_first', logarithm: false }],
        },
        channel: gatedChannel('blocks.{n}.ffn.', {
          key: 'blocks.{n}.ffn.time_mix_k',
          receptance: 'blocks.{n}.ffn.time_mix_r',
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
          mix: [
            separateMix('rwkv.blocks.{n}.attention.time_mix_', { r: 'receptance', k: 'key', v: 'value' }),
          ],
          decay: 'rwkv.blocks.{n}.attention.time_decay',
          first: [{ tensor: 'rwkv.blocks.{n}.attention.time_first', logarithm: false }],
        },
        channel: gatedChannel('rwkv.blocks.{n}.feed_forward.', {
          key: 'rwkv.blocks.{n}.feed_forward.time_mix_key',
          receptance: 'rwkv.blocks.{n}.feed_forward.time_mix_receptance',
        }),
        ignored: [],
      },
    },
  },
})
