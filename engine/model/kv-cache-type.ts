// The type that keys and values are kept in: what was asked for, on what device, and what the heads of a model allow.
import type { Backend } from '../backend/backend'
import type { StateType } from '../graph/graph'
import type { KvCacheChoice } from '../protocol/settings'

/**
 * Half floats on a GPU, where attention waits for memory, and on a software adapter, where it waits for loads. The cpu backend decodes
 * every row for every step, so there `auto` keeps floats.
 */
export function chosenCacheType(choice: KvCacheChoice, { kind }: Backend): StateType {
  if (choice !== 'auto') return choice
  return kind === 'webgpu' ? 'f16' : 'f32'
}

/** The type itself, or the nearest larger one whose blocks heads of these sizes are made of. */
export function fittingCacheType(type: StateType, headDim: number, valueDim: number): StateType {
  const isWhole = (block: number): boolean => headDim % block === 0 && valueDim % block === 0
  if (type === 'q8_0' && isWhole(32)) return 'q8_0'
  return type !== 'f32' && isWhole(8) ? 'f16' : 'f32'
}
