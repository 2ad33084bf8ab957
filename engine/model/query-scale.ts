// Longer texts spread attention thinner. Some families multiply queries by a factor that grows with their position.
import type { ModelConfig } from './config'

/** One factor per position, [positions], or undefined where every factor is one. */
export function queryScales(config: ModelConfig, positions: number): Float32Array | undefined {
  const trained = config.logScaleFrom
  if (trained !== undefined && positions > trained)
    return table(positions, (n) => Math.log(n) / Math.log(trained))
  const original = config.chunks?.original
  if (original !== undefined && positions > original) {
    // Squared, because vLLM multiplies both q and k by YaRN's magnitude for this length. Its prefill takes the length of the whole
    // prompt for every query; here, as in its decoding, the length up to the query, so that cached keys fit every continuation.
    return table(positions, (n) => (1 + 0.1 * Math.log(n / original)) ** 2)
  }
  return undefined
}

// `factor` of the length up to a position, the position's own token included.
function table(positions: number, factor: (length: number) => number): Float32Array {
  return Float32Array.from({ length: positions }, (_, position) => Math.max(1, factor(position + 1)))
}
