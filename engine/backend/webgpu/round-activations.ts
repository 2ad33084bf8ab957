// Puts a launch that rounds activations to 8 bits before the kernels that multiply integers.
import { EngineError } from '../../protocol/errors'
import { kernels, noShape, type Kernel } from './kernels/table'
import type { Launch, Operand } from './lowering'

export interface ChosenLaunch {
  readonly launch: Launch
  readonly kernel: Kernel
}

/** Where a matrix product reads its activations: after quants and scales. */
const activations = 2

/** Bytes of a chunk of 32 activations: as many integers, a scale and a scaled sum, padded to whole vec4u. */
export const quantizedChunkBytes = 48

/** The launches with one of `quantize` before each run of those that round the same activations. */
export function withRounding(chosen: readonly ChosenLaunch[]): ChosenLaunch[] {
  const out: ChosenLaunch[] = []
  let rounded: number | undefined
  for (const { launch, kernel } of chosen) {
    if (!kernel.rounds) {
      // It may write the slot that was rounded.
      rounded = undefined
      out.push({ launch, kernel })
      continue
    }
    const x = launch.operands[activations]
    if (x?.kind !== 'slot') throw new EngineError('internal', `${kernel.name} has no activations to round`)
    if (x.slot !== rounded) out.push({ launch: quantizing(launch, x), kernel: quantize })
    // The next band of a matrix reads the same ones; a result never lies where they are still read.
    rounded = x.slot
    out.push({ launch: { ...launch, operands: launch.operands.with(activations, quantized) }, kernel })
  }
  return out
}

/** Bytes that the largest of these launches rounds. */
export function quantizedBytes(launches: readonly Launch[], maxTokens: number): number {
  const sizes = launches.filter(({ op }) => op === 'quantize').map(({ shape }) => shape.cols / 32)
  return Math.max(0, ...sizes) * quantizedChunkBytes * maxTokens
}

const quantized: Operand = { kind: 'quantized' }

const quantize = kernelNamed('quantize')

function quantizing(product: Launch, x: Operand): Launch {
  const { cols, maxTokens } = product.shape
  return {
    op: 'quantize',
    type: 'f32',
    shape: { ...noShape, maxTokens, cols },
    params: new Uint32Array([cols, cols / 32]),
    operands: [x, quantized],
    perSequence: false,
    single: product.single,
  }
}

function kernelNamed(name: string): Kernel {
  const found = kernels.find((row) => row.name === name)
  if (!found) throw new EngineError('internal', `no kernel "${name}"`)
  return found
}
