// Baichuan 1 and 2: 7B and 13B.
import { ggufTensors } from './gguf-tensors'
import { huggingfaceTensors } from './huggingface-tensors'
import { packed, transformer } from './spec'

const qkv = ['q', 'k', 'v'] as const
const matrix = 'model.layers.{n}.self_attn.W_pack'

/**
 * Llama without grouped queries. The 13B models have ALiBi instead of rotary positions; Baichuan 2, which its vocabulary tells, divides
 * rows of the output matrix by their lengths.
 */
export const baichuan = transformer({
  gguf: ['baichuan'],
  norm: { kind: 'rms' },
  position: { kind: 'rope', alibiLayers: 40 },
  attention: { qkvBias: 'absent', outputBias: 'absent' },
  mlp: { gated: true, activation: 'silu', bias: 'absent' },
  head: { tied: 'never', unitRowsAt: 125_696 },
  layouts: {
    gguf: { tensors: ggufTensors, pairs: 'interleaved' },
    huggingface: {
      tensors: {
        ...huggingfaceTensors,
        q: packed(matrix, qkv, 'q'),
        k: packed(matrix, qkv, 'k'),
        v: packed(matrix, qkv, 'v'),
      },
      pairs: 'half',
    },
  },
})
