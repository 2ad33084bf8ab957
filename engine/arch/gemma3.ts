// Gemma 3, the part that reads and writes text.
import { gemma2 } from './gemma2'
import { transformer } from './spec'

/** Gemma 2 with normed q and k instead of soft limits, and five layers of six with a window and rotary frequencies of their own. */
export const gemma3 = transformer({
  gguf: ['gemma3'],
  embeddingScale: 'sqrt-hidden',
  norm: { kind: 'rms', afterBranch: true },
  position: { kind: 'rope', localBase: 10000 },
  attention: {
    qkvBias: 'absent',
    outputBias: 'absent',
    qkNorm: 'head',
    windowPeriod: 6,
    // 27B.
    hiddenScaleLayers: 62,
  },
  mlp: { gated: true, activation: 'gelu-tanh', bias: 'absent' },
  head: { tied: 'when-absent' },
  layouts: gemma2.layouts,
})
