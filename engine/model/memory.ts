// How much memory a model will take, told before it is loaded.
import { findArchitecture } from '../arch/registry'
import { layoutOf } from '../arch/spec'
import type { Checkpoint } from '../format/checkpoint'
import { byteLength } from '../format/ggml-types'
import { stringOf } from '../format/metadata'
import type { KvCacheChoice, QuantizeChoice } from '../protocol/settings'
import { readConfig, type ModelConfig } from './config'
import { fittingCacheType } from './kv-cache-type'
import { quantizedType } from './quantize'
import { buildRecurrent } from './recurrent'
import { readRecurrentConfig } from './recurrent-config'
import { recurrentStateBytes } from './recurrent-state'

export interface MemoryEstimate {
  /** Bytes of the weights as loaded. */
  weights: number
  /** Bytes that one sequence of `contextLength` tokens takes. */
  state: number
  /** As wanted, or what the model was trained for where that is less. */
  contextLength: number
}

/** What `auto` keeps depends on the device, and counts as floats. Throws `bad-file` or `unsupported-arch` as loading would. */
export function estimateMemory(
  checkpoint: Checkpoint,
  wanted: number,
  quantize: QuantizeChoice = 'none',
  kvCache: KvCacheChoice = 'auto',
): MemoryEstimate {
  const spec = findArchitecture(stringOf(checkpoint.metadata, 'general.architecture'))
  if (spec.family === 'recurrent') {
    const layout = layoutOf(spec, checkpoint.layout)
    const config = readRecurrentConfig(spec, layout, checkpoint)
    const { states } = buildRecurrent(spec, layout, config, (name) => checkpoint.tensors.get(name))
    const weights = weightBytes(checkpoint, config.vocabulary, quantize)
    return { weights, state: recurrentStateBytes(states), contextLength: wanted }
  }
  const config = readConfig(spec, checkpoint)
  const weights = weightBytes(checkpoint, config.vocabulary, quantize)
  const contextLength = Math.min(wanted, config.trainedContext)
  return { weights, state: stateBytes(config, contextLength, kvCache), contextLength }
}

// As if every matrix were multiplied; the few that are not are too small to matter.
function weightBytes(checkpoint: Checkpoint, vocabulary: number, quantize: QuantizeChoice): number {
  let sum = 0
  for (const { type, shape } of checkpoint.tensors.values()) {
    const cols = shape.at(-1) ?? 1
    const rows = shape.slice(0, -1).reduce((product, extent) => product * extent, 1)
    sum += byteLength(quantizedType({ type, rows, cols }, vocabulary, quantize), rows * cols)
  }
  return sum
}

/** Bytes of one sequence's keys and values. */
function stateBytes(
  { layers, kvHeads, headDim, valueDim }: ModelConfig,
  contextLength: number,
  kvCache: KvCacheChoice,
): number {
  const type = fittingCacheType(kvCache === 'auto' ? 'f32' : kvCache, headDim, valueDim)
  return layers * contextLength * byteLength(type, kvHeads * (headDim + valueDim))
}
