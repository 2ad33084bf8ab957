// Slopes of ALiBi, which lets attention fall off with distance instead of turning q and k.

/**
 * One slope per head, [heads]: powers of 2^(-8/n) for the largest power of two n up to `heads`, then every other power of
 * 2^(-4/n) for the heads beyond (Press et al., arXiv 2108.12409, and its reference code `get_slopes`).
 */
export function alibiSlopes(heads: number): Float32Array {
  const n = 2 ** Math.floor(Math.log2(heads))
  return Float32Array.from({ length: heads }, (_, head) =>
    head < n ? 2 ** ((-8 / n) * (head + 1)) : 2 ** ((-4 / n) * (2 * (head - n) + 1)),
  )
}
