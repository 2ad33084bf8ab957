// How much memory a model will take, told before it is loaded.
import { findArchitecture } from '../arch/registry'
import type { Checkpoint } from '../format/checkpoint'
import { stringOf } from '../format/metadata'
import { readConfig, type ModelConfig } from './config'

export interface MemoryEstimate {
  /** Bytes of the weights as stored. */
  weights: number
  /** Bytes of keys and values for `contextLength` tokens of one sequence. */
  state: number
}

/** Throws `bad-file` or `unsupported-arch` as loading would. */
export function estimateMemory(checkpoint: Checkpoint, contextLength: number): MemoryEstimate {
  const config = readConfig(
    findArchitecture(stringOf(checkpoint.metadata, 'general.architecture')),
    checkpoint,
  )
  let weights = 0
  for (const tensor of checkpoint.tensors.values()) weights += tensor.bytes
  return { weights, state: stateBytes(config, contextLength) }
}

/** Bytes of one sequence's state. */
export function stateBytes(config: ModelConfig, contextLength: number): number {
  return (
    config.layers *
    config.kvHeads *
    (config.headDim + config.valueDim) *
    4 *
    Math.min(contextLength, config.trainedContext)
  )
}
