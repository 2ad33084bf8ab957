// Chooses the kernels that multiply matrices: by the features of an adapter first, then by measuring those it can run.
import { EngineError } from '../../protocol/errors'
import type { KernelChoice, KernelChoices, KernelMemory, Situation } from '../kernel-choice'
import type { AdapterFacts } from './dawn'
import { kernels, noShape, type DeviceTraits, type Kernel, type Shape } from './kernels/table'

/** The kernel that the table chooses in a situation, and others that compute the same. */
export interface Contest {
  readonly own: Kernel
  readonly rivals: readonly Kernel[]
}

export interface KernelTiming {
  readonly kernel: string
  /** Of a few submits. */
  readonly ms: readonly number[]
}

/** Whether kernels that round activations take part. */
export interface Exactness {
  readonly allowsRounding: boolean
}

export type Contests = Readonly<Record<Situation, Contest>>

export type Measure = (contests: Contests) => Promise<KernelChoices>

/** Matrices that are typical of models, small enough to be measured in milliseconds, in a type that every kernel reads. */
export const typicalShapes: Readonly<Record<Situation, Shape>> = {
  decode: { ...noShape, maxTokens: 1, rows: 2048, cols: 2048, integers: true },
  prefill: { ...noShape, maxTokens: 256, rows: 1024, cols: 1024, integers: true },
}

/** What to measure a shape for. Steps of a few tokens have kernels of their own, by features alone. */
export function situationOf({ maxTokens }: Shape): Situation | undefined {
  if (maxTokens === 1) return 'decode'
  return maxTokens > 8 ? 'prefill' : undefined
}

export function contestOf(
  situation: Situation,
  traits: DeviceTraits,
  { allowsRounding }: Exactness,
): Contest {
  const shape = typicalShapes[situation]
  const able = kernels.filter((row) => row.op === 'matmul' && row.can(shape, traits))
  const own = able.find((row) => row.when(shape, traits))
  if (!own) throw new EngineError('internal', `no kernel for ${JSON.stringify(shape)}`)
  return { own, rivals: able.filter((row) => row !== own && (allowsRounding || !row.rounds)) }
}

/**
 * What was measured, or what the table says where nothing beats that clearly: medians closer than a tenth are noise, and so are
 * times of which the middle halves touch. Each kernel has as many times as the one that has fewest.
 */
export function fastest(own: string, timings: readonly KernelTiming[]): KernelChoice {
  const rounds = Math.min(...timings.map(({ ms }) => ms.length))
  if (timings.length < 2 || rounds < fewestRounds) return withoutTime(own)
  const found = timings
    .map(({ kernel, ms }) => ({ kernel, ...spreadOf(ms.slice(0, rounds)) }))
    .sort((a, b) => a.median - b.median)
  const ours = found.find(({ kernel }) => kernel === own)
  const [first, second] = found
  if (!ours || !first || !second) throw new EngineError('internal', `no times of "${own}"`)
  const wins = first !== ours && first.median < 0.9 * ours.median && first.high < ours.low
  const winner = wins ? first : ours
  const next = winner === first ? second : first
  const why = `${describeMs(winner.median)}, ${next.kernel} ${describeMs(next.median)}`
  return { kernel: winner.kernel, why, isMeasured: true }
}

/**
 * The kernels for an adapter. Without a memory by features alone, always the same; with one as remembered, and measured when
 * nothing usable is. Software adapters are not measured: they compile a kernel for longer than it could gain at first, and
 * those for their lanes were measured before.
 */
export async function chooseKernels(
  adapter: Pick<AdapterFacts, 'identity' | 'software'>,
  traits: DeviceTraits,
  exactness: Exactness,
  memory: KernelMemory | undefined,
  measure: Measure,
): Promise<KernelChoices> {
  const contests = {
    decode: contestOf('decode', traits, exactness),
    prefill: contestOf('prefill', traits, exactness),
  }
  if (!memory || adapter.software) return choicesByFeatures(contests)
  const remembered = await memory.recall(adapter.identity)
  if (
    remembered &&
    takesPart(remembered.decode, contests.decode) &&
    takesPart(remembered.prefill, contests.prefill)
  ) {
    return remembered
  }
  const measured = await measure(contests)
  await memory.remember(adapter.identity, measured)
  return measured
}

export function choicesByFeatures({ decode, prefill }: Contests): KernelChoices {
  return { decode: byFeatures(decode.own.name), prefill: byFeatures(prefill.own.name) }
}

export function byFeatures(kernel: string): KernelChoice {
  return { kernel, why: 'by the features of the adapter', isMeasured: false }
}

/** Where too little could be measured. */
export function withoutTime(kernel: string): KernelChoice {
  return { kernel, why: 'by the features of the adapter; too slow to measure', isMeasured: false }
}

/** Of a kernel; medians of fewer say little. */
const fewestRounds = 3

function takesPart({ kernel }: KernelChoice, { own, rivals }: Contest): boolean {
  return [own, ...rivals].some((row) => row.name === kernel)
}

/** The median, and where the middle half of the values begins and ends. */
function spreadOf(values: readonly number[]): { low: number; median: number; high: number } {
  const sorted = [...values].sort((a, b) => a - b)
  const quarter = Math.floor(sorted.length / 4)
  const at = (index: number): number => sorted[index] ?? Infinity
  return {
    low: at(quarter),
    median: at(Math.floor(sorted.length / 2)),
    high: at(sorted.length - 1 - quarter),
  }
}

function describeMs(ms: number): string {
  return ms < 0.1 ? `${(ms * 1000).toFixed(1)} µs` : `${ms.toFixed(2)} ms`
}
