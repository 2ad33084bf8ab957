// Runs a case of the table on a backend, and says how far two results are apart.
import type { Backend, Tensor } from '../../engine/backend/backend'
import { makePlan } from '../../engine/graph/plan'
import type { OpCase } from './op-case'
import { randomWeight, roundedTo8Bits } from './random-blocks'

/** The result after every step of the case. */
export async function runCase(backend: Backend, row: OpCase): Promise<Float32Array[]> {
  const weights = new Map<string, Tensor>()
  let seed = 1
  for (const [label, spec] of Object.entries(row.weights)) {
    const random = randomWeight(spec.type, spec.rows, spec.cols, seed++)
    const bytes = spec.isRounded ? roundedTo8Bits(random) : random
    const read = (offset: number, length: number): Promise<Uint8Array> =>
      Promise.resolve(bytes.subarray(offset, offset + length))
    weights.set(label, await backend.createWeight({ label, ...spec }, read))
  }
  const states = new Map(
    Object.entries(row.states).map(([label, { rows, cols, type }]) => [
      label,
      backend.createState(label, rows, cols, type),
    ]),
  )
  const plan = makePlan(row.graph, { maxTokens: row.maxTokens, outputs: row.outputs })
  const executable = await backend.compile(plan, weights)
  const results: Float32Array[] = []
  for (const step of row.steps) {
    backend.run(executable, states, step)
    results.push(await backend.read(executable))
  }
  executable.dispose()
  for (const tensor of [...weights.values(), ...states.values()]) backend.destroy(tensor)
  return results
}

/**
 * What is wrong with `got`, or undefined. Errors are relative to the mean square over all steps, because one result may be
 * a sum that cancels to nearly nothing. One wrong value in a long vector counts as much as many.
 */
export function difference(
  expected: readonly Float32Array[],
  got: readonly Float32Array[],
  tolerance: number,
): string | undefined {
  let error = 0
  let power = 0
  let count = 0
  let worst = 0
  let where = ''
  for (const [step, values] of expected.entries()) {
    const other = got[step] ?? new Float32Array()
    if (other.length !== values.length) return `step ${step}: ${other.length} values, not ${values.length}`
    for (const [i, value] of values.entries()) {
      const delta = Math.abs(value - (other[i] ?? NaN))
      const place = `step ${step}, value ${i}: ${String(other[i])} instead of ${value}`
      if (!Number.isFinite(delta)) return place
      error += delta * delta
      power += value * value
      count++
      if (delta > worst) [worst, where] = [delta, place]
    }
  }
  const mean = error / power
  const relative = worst / Math.sqrt(power / count)
  if (mean <= tolerance && relative <= 30 * Math.sqrt(tolerance)) return undefined
  return `mean square error ${mean.toExponential(1)}, worst ${relative.toExponential(1)} at ${where}`
}
