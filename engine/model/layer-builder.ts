// What the builders of a recurrent layer's parts share.
import type { MixInput, RecurrentLayout, RecurrentSpec } from '../arch/rwkv-spec'
import type { GraphBuilder, Value, WeightRef } from '../graph/graph'
import type { RecurrentConfig } from './recurrent-config'
import type { RecurrentWeights } from './recurrent-weights'

export interface LayerBuilder {
  readonly g: GraphBuilder
  readonly spec: RecurrentSpec
  readonly layout: RecurrentLayout
  readonly config: RecurrentConfig
  readonly weights: RecurrentWeights
  /** The layer. */
  readonly n: number
  /** Names a tensor of this layer, or a value. */
  named(name: string): string
  label(name: string): string
  /** A state tensor of this layer. */
  state(name: string, rows: number, cols: number): { state: string }
  norm(x: Value, name: string, label: string, options?: { group?: number; eps?: number }): Value
  matmul(x: Value, weight: WeightRef, cols: number, label: string, options?: MatmulOptions): Value
  /** `x` blended with the row before, by one of the file's blends. */
  blend(x: Value, previous: { state: string }, weight: WeightRef, label: string, dynamic?: Value): Value
}

export interface MatmulOptions {
  bias?: WeightRef
  scale?: number
  add?: Value
}

/** The blend of an input: one tensor for each, or rows of one for all. */
export function mixWeight(b: LayerBuilder, input: MixInput): WeightRef {
  const { hidden } = b.config
  const { mix } = b.layout.tensors.time
  const namesOf = mix.map((names) => ({
    ...(names.kind === 'separate'
      ? { tensor: names.of[input] ?? '', from: 0, total: hidden }
      : {
          tensor: names.tensor,
          from: names.order.indexOf(input) * hidden,
          total: names.order.length * hidden,
        }),
  }))
  const found = namesOf.find(({ tensor }) => b.weights.has(b.named(tensor))) ?? namesOf[0]
  const tensor = b.named(found?.tensor ?? '')
  const from = found?.from ?? 0
  return b.weights.vector(tensor, hidden, {
    key: input,
    length: found?.total ?? hidden,
    change: (values) => shareOfPrevious(b.spec, values.subarray(from, from + hidden)),
  })
}

/**
 * Makes up for matrices that a converter has divided. It meant the residual stream to be halved along, so that it fits 16 bits; our
 * activations have 32.
 */
export function branchScale({ config, n }: LayerBuilder): number {
  return config.rescaleEvery > 0 ? 2 ** Math.floor(n / config.rescaleEvery) : 1
}

/** `shift-mix` takes the share of the previous token. */
export function shareOfPrevious(spec: RecurrentSpec, values: Float32Array): Float32Array {
  return spec.mixStores === 'previous' ? values : values.map((share) => 1 - share)
}
