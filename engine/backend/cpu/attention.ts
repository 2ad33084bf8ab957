// Attention as one plain loop over heads and rows: the reference that the kernels are compared with.
import type { Work } from './ops'

/** The numbers of the operation in engine/graph/graph.ts, with the arrays it names. */
export interface AttentionShape {
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
  readonly valueDim: number
  readonly scale: number
  readonly window: number | undefined
  readonly softcap: number | undefined
  /** [heads] */
  readonly slopes: Float32Array | undefined
  /** Tokens before it see all rows before it; 0 when attention is causal. */
  readonly prefix: number
  readonly chunks:
    { readonly length: number; readonly successive: Float32Array; readonly inter: Float32Array } | undefined
}

/** q [T, heads * headDim] over k [capacity, kvHeads * headDim] and v [capacity, kvHeads * valueDim]; out [T, heads * valueDim] */
export function* attention(
  q: Float32Array,
  k: Float32Array,
  v: Float32Array,
  nTokens: number,
  position: number,
  shape: AttentionShape,
  out: Float32Array,
): Work {
  const { heads, kvHeads, headDim, valueDim, scale, window, softcap, slopes, prefix, chunks } = shape
  const group = heads / kvHeads
  const scores = new Float64Array(position + nTokens)
  const sums = new Float64Array(valueDim)
  for (let t = 0; t < nTokens; t++) {
    const own = position + t
    const end = Math.max(own + 1, prefix)
    const begin = window === undefined ? 0 : Math.max(0, own + 1 - window)
    for (let head = 0; head < heads; head++) {
      const kvHead = Math.floor(head / group)
      const slope = slopes ? slopes[head]! : 0
      const from = (t * heads + head) * headDim
      let highest = -Infinity
      for (let p = begin; p < end; p++) {
        const query = chunks ? queryOfChunk(q, chunks, own, p) : q
        const row = (p * kvHeads + kvHead) * headDim
        let score = 0
        for (let i = 0; i < headDim; i++) score += query[from + i]! * k[row + i]!
        score *= scale
        if (softcap !== undefined) score = softcap * Math.tanh(score / softcap)
        scores[p] = score + slope * (p - own)
        highest = Math.max(highest, scores[p]!)
      }
      let total = 0
      sums.fill(0)
      for (let p = begin; p < end; p++) {
        const weight = Math.exp(scores[p]! - highest)
        const row = (p * kvHeads + kvHead) * valueDim
        total += weight
        for (let i = 0; i < valueDim; i++) sums[i]! += weight * v[row + i]!
      }
      const to = (t * heads + head) * valueDim
      for (let i = 0; i < valueDim; i++) out[to + i] = sums[i]! / total
      yield
    }
  }
}

// The query that meets row p: chosen by how many chunks lie between the token's own and the row's.
function queryOfChunk(
  q: Float32Array,
  { length, successive, inter }: NonNullable<AttentionShape['chunks']>,
  own: number,
  p: number,
): Float32Array {
  const distance = Math.floor(own / length) - Math.floor(p / length)
  if (distance <= 0) return q
  return distance === 1 ? successive : inter
}
