// Qwen 1.5, 2, 2.5, 2.5-Coder and 2.5-1M.
import { ggufTensors } from './gguf-tensors'
import { huggingfaceTensors } from './huggingface-tensors'
import { transformer } from './spec'

/** Llama with a bias on q, k and v, and rotary pairs half a head apart. */
export const qwen2 = transformer({
  gguf: ['qwen2'],
  norm: { kind: 'rms' },
  position: { kind: 'rope' },
  attention: { qkvBias: 'required', outputBias: 'absent' },
  mlp: { gated: true, activation: 'silu', bias: 'absent' },
  head: { tied: 'when-absent' },
  layouts: {
    gguf: { tensors: ggufTensors, pairs: 'half' },
    huggingface: { tensors: huggingfaceTensors, pairs: 'half' },
  },
})
