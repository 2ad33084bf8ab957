// The cpu backend's attention against its definition, written out here in float64 for one value at a time: a mask, a query
// for each pair of tokens, and a plain softmax.
import assert from 'node:assert/strict'
import { attention, type AttentionShape } from '../../../engine/backend/cpu/attention'
import { finish, numbers, same } from './check-values'

describe('cpu attention', () => {
  const successive = numbers(3 * 6 * 6, 19)
  const inter = numbers(3 * 6 * 6, 20)
  for (const [name, extra] of Object.entries<Partial<AttentionShape>>({
    'plain, one key per head': { kvHeads: 6 },
    'plain, three heads on one key': {},
    'plain, one key for all': { kvHeads: 1 },
    'narrower values': { valueDim: 4 },
    'wider values': { valueDim: 9 },
    'a window of itself': { window: 1 },
    'a window of 3': { window: 3 },
    'a window beyond the start': { window: 6 },
    'a soft cap': { softcap: 1.5 },
    slopes: { slopes: Float32Array.of(0.5, 0.25, 0.125, 1, 2, 0) },
    'a prefix that ends inside the step': { prefix: 6 },
    'a prefix that ends with the step': { prefix: 7 },
    'a prefix that is over': { prefix: 4 },
    'chunks of 2': { chunks: { length: 2, successive, inter } },
    'chunks of 3': { chunks: { length: 3, successive, inter } },
    'chunks of 100': { chunks: { length: 100, successive, inter } },
    'all at once': {
      kvHeads: 3,
      valueDim: 8,
      window: 5,
      softcap: 2,
      slopes: Float32Array.of(0.5, 0.25, 0.125, 1, 2, 0),
      prefix: 6,
      chunks: { length: 2, successive, inter },
    },
  })) {
    it(name, () => {
      const [heads, headDim, tokens, position] = [6, 6, 3, 4]
      const shape: AttentionShape = { ...plainAttention, heads, kvHeads: 2, headDim, valueDim: 6, ...extra }
      const q = numbers(tokens * heads * headDim, 11)
      const k = numbers(9 * shape.kvHeads * headDim, 12)
      const v = numbers(9 * shape.kvHeads * shape.valueDim, 13)
      const out = new Float32Array(tokens * heads * shape.valueDim)
      finish(attention(q, k, v, tokens, position, shape, out))
      same(out, (i) => {
        const t = Math.floor(i / (heads * shape.valueDim))
        const head = Math.floor(i / shape.valueDim) % heads
        const kv = Math.floor(head / (heads / shape.kvHeads))
        const own = position + t
        let above = 0
        let below = 0
        for (let p = 0; p < 9; p++) {
          if (!sees(own, p, shape)) continue
          const query = queryFor(own, p, q, shape)
          let score = 0
          for (let j = 0; j < headDim; j++) {
            score += query[(t * heads + head) * headDim + j]! * k[(p * shape.kvHeads + kv) * headDim + j]!
          }
          score *= shape.scale
          // tanh(u) = 1 - 2 / (e^2u + 1)
          const cap = shape.softcap
          if (cap) score = cap - (2 * cap) / (Math.E ** ((2 * score) / cap) + 1)
          if (shape.slopes) score -= shape.slopes[head]! * (own - p)
          const e = Math.E ** score
          above += e * v[(p * shape.kvHeads + kv) * shape.valueDim + (i % shape.valueDim)]!
          below += e
        }
        return above / below
      })
    })
  }

  it('survives scores that exp cannot hold', () => {
    const q = Float32Array.of(100, 100)
    const k = Float32Array.of(100, 100, -100, -100)
    const out = new Float32Array(2)
    finish(attention(q, k, k, 1, 1, { ...plainAttention, scale: 1 }, out))
    assert.deepEqual([...out], [100, 100])
  })
})

const plainAttention: AttentionShape = {
  heads: 1,
  kvHeads: 1,
  headDim: 2,
  valueDim: 2,
  scale: 0.7,
  window: undefined,
  softcap: undefined,
  slopes: undefined,
  prefix: 0,
  chunks: undefined,
}

// Whether the mask has a one where the row of token `own` meets the column of token `p`.
function sees(own: number, p: number, { window, prefix }: AttentionShape): boolean {
  const isEarlier = p <= own
  const isMutual = own < prefix && p < prefix
  const isNear = window === undefined || own - p < window
  return (isEarlier || isMutual) && isNear
}

// Chunks are counted by their last tokens: those that end at `p` or later, and before `own`, lie in between.
function queryFor(own: number, p: number, q: Float32Array, { chunks }: AttentionShape): Float32Array {
  if (!chunks) return q
  let ends = 0
  for (let s = p; s < own; s++) if ((s + 1) % chunks.length === 0) ends++
  return [q, chunks.successive][ends] ?? chunks.inter
}
