// From what a checkpoint says to a graph with its weights and its state, whatever the kind of its family.
import { findArchitecture } from '../arch/registry'
import type { RecurrentSpec } from '../arch/rwkv-spec'
import { layoutOf, type TransformerSpec, type TransformerTensors } from '../arch/spec'
import type { Backend } from '../backend/backend'
import { quote } from '../base/quote'
import type { Checkpoint } from '../format/checkpoint'
import { stringOf } from '../format/metadata'
import type { Graph, StateType } from '../graph/graph'
import { EngineError } from '../protocol/errors'
import { checkParts, checkShapes } from './check-shapes'
import { readConfig } from './config'
import { fittingCacheType } from './kv-cache-type'
import { buildRecurrent } from './recurrent'
import { readRecurrentConfig } from './recurrent-config'
import { RecurrentState } from './recurrent-state'
import type { StoredDivisors } from './rope-scaling'
import { PrefixCache } from './prefix-cache'
import { KvCache, type ModelState } from './state'
import { buildTransformer } from './transformer'
import { readVector, shapeOf, type WeightSource } from './weights'

/** What is known of every model. */
export interface ModelFacts {
  readonly architecture: string
  readonly name: string
  /** Rows of the token embedding, padding included. */
  readonly vocabulary: number
}

export interface BuiltModel {
  readonly facts: ModelFacts
  /** Longest sequence a state may hold. */
  readonly contextLength: number
  readonly graph: Graph
  /** Where every weight of the graph comes from, by the graph's name for it. */
  readonly weights: ReadonlyMap<string, WeightSource>
  /** Memory for one sequence of at most `capacity` tokens. Throws `out-of-memory`. */
  createState(backend: Backend, capacity: number): ModelState
}

/**
 * No sequence gets longer than `wanted`, where it is given. Keys and values are kept in `cacheType`, where their heads allow it.
 * Throws `bad-file` or `unsupported-arch`.
 */
export async function buildModel(
  checkpoint: Checkpoint,
  wanted: number | undefined,
  cacheType: StateType = 'f32',
): Promise<BuiltModel> {
  const spec = findArchitecture(stringOf(checkpoint.metadata, 'general.architecture'))
  const used = new Set<string>()
  const has = (name: string): boolean => {
    const present = checkpoint.tensors.has(name)
    if (present) used.add(name)
    return present
  }
  const built =
    spec.family === 'transformer'
      ? await fromTransformer(spec, checkpoint, wanted, cacheType, has)
      : fromRecurrent(spec, checkpoint, wanted, has)
  const { ignored } = layoutOf<{ tensors: { ignored: readonly string[] } }>(spec, checkpoint.layout).tensors
  refuseUnreadTensors(checkpoint, used, ignored)
  checkShapes(built.graph.operations, (name) => {
    const source = built.weights.get(name)
    return source && shapeOf(source, checkpoint)
  })
  checkParts(built.weights.values(), (tensor) => rowsOf(checkpoint.tensors.get(tensor)?.shape ?? []))
  return built
}

function rowsOf(shape: readonly number[]): number {
  return shape.length === 1 ? (shape[0] ?? 0) : shape.slice(0, -1).reduce((rows, extent) => rows * extent, 1)
}

async function fromTransformer(
  spec: TransformerSpec,
  checkpoint: Checkpoint,
  wanted: number | undefined,
  cacheType: StateType,
  has: (tensor: string) => boolean,
): Promise<BuiltModel> {
  const layout = layoutOf(spec, checkpoint.layout)
  const config = readConfig(spec, checkpoint)
  const contextLength = Math.min(wanted ?? config.trainedContext, config.trainedContext)
  const divisors = await readDivisors(checkpoint, layout.tensors, has)
  const { graph, caches, weights } = buildTransformer({
    spec,
    layout,
    config,
    context: contextLength,
    cacheType: fittingCacheType(cacheType, config.headDim, config.valueDim),
    divisors,
    has,
  })
  return {
    facts: config,
    contextLength,
    graph,
    weights,
    createState: (backend, capacity) => {
      const cache = new KvCache(backend, caches, capacity)
      return config.answerStart === undefined ? cache : new PrefixCache(cache, config.answerStart)
    },
  }
}

// There are no positions, so nothing ends where training did.
function fromRecurrent(
  spec: RecurrentSpec,
  checkpoint: Checkpoint,
  wanted = Infinity,
  has: (tensor: string) => boolean,
): BuiltModel {
  const layout = layoutOf(spec, checkpoint.layout)
  const config = readRecurrentConfig(spec, layout, checkpoint)
  const { graph, states, weights } = buildRecurrent(spec, layout, config, (name) =>
    has(name) ? checkpoint.tensors.get(name) : undefined,
  )
  return {
    facts: config,
    contextLength: wanted,
    graph,
    weights,
    createState: (backend, capacity) => new RecurrentState(backend, states, capacity),
  }
}

// A tensor nobody reads is a part of the model left out: the answers would be fluent nonsense, so it is an error.
function refuseUnreadTensors(
  checkpoint: Checkpoint,
  used: ReadonlySet<string>,
  ignored: readonly string[],
): void {
  const skip = new RegExp(`^(${ignored.map((name) => name.replace('{n}', '\\d+')).join('|')})(\\.weight)?$`)
  const unread = [...checkpoint.tensors.keys()].find((name) => !used.has(name) && !skip.test(name))
  if (unread === undefined) return
  throw new EngineError(
    'unsupported-arch',
    `The model has a tensor ${quote(unread)} that this version does not understand.`,
    {
      hint: 'It is a variant of its family. Choose another model, or update Hearth.',
    },
  )
}

async function readDivisors(
  checkpoint: Checkpoint,
  names: TransformerTensors,
  has: (tensor: string) => boolean,
): Promise<StoredDivisors> {
  const read = async (name: string | undefined): Promise<Float32Array | undefined> => {
    const tensor = `${name}.weight`
    return name !== undefined && has(tensor) ? readVector(checkpoint, tensor) : undefined
  }
  const [always, long, short] = [
    await read(names.ropeFactors),
    await read(names.ropeFactorsLong),
    await read(names.ropeFactorsShort),
  ]
  return { ...(always && { always }), ...(long && { long }), ...(short && { short }) }
}
