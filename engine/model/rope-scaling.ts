// How a model stretches its positions beyond the length it was first trained for: one row per kind of scaling.
import { quote } from '../base/quote'
import {
  numberOf,
  optionalNumberOf,
  optionalNumbersOf,
  optionalStringOf,
  type Metadata,
} from '../format/metadata'
import { EngineError } from '../protocol/errors'

/** Where a kind of scaling finds its numbers, and which frequencies they change. */
export interface RopeFields {
  readonly metadata: Metadata
  /** Full name of a key that starts with the architecture and `rope.` */
  readonly key: (name: string) => string
  /** Base of the rotary frequencies. */
  readonly base: number
  /** Columns of a head that turn. */
  readonly dims: number
  /** Longest sequence the model takes, as its file says. */
  readonly trainedContext: number
}

/** Divisors of the rotary frequencies [dims / 2] that some files carry as tensors. */
export interface StoredDivisors {
  readonly always?: ArrayLike<number>
  readonly long?: ArrayLike<number>
  readonly short?: ArrayLike<number>
}

/** The angles of one context length: position * base^(-2i/dims) / divisors[i]. */
export interface RopeAngles {
  readonly base: number
  /** [dims / 2]; undefined is all ones. */
  readonly divisors: ArrayLike<number> | undefined
  /** What cosines and sines are multiplied by. */
  readonly magnitude: number
}

export interface RopeScaling {
  /** Longest sequence with this scaling; undefined where it is the trained one. */
  readonly longest: number | undefined
  /**
   * Angles of a model opened for sequences of at most `context` tokens. Kinds that depend on the length take the context and not
   * the current length: keys in the cache are turned once, and a model must not change under them.
   */
  at(context: number, stored: StoredDivisors): RopeAngles
}

/** Throws EngineError `unsupported-arch` for a kind without a row, `bad-file` for missing numbers. */
export function readRopeScaling(fields: RopeFields): RopeScaling {
  const type = optionalStringOf(fields.metadata, fields.key('scaling.type')) ?? 'linear'
  const read = Object.hasOwn(kinds, type) ? kinds[type] : undefined
  if (read !== undefined) return read(fields)
  const known = Object.keys(kinds).join(', ')
  throw new EngineError(
    'unsupported-arch',
    `The model scales its positions by ${quote(type)}, which is not supported; known: ${known}.`,
    { hint: 'Choose a file of this model without that scaling.' },
  )
}

/** No scaling: the frequencies as they are. */
export function unscaled(base: number): RopeScaling {
  return fixed({ base, divisors: undefined, magnitude: 1 })
}

/**
 * Divisors of the rotary frequencies, [dims / 2]: none for waves shorter than original / high, `factor` for those longer than
 * original / low, and a blend between (Llama 3.1's reference code, `apply_scaling`).
 */
export function llama3Divisors(base: number, dims: number, scaling: Llama3Scaling): Float32Array {
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

/**
 * Divisors of the rotary frequencies, [dims / 2]: `factor` for pairs that turn less than `slow` times over the original length,
 * none for those that turn more than `fast` times, and a blend of the frequencies between (YaRN, arXiv 2309.00071, section 3.2).
 */
export function yarnDivisors(base: number, dims: number, scaling: YarnScaling): Float64Array {
  const { factor, original, fast, slow } = scaling
  const pairOf = (turns: number): number =>
    (dims * Math.log(original / (2 * Math.PI * turns))) / (2 * Math.log(base))
  const low = Math.max(Math.floor(pairOf(fast)), 0)
  const high = Math.min(Math.ceil(pairOf(slow)), dims - 1)
  return Float64Array.from({ length: dims / 2 }, (_, i) => {
    const kept = 1 - Math.min(Math.max((i - low) / Math.max(high - low, 0.001), 0), 1)
    return 1 / ((1 - kept) / factor + kept)
  })
}

export interface YarnScaling {
  factor: number
  /** Tokens. */
  original: number
  /** Turns over the original length. */
  fast: number
  slow: number
}

const kinds: Readonly<Record<string, ((fields: RopeFields) => RopeScaling) | undefined>> = {
  // Files with Llama 3's scaling as a tensor name no type or "none".
  none: (fields) => withStored(fields, 1),
  // Old files name the factor `rope.scale_linear`.
  linear: (fields) =>
    withStored(
      fields,
      optionalNumberOf(fields.metadata, fields.key('scaling.factor')) ??
        optionalNumberOf(fields.metadata, fields.key('scale_linear')) ??
        1,
    ),
  llama3: ({ metadata, key, base, dims }) => {
    const divisors = llama3Divisors(base, dims, {
      factor: numberOf(metadata, key('scaling.factor')),
      original: positiveLength(numberOf(metadata, key('scaling.original_context_length'))),
      low: numberOf(metadata, key('scaling.low_freq_factor')),
      high: numberOf(metadata, key('scaling.high_freq_factor')),
    })
    return fixed({ base, divisors, magnitude: 1 })
  },
  yarn: (fields) => {
    const { metadata, key, base, dims } = fields
    const factor = numberOf(metadata, key('scaling.factor'))
    const original = originalLength(fields)
    const divisors = yarnDivisors(base, dims, {
      factor,
      original,
      fast: numberOf(metadata, key('scaling.yarn_beta_fast'), 32),
      slow: numberOf(metadata, key('scaling.yarn_beta_slow'), 1),
    })
    // The stored factor comes on top of YaRN's own (llama.cpp multiplies by both), and the multiplier of the logarithm divides it.
    const own = (scale: number): number => (factor > 1 ? 1 + 0.1 * scale * Math.log(factor) : 1)
    const stored = numberOf(metadata, key('scaling.attn_factor'), 1)
    const divisor = own(numberOf(metadata, key('scaling.yarn_log_multiplier'), 0))
    const magnitude = (own(1) * stored) / divisor
    return { ...fixed({ base, divisors, magnitude }), longest: Math.round(factor * original) }
  },
  longrope,
  // The base grows with the length beyond the trained one (`_compute_dynamic_ntk_parameters` in transformers).
  dynamic: (fields) => {
    const { metadata, key, base, dims } = fields
    const factor = numberOf(metadata, key('scaling.factor'))
    const original = originalLength(fields)
    return {
      longest: Math.round(factor * original),
      at: (context) => {
        const stretch = (factor * Math.max(context, original)) / original - (factor - 1)
        return { base: base * stretch ** (dims / (dims - 2)), divisors: undefined, magnitude: 1 }
      },
    }
  },
  // The same in steps of powers of two (`get_ntk_alpha` in the code of Qwen 1).
  'dynamic-steps': ({ metadata, key, base, dims }) => {
    const original = positiveLength(numberOf(metadata, key('scaling.original_context_length')))
    return {
      longest: undefined,
      at: (context) => {
        const stretch = Math.max(1, 2 ** Math.ceil(Math.log2(context / original) + 1) - 1)
        return { base: base * stretch ** (dims / (dims - 2)), divisors: undefined, magnitude: 1 }
      },
    }
  },
}

function fixed(angles: RopeAngles): RopeScaling {
  return { longest: undefined, at: () => angles }
}

// A file with Llama 3.1's scaling carries its divisors as a tensor, and one with LongRoPE may carry two and say nothing else.
function withStored(fields: RopeFields, factor: number): RopeScaling {
  const { base, dims } = fields
  return {
    longest: undefined,
    at: (context, stored) => {
      if (!stored.always && (stored.long ?? stored.short)) return longrope(fields).at(context, stored)
      const divisors = stored.always ?? new Float64Array(dims / 2).fill(1)
      return { base, divisors: Float64Array.from(divisors, (divisor) => divisor * factor), magnitude: 1 }
    },
  }
}

// arXiv 2402.13753. The divisors were searched for, so a file must bring them.
function longrope(fields: RopeFields): RopeScaling {
  const { metadata, key, base, dims, trainedContext } = fields
  const original = originalLength(fields)
  const ratio = trainedContext / original
  const magnitude = numberOf(
    metadata,
    key('scaling.attn_factor'),
    ratio > 1 ? Math.sqrt(1 + Math.log(ratio) / Math.log(original)) : 1,
  )
  const listed = (name: string): ArrayLike<number> | undefined => optionalNumbersOf(metadata, key(name))
  const long = listed('scaling.long_factor')
  const short = listed('scaling.short_factor')
  return {
    longest: undefined,
    at: (context, stored) => {
      const divisors = context > original ? (stored.long ?? long) : (stored.short ?? short)
      if (divisors?.length === dims / 2) return { base, divisors, magnitude }
      const found = divisors === undefined ? 'no' : String(divisors.length)
      throw new EngineError(
        'bad-file',
        `The model file has ${found} divisors of its ${dims / 2} rotary frequencies.`,
        { hint: 'It was converted by an old or faulty tool. Choose another file of this model.' },
      )
    },
  }
}

function originalLength({ metadata, key, trainedContext }: RopeFields): number {
  return positiveLength(numberOf(metadata, key('scaling.original_context_length'), trainedContext))
}

function positiveLength(tokens: number): number {
  if (tokens > 0) return tokens
  throw new EngineError('bad-file', `The original context length of the model is ${tokens} tokens.`, {
    hint: 'The file is damaged or was converted by a faulty tool. Choose another file of this model.',
  })
}
