// The config.json of an RWKV in a Hugging Face folder as metadata: numbers that the tensors do not tell.
// Meaning of the fields: `configuration_rwkv.py` in transformers, the code that comes with RWKV-5 and 6, and flash-linear-attention.
import { EngineError } from '../protocol/errors'
import type { MetadataValue } from './checkpoint'
import type { JsonFields } from './json-fields'

/** Undefined for a model type without a row here. Throws EngineError `bad-file` for missing fields, `unsupported-arch` for a variant. */
export function readRwkvConfig(config: JsonFields): ReadonlyMap<string, MetadataValue> | undefined {
  const modelType = config.text('model_type')
  const row = Object.hasOwn(rows, modelType) ? rows[modelType] : undefined
  if (row === undefined) return undefined
  for (const [field, value] of row.must) {
    const found = config.optional(field)
    if (found !== undefined && found !== value) {
      throw new EngineError(
        'unsupported-arch',
        `${config.file}: ${field} is ${JSON.stringify(found)?.slice(0, 80)}, which cannot be run; known: ${JSON.stringify(value)}.`,
        { hint: 'Choose another model with "Hearth: Select Model" or `hearth models list`.' },
      )
    }
  }
  const { architecture } = row
  const metadata = new Map<string, MetadataValue>([
    ['general.architecture', architecture],
    [`${architecture}.block_count`, config.number('num_hidden_layers')],
    [`${architecture}.embedding_length`, config.number('hidden_size')],
    [`${architecture}.vocab_size`, config.number('vocab_size')],
    [`${architecture}.attention.layer_norm_epsilon`, config.optionalNumber(row.eps) ?? usualEps],
  ])
  if (row.headSize !== undefined) {
    const headSize = config.optionalNumber(row.headSize) ?? 64
    metadata.set(`${architecture}.wkv.head_size`, headSize)
    metadata.set(`${architecture}.attention.group_norm_epsilon`, row.headEps(config, headSize))
  }
  return metadata
}

interface Row {
  /** Value of `general.architecture`. */
  readonly architecture: string
  /** Field of the eps of layers' norms. */
  readonly eps: string
  /** Field of the columns of a head, where there are heads. */
  readonly headSize?: string
  /** Eps of the norm of each head. */
  headEps(config: JsonFields, headSize: number): number
  /** Fields that select variants, with the one value that can be run. */
  readonly must: readonly (readonly [string, unknown])[]
}

const usualEps = 1e-5

// The output is divided first, by 8 in all published models. That is the same as a larger eps.
function dividedEps(config: JsonFields): number {
  return usualEps * (config.optionalNumber('head_size_divisor') ?? 8) ** 2
}

const rwkv5: Row = {
  architecture: 'rwkv5',
  eps: 'layer_norm_epsilon',
  headSize: 'head_size',
  headEps: dividedEps,
  must: [],
}

const rwkv7: Row = {
  architecture: 'rwkv7',
  eps: 'norm_eps',
  headSize: 'head_dim',
  headEps: (config, headSize) => headSize * (config.optionalNumber('norm_eps') ?? usualEps),
  must: [
    ['hidden_act', 'sqrelu'],
    ['norm_first', true],
    ['norm_bias', true],
  ],
}

const rows: Readonly<Record<string, Row | undefined>> = {
  rwkv: { architecture: 'rwkv4', eps: 'layer_norm_epsilon', headEps: () => usualEps, must: [] },
  rwkv5,
  rwkv6: { ...rwkv5, architecture: 'rwkv6' },
  rwkv7,
  rwkv7_fla: rwkv7,
}
