// Gemma 1 and CodeGemma.
import { ggufTensors } from './gguf-tensors'
import { huggingfaceTensors } from './huggingface-tensors'
import { transformer } from './spec'

/** Llama with GeGLU and a scaled embedding. Weights of norms are stored minus one; GGUF's converter has added it already. */
export const gemma = transformer({
  gguf: ['gemma'],
  embeddingScale: 'sqrt-hidden',
  norm: { kind: 'rms' },
  position: { kind: 'rope' },
  attention: { qkvBias: 'absent', outputBias: 'absent' },
  mlp: { gated: true, activation: 'gelu-tanh', bias: 'absent' },
  head: { tied: 'always' },
  layouts: {
    gguf: { tensors: ggufTensors, pairs: 'half' },
    huggingface: { tensors: huggingfaceTensors, pairs: 'half', normOffset: 1 },
  },
})
