// GLM-4 in the form of transformers. Its GGUF files call themselves chatglm.
import { huggingfaceTensors } from './huggingface-tensors'
import { packed, transformer } from './spec'

const gateUp = ['gate', 'up'] as const
const matrix = 'model.layers.{n}.mlp.gate_up_proj'

/** ChatGLM 3 with q, k and v apart. */
export const glm = transformer({
  gguf: ['glm'],
  norm: { kind: 'rms' },
  position: { kind: 'rope' },
  attention: { qkvBias: 'optional', outputBias: 'absent' },
  mlp: { gated: true, activation: 'silu', bias: 'absent' },
  head: { tied: 'when-absent' },
  layouts: {
    huggingface: {
      tensors: {
        ...huggingfaceTensors,
        gate: packed(matrix, gateUp, 'gate'),
        up: packed(matrix, gateUp, 'up'),
      },
      pairs: 'interleaved',
    },
  },
})
