// Slopes of ALiBi, which lets attention fall off with distance instead of turning q and k.

/** Of the paper and of all models that do not say otherwise. */
export const defaultAlibiBias = 8

/**
 * One slope per head, [heads]: with b = `maxBias`, powers of 2^(-b/n) for the largest power of two n up to `heads`, then every other
 * power of 2^(-b/2n) for the heads beyond (Press et al., arXiv 2108.12409, and its reference code `get_slopes`).
 */
export function alibiSlopes(heads: number, maxBias: number): Float32Array {
  const n = 2 ** Math.floor(Math.log2(heads))
  return Float32Array.from({ length: heads }, (_, head) =>
    head < n ? 2 ** ((-maxBias / n) * (head + 1)) : 2 ** ((-maxBias / 2 / n) * (2 * (head - n) + 1)),
  )
}
