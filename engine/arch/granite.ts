// Granite 3, without experts. Granite Code is Llama with biases.
import { ggufTensors } from './gguf-tensors'
import { huggingfaceTensors } from './huggingface-tensors'
import { transformer } from './spec'

/** Llama whose embedding, scores, branches and logits are scaled by numbers of the file. */
export const granite = transformer({
  gguf: ['granite'],
  muP: {},
  norm: { kind: 'rms' },
  position: { kind: 'rope' },
  attention: { qkvBias: 'optional', outputBias: 'optional' },
  mlp: { gated: true, activation: 'silu', bias: 'optional' },
  head: { tied: 'when-absent' },
  layouts: {
    gguf: { tensors: ggufTensors, pairs: 'interleaved' },
    huggingface: { tensors: huggingfaceTensors, pairs: 'half' },
  },
})
