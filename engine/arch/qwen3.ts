// Qwen 3, the dense models.
import { ggufTensors } from './gguf-tensors'
import { huggingfaceTensors } from './huggingface-tensors'
import { transformer } from './spec'

/** Qwen 2 without biases, q and k normed head by head. Heads are wider than hidden / heads, so files give their width. */
export const qwen3 = transformer({
  gguf: ['qwen3'],
  norm: { kind: 'rms' },
  position: { kind: 'rope' },
  attention: { qkvBias: 'absent', outputBias: 'absent', qkNorm: 'head' },
  mlp: { gated: true, activation: 'silu', bias: 'absent' },
  head: { tied: 'when-absent' },
  layouts: {
    gguf: { tensors: ggufTensors, pairs: 'half' },
    huggingface: { tensors: huggingfaceTensors, pairs: 'half' },
  },
})
