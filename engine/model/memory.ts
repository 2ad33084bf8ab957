// How much memory a model will take, told before it is loaded.
import { findArchitecture } from '../arch/registry'
import { layoutOf } from '../arch/spec'
import type { Checkpoint } from '../format/checkpoint'
import { stringOf } from '../format/metadata'
import { readConfig, type ModelConfig } from './config'
import { buildRecurrent } from './recurrent'
import { readRecurrentConfig } from './recurrent-config'
import { recurrentStateBytes } from './recurrent-state'

export interface MemoryEstimate {
  /** Bytes of the weights as stored. */
  weights: number
  /** Bytes that one sequence of `contextLength` tokens takes. */
  state: number
  /** As wanted, or what the model was trained for where that is less. */
  contextLength: number
}

/** Throws `bad-file` or `unsupported-arch` as loading would. */
export function estimateMemory(checkpoint: Checkpoint, wanted: number): MemoryEstimate {
  let weights = 0
  for (const tensor of checkpoint.tensors.values()) weights += tensor.bytes
  const spec = findArchitecture(stringOf(checkpoint.metadata, 'general.architecture'))
  if (spec.family === 'recurrent') {
    const layout = layoutOf(spec, checkpoint.layout)
    const config = readRecurrentConfig(spec, layout, checkpoint)
    const { states } = buildRecurrent(spec, layout, config, (name) => checkpoint.tensors.get(name))
    return { weights, state: recurrentStateBytes(states), contextLength: wanted }
  }
  const config = readConfig(spec, checkpoint)
  const contextLength = Math.min(wanted, config.trainedContext)
  return { weights, state: stateBytes(config, contextLength), contextLength }
}

/** Bytes of one sequence's keys and values. */
function stateBytes(config: ModelConfig, contextLength: number): number {
  return config.layers * config.kvHeads * (config.headDim + config.valueDim) * 4 * contextLength
}
