// Phi 3 and 3.5, mini and medium.
import { ggufTensors } from './gguf-tensors'
import { packed, transformer } from './spec'

const qkv = ['q', 'k', 'v'] as const
const gateUp = ['gate', 'up'] as const

/** Llama with q, k and v in one matrix, gate and up in another, and a window on every layer of the short-context models. */
export const phi3 = transformer({
  gguf: ['phi3'],
  norm: { kind: 'rms' },
  position: { kind: 'rope' },
  attention: { qkvBias: 'absent', outputBias: 'absent', windowPeriod: Infinity },
  mlp: { gated: true, activation: 'silu', bias: 'absent' },
  head: { tied: 'when-absent' },
  layouts: {
    gguf: {
      tensors: {
        ...ggufTensors,
        ropeFactorsLong: 'rope_factors_long',
        ropeFactorsShort: 'rope_factors_short',
        q: packed('blk.{n}.attn_qkv', qkv, 'q'),
        k: packed('blk.{n}.attn_qkv', qkv, 'k'),
        v: packed('blk.{n}.attn_qkv', qkv, 'v'),
        gate: packed('blk.{n}.ffn_up', gateUp, 'gate'),
        up: packed('blk.{n}.ffn_up', gateUp, 'up'),
      },
      pairs: 'half',
    },
  },
})
