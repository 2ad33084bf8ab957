// MiniCPM 1: 1B and 2B.
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
    gguf: { tensors: ggufTensors, pairs: 'interleaved' },
    huggingface: { tensors: huggingfaceTensors, pairs: 'half' },
  },
})
