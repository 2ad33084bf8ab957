// Chooses between kernels of one token's attention by how many rows it sees, and joins the parts that some of them leave.
import { EngineError } from '../../protocol/errors'
import { kernels, noShape, type Kernel } from './kernels/table'
import type { Launch, Operand } from './lowering'
import type { ChosenLaunch } from './round-activations'

/** From so many rows on an attention sees many: fewer are read before a second launch would have begun. */
export const manyRows = 1024

/**
 * The kernel of a launch; of an attention in steps of one token that for few rows and that for many, where they differ. After one
 * that leaves parts comes the launch that joins them.
 */
export function withParts(launch: Launch, choose: (launch: Launch) => Kernel): ChosenLaunch[] {
  const kernel = choose(launch)
  if (launch.op !== 'attention' || launch.shape.maxTokens !== 1) return [{ launch, kernel }]
  const window = launch.params[windowWord] ?? 0
  const many = { ...launch, shape: { ...launch.shape, manyRows: true }, span: { many: true, window } }
  const kernelForMany = choose(many)
  if (kernelForMany === kernel) return [{ launch, kernel }]
  const few = { launch: { ...launch, span: { many: false, window } }, kernel }
  if (kernelForMany.parts === 0) return [few, { launch: many, kernel: kernelForMany }]
  const y = launch.operands.at(-1)
  if (y?.kind !== 'slot') throw new EngineError('internal', `${kernelForMany.name} has no result`)
  const split = { ...many, operands: launch.operands.with(-1, parts) }
  return [
    few,
    { launch: split, kernel: kernelForMany },
    { launch: joining(many, y), kernel: joiner(kernelForMany) },
  ]
}

/** Bytes of the parts that the largest of these launches leaves. */
export function partBytes(chosen: readonly ChosenLaunch[]): number {
  const sizes = chosen.map(
    ({ launch: { shape }, kernel }) => shape.rows * kernel.parts * (shape.valueDim / 4 + 1) * 16,
  )
  return Math.max(0, ...sizes)
}

const parts: Operand = { kind: 'parts' }

/** Of the Params of attention. */
const windowWord = 4

function joining(attention: Launch, y: Operand): Launch {
  const { rows, valueDim } = attention.shape
  return {
    ...attention,
    op: 'join-parts',
    shape: { ...noShape, maxTokens: 1, rows, valueDim },
    params: attention.params.slice(0, windowWord + 1),
    operands: [parts, y],
  }
}

function joiner({ parts: count }: Kernel): Kernel {
  const found = kernels.find((row) => row.op === 'join-parts' && row.constants['parts'] === count)
  if (!found) throw new EngineError('internal', `no kernel joins ${count} parts`)
  return found
}
