// Compares every tensor's shape with what the graph will do with it, so that a wrong file is an error and not a wrong answer.
import { quote } from '../base/quote'
import type { Operation, WeightRef } from '../graph/graph'
import { EngineError } from '../protocol/errors'
import { countRows, type WeightSource } from './weights'

/**
 * `shapeOf` gives the shape that the file has for a weight, without dimensions of one, or undefined for one that the model computes
 * itself. Throws `bad-file`.
 */
export function checkShapes(
  operations: readonly Operation[],
  shapeOf: (weight: string) => readonly number[] | undefined,
): void {
  for (const operation of operations) {
    for (const [ref, expected] of expectations(operation)) {
      const found = ref && shapeOf(ref.weight)
      if (!ref || !found) continue
      const fits =
        found.length === expected.length && expected.every((n, i) => n === undefined || n === found[i])
      if (!fits) throw wrongShape(ref.weight, found, expected)
    }
  }
}

/**
 * The parts of a tensor that holds several matrices must be all of it: rows beyond the last part are a part left out. Throws `bad-file`.
 * `rowsOf` gives the rows of a tensor, or the values of a vector.
 */
export function checkParts(sources: Iterable<WeightSource>, rowsOf: (tensor: string) => number): void {
  const read = new Map<string, number>()
  for (const source of sources) {
    if (source.kind !== 'stored' || !source.rows) continue
    read.set(source.tensor, (read.get(source.tensor) ?? 0) + countRows(source.rows))
  }
  for (const [tensor, rows] of read) {
    if (rowsOf(tensor) === rows) continue
    throw new EngineError(
      'bad-file',
      `The tensor "${tensor}" has ${rowsOf(tensor)} rows, but the file's numbers ask for ${rows}.`,
      { hint: 'The file is damaged or was converted by a faulty tool. Download it again.' },
    )
  }
}

type Expectation = readonly [WeightRef | undefined, readonly (number | undefined)[]]

function expectations(operation: Operation): readonly Expectation[] {
  switch (operation.op) {
    case 'embed':
      return [[operation.table, [undefined, operation.out.cols]]]
    case 'rms-norm':
      return [[operation.weight, [operation.group]]]
    case 'matmul':
      return [
        [operation.weight, [operation.out.cols, operation.x.cols]],
        [operation.bias, [operation.out.cols]],
      ]
    case 'layer-norm':
    case 'scale-columns':
      return [
        [operation.weight, [operation.x.cols]],
        [operation.bias, [operation.x.cols]],
      ]
    case 'shift-mix':
      return [[operation.weight, [operation.x.cols]]]
    case 'wkv-4':
      return [
        [operation.decay, [operation.out.cols]],
        [operation.first, [operation.out.cols]],
      ]
    default:
      return []
  }
}

/** EngineError `bad-file` for a tensor whose shape is not what the graph needs; undefined fits any extent. */
export function wrongShape(
  name: string,
  found: readonly number[],
  expected: readonly (number | undefined)[],
): EngineError {
  const wanted = expected.map((extent) => extent ?? 'any').join(' x ')
  return new EngineError(
    'bad-file',
    `The tensor ${quote(name)} is ${found.join(' x ')}, but the file's numbers ask for ${wanted}.`,
    { hint: 'The file is damaged or was converted by a faulty tool. Download it again.' },
  )
}
