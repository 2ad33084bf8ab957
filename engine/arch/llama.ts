// Llama 1, 2, 3, 3.1, 3.2, Code Llama, Yi, SmolLM2, TinyLlama, DeepSeek-Coder 1; with biases, Granite Code.
import { ggufTensors } from './gguf-tensors'
import { huggingfaceTensors } from './huggingface-tensors'
import { transformer } from './spec'

/** RMS norm, rotary positions, grouped-query attention, SwiGLU. GGUF's converter permutes q and k, so there pairs are neighbors. */
export const llama = transformer({
  gguf: ['llama'],
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
