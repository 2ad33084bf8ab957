// StarCoder 2: 3B, 7B and 15B.
import { ggufTensors } from './gguf-tensors'
import { huggingfaceTensors } from './huggingface-tensors'
import { transformer } from './spec'

/** Layer norms, GELU between two matrices, and a bias on everything. Folders say that every layer has a window, GGUF files do not. */
export const starcoder2 = transformer({
  gguf: ['starcoder2'],
  norm: { kind: 'layer' },
  position: { kind: 'rope' },
  attention: { qkvBias: 'required', outputBias: 'required', windowPeriod: Infinity },
  mlp: { gated: false, activation: 'gelu-tanh', bias: 'required' },
  head: { tied: 'when-absent' },
  layouts: {
    gguf: { tensors: ggufTensors, pairs: 'half' },
    huggingface: {
      tensors: {
        ...huggingfaceTensors,
        up: 'model.layers.{n}.mlp.c_fc',
        down: 'model.layers.{n}.mlp.c_proj',
      },
      pairs: 'half',
    },
  },
})
