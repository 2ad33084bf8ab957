// RWKV-5 ("Eagle"): 5.0, 5.1 and 5.2.
import { recurrent } from './rwkv-spec'
import { gatedChannel, huggingfaceRwkvNames, projections, rwkvNames, separateMix } from './rwkv-tensors'

/**
 * A matrix of state per head (arXiv 2404.05892). 5.0 has one decay for each head and no gate, 5.1 has the gate, 5.2 a decay for each
 * channel too: all that shows in the files.
 */
export const rwkv5 = recurrent({
  gguf: ['rwkv5'],
  mixStores: 'current',
  timeMix: { recurrence: 'wkv-5', blend: 'fixed', decay: 'fixed', gate: 'silu-when-present' },
  channelMix: { gated: true },
  layouts: {
    rwkv: {
      narrowTransposed: true,
      tensors: {
        ...rwkvNames,
        time: {
          ...projections('blocks.{n}.att.'),
          mix: [separateMix('blocks.{n}.att.time_mix_', { r: 'r', k: 'k', v: 'v', g: 'g' })],
          gate: 'blocks.{n}.att.gate.weight',
          norm: 'blocks.{n}.att.ln_x',
          decay: 'blocks.{n}.att.time_decay',
          first: [
            { tensor: 'blocks.{n}.att.time_faaaa', logarithm: false },
            { tensor: 'blocks.{n}.att.time_first', logarithm: true },
          ],
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
            separateMix('rwkv.blocks.{n}.attention.time_mix_', {
              r: 'receptance',
              k: 'key',
              v: 'value',
              g: 'gate',
            }),
          ],
          gate: 'rwkv.blocks.{n}.attention.gate.weight',
          norm: 'rwkv.blocks.{n}.attention.ln_x',
          decay: 'rwkv.blocks.{n}.attention.time_decay',
          first: [
            { tensor: 'rwkv.blocks.{n}.attention.time_faaaa', logarithm: false },
            { tensor: 'rwkv.blocks.{n}.attention.time_first', logarithm: true },
          ],
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
