// Gemma 2.
import { ggufTensors } from './gguf-tensors'
import { huggingfaceTensors } from './huggingface-tensors'
import { transformer } from './spec'

/** Gemma with norms after branches, too, soft limits of scores and logits, and a window in every other layer. */
export const gemma2 = transformer({
  gguf: ['gemma2'],
  embeddingScale: 'sqrt-hidden',
  norm: { kind: 'rms', afterBranch: true },
  position: { kind: 'rope' },
  attention: {
    qkvBias: 'absent',
    outputBias: 'absent',
    softcap: 50,
    windowLength: 4096,
    windowPeriod: 2,
    // 27B.
    hiddenScaleLayers: 46,
  },
  mlp: { gated: true, activation: 'gelu-tanh', bias: 'absent' },
  head: { tied: 'always', softcap: 30 },
  layouts: {
    gguf: { tensors: ggufTensors, pairs: 'half' },
    huggingface: {
      tensors: {
        ...huggingfaceTensors,
        attentionAfterNorm: 'model.layers.{n}.post_attention_layernorm',
        mlpNorm: 'model.layers.{n}.pre_feedforward_layernorm',
        mlpAfterNorm: 'model.layers.{n}.post_feedforward_layernorm',
      },
      pairs: 'half',
      normOffset: 1,
    },
  },
})
