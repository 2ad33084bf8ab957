// The fusions that a backend asks for, applied to a model: operations of the graph, and the weights that are stacked for them.
import type { Checkpoint } from '../format/checkpoint'
import { fuse, type Fusion } from '../graph/fuse'
import { weightsOf } from '../graph/graph'
import { EngineError } from '../protocol/errors'
import type { BuiltModel } from './build-model'
import { stackLayout, type StoredSource, type WeightSource } from './weights'

/** The same model for a backend that wants `fusions`. */
export function fuseModel(
  built: BuiltModel,
  checkpoint: Checkpoint,
  fusions: ReadonlySet<Fusion>,
): BuiltModel {
  const { graph, stacks } = fuse(built.graph, fusions, (weight) =>
    stackLayout(built.weights.get(weight), checkpoint),
  )
  const part = (name: string): StoredSource => {
    const source = built.weights.get(name)
    if (source?.kind === 'stored') return source
    throw new EngineError('internal', `"${name}" cannot be stacked`)
  }
  // In the order of use, which is about the order in the file.
  const weights = new Map<string, WeightSource>()
  for (const { weight } of graph.operations.flatMap(weightsOf)) {
    const stack = stacks.get(weight)
    const source: WeightSource | undefined = stack
      ? { kind: 'stacked', parts: stack.parts.map(part), inTurn: stack.inTurn }
      : built.weights.get(weight)
    if (!source) throw new EngineError('internal', `"${weight}" is used but comes from nowhere`)
    weights.set(weight, source)
  }
  return { ...built, graph, weights }
}
