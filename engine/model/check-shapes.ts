// Compares every tensor's shape with what the graph will do with it, so that a wrong file is an error and not a wrong answer.
import type { TensorInfo } from '../format/checkpoint'
import type { Operation } from '../graph/graph'
import { EngineError } from '../protocol/errors'

/** `tensor` gives what the checkpoint says of a weight, or undefined for one that the model makes itself. Throws `bad-file`. */
export function checkShapes(
  operations: readonly Operation[],
  tensor: (name: string) => TensorInfo | undefined,
): void {
  const expect = (name: string | undefined, shape: readonly (number | undefined)[]): void => {
    const info = name === undefined ? undefined : tensor(name)
    if (!info) return
    const found = info.shape.filter((extent, i) => extent !== 1 || i === info.shape.length - 1)
    const fits = found.length === shape.length && shape.every((n, i) => n === undefined || n === found[i])
    if (!fits) throw wrongShape(info, shape)
  }
  for (const operation of operations) {
    if (operation.op === 'embed') expect(operation.table.weight, [undefined, operation.out.cols])
    if (operation.op === 'rms-norm') expect(operation.weight.weight, [operation.group])
    if (operation.op === 'layer-norm') {
      expect(operation.weight.weight, [operation.x.cols])
      expect(operation.bias?.weight, [operation.x.cols])
    }
    if (operation.op === 'attention') expect(operation.slopes?.weight, [operation.heads])
    if (operation.op !== 'matmul') continue
    expect(operation.weight.weight, [operation.out.cols, operation.x.cols])
    expect(operation.bias?.weight, [operation.out.cols])
  }
}

function wrongShape(info: TensorInfo, expected: readonly (number | undefined)[]): EngineError {
  const wanted = expected.map((extent) => extent ?? 'any').join(' x ')
  return new EngineError(
    'bad-file',
    `The tensor "${info.name}" is ${info.shape.join(' x ')}, but the file's numbers ask for ${wanted}.`,
    { hint: 'The file is damaged or was converted by a faulty tool. Download it again.' },
  )
}
