// How a model stretches its positions beyond the length it was first trained for: one row per kind of scaling.
import { numberOf, optionalNumberOf, optionalStringOf, type Metadata } from '../format/metadata'
import { EngineError } from '../protocol/errors'

export interface RopeScaling {
  /** Positions are divided by this; 1 is off. */
  readonly positionScale: number
  /** Divisors of the frequencies [dims / 2], where they follow from numbers; GGUF files carry them as a tensor instead. */
  readonly factors: Float32Array | undefined
}

/** `prefix` is the architecture. Throws EngineError `unsupported-arch` for a kind without a row, `bad-file` for missing numbers. */
export function readRopeScaling(metadata: Metadata, prefix: string, base: number, dims: number): RopeScaling {
  const key = (name: string): string => `${prefix}.rope.${name}`
  const type = optionalStringOf(metadata, key('scaling.type')) ?? 'linear'
  const read = Object.hasOwn(kinds, type) ? kinds[type] : undefined
  if (read !== undefined) return read(metadata, key, base, dims)
  const known = Object.keys(kinds).join(', ')
  throw new EngineError(
    'unsupported-arch',
    `The model scales its positions by "${type}", which is not supported; known: ${known}.`,
    { hint: 'Choose a file of this model without that scaling.' },
  )
}

/**
 * Divisors of the rotary frequencies, [dims / 2]: none for waves shorter than original / high, `factor` for those longer than
 * original / low, and a blend between (Llama 3.1's reference code, `apply_scaling`).
 */
export function llama3Factors(base: number, dims: number, scaling: Llama3Scaling): Float32Array {
  const { factor, original, low, high } = scaling
  return Float32Array.from({ length: dims / 2 }, (_, i) => {
    const wave = 2 * Math.PI * base ** ((2 * i) / dims)
    if (wave < original / high) return 1
    if (wave > original / low) return factor
    const smooth = (original / wave - low) / (high - low)
    return 1 / ((1 - smooth) / factor + smooth)
  })
}

export interface Llama3Scaling {
  factor: number
  /** Tokens. */
  original: number
  low: number
  high: number
}

type Kind = (metadata: Metadata, key: (name: string) => string, base: number, dims: number) => RopeScaling

const kinds: Readonly<Record<string, Kind | undefined>> = {
  none: () => ({ positionScale: 1, factors: undefined }),
  // Old files name the factor `rope.scale_linear`. Files with Llama 3's scaling as a tensor name no type or "none".
  linear: (metadata, key) => ({
    positionScale:
      optionalNumberOf(metadata, key('scaling.factor')) ??
      optionalNumberOf(metadata, key('scale_linear')) ??
      1,
    factors: undefined,
  }),
  llama3: (metadata, key, base, dims) => ({
    positionScale: 1,
    factors: llama3Factors(base, dims, {
      factor: numberOf(metadata, key('scaling.factor')),
      original: numberOf(metadata, key('scaling.original_context_length')),
      low: numberOf(metadata, key('scaling.low_freq_factor')),
      high: numberOf(metadata, key('scaling.high_freq_factor')),
    }),
  }),
}
