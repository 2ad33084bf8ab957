// MiniCPM 3.
import { ggufTensors } from './gguf-tensors'
import { huggingfaceTensors } from './huggingface-tensors'
import { transformer } from './spec'

const layer = 'model.layers.{n}.self_attn'

/** MiniCPM with latent attention. GGUF files lack its scales, which are those of the published model. */
export const minicpm3 = transformer({
  gguf: ['minicpm3'],
  muP: { embedding: 12, depth: 1.4, baseHidden: 256 },
  norm: { kind: 'rms' },
  position: { kind: 'rope' },
  attention: { qkvBias: 'absent', outputBias: 'absent', latent: { normEps: 1e-6 } },
  mlp: { gated: true, activation: 'silu', bias: 'absent' },
  head: { tied: 'when-absent' },
  layouts: {
    gguf: {
      tensors: {
        ...ggufTensors,
        ropeFactorsLong: 'rope_factors_long',
        ropeFactorsShort: 'rope_factors_short',
        latent: {
          qDown: 'blk.{n}.attn_q_a',
          qNorm: 'blk.{n}.attn_q_a_norm',
          qUp: 'blk.{n}.attn_q_b',
          kvDown: 'blk.{n}.attn_kv_a_mqa',
          kvNorm: 'blk.{n}.attn_kv_a_norm',
          kvUp: 'blk.{n}.attn_kv_b',
        },
      },
      pairs: 'half',
    },
    huggingface: {
      tensors: {
        ...huggingfaceTensors,
        latent: {
          qDown: `${layer}.q_a_proj`,
          qNorm: `${layer}.q_a_layernorm`,
          qUp: `${layer}.q_b_proj`,
          kvDown: `${layer}.kv_a_proj_with_mqa`,
          kvNorm: `${layer}.kv_a_layernorm`,
          kvUp: `${layer}.kv_b_proj`,
        },
      },
      pairs: 'half',
    },
  },
})
