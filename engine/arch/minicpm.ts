// MiniCPM 1, 2B-128k, 4 and 4.1.
import { ggufTensors } from './gguf-tensors'
import { huggingfaceTensors } from './huggingface-tensors'
import { transformer } from './spec'

/** Llama whose embedding, branches and logits are scaled. Old GGUF files lack the numbers, which are those of the published models. */
export const minicpm = transformer({
  gguf: ['minicpm'],
  muP: { embedding: 12, depth: 1.4, baseHidden: 256 },
  norm: { kind: 'rms' },
  position: { kind: 'rope' },
  attention: { qkvBias: 'absent', outputBias: 'absent' },
  mlp: { gated: true, activation: 'silu', bias: 'absent' },
  head: { tied: 'when-absent' },
  layouts: {
    gguf: {
      tensors: {
        ...ggufTensors,
        ropeFactorsLong: 'rope_factors_long',
        ropeFactorsShort: 'rope_factors_short',
      },
      pairs: 'interleaved',
    },
    huggingface: { tensors: huggingfaceTensors, pairs: 'half' },
  },
})
