// `hearth inspect MODEL`: what is in the file, and what it will take to run it.
import type { Checkpoint, MetadataValue } from '../format/checkpoint'
import { stringOf } from '../format/metadata'
import { estimateMemory } from '../model/memory'
import { EngineError } from '../protocol/errors'
import { describeBytes } from '../provider/disk-error'
import type { Run } from './commands'
import { exitCodes } from './exit-codes'
import { withCheckpoint } from './open-file'
import { parseOptions, type Options } from './options'
import { printable, type Terminal } from './terminal'

export const inspect: Run = async (context, args, raw) => {
  const options = parseOptions(['context', 'quantize', 'kv', 'json'], raw)
  return withCheckpoint(context, args[0] ?? '', async (checkpoint) => {
    const facts = factsOf(checkpoint, options)
    if (options.json) await context.terminal.out(`${JSON.stringify(facts)}\n`)
    else await print(context.terminal, facts)
    return exitCodes.ok.code
  })
}

interface Facts {
  path: string
  architecture: string
  /** Why this model cannot run, when it cannot. */
  unsupported?: string
  parameters: number
  metadata: Record<string, unknown>
  tensors: { name: string; type: string; shape: readonly number[]; bytes: number }[]
  /** Bytes; `state` for one conversation of `contextLength` tokens. */
  memory?: { weights: number; state: number; contextLength: number }
}

function factsOf(
  checkpoint: Checkpoint,
  { context, quantize, kv }: Options<'context' | 'quantize' | 'kv'>,
): Facts {
  const architecture = stringOf(checkpoint.metadata, 'general.architecture', 'unknown')
  const tensors = [...checkpoint.tensors.values()]
  const facts: Facts = {
    path: checkpoint.path,
    architecture,
    parameters: tensors.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0),
    metadata: Object.fromEntries([...checkpoint.metadata].map(([key, value]) => [key, shorten(value)])),
    tensors: tensors.map(({ name, type, shape, bytes }) => ({ name, type, shape, bytes })),
  }
  try {
    return { ...facts, memory: estimateMemory(checkpoint, context, quantize, kv) }
  } catch (error) {
    // A file of an unknown family is still worth looking at: that is what this command is for.
    if (!(error instanceof EngineError)) throw error
    return { ...facts, unsupported: error.message }
  }
}

const longestList = 16

// Vocabularies have a hundred thousand entries; their beginning and number tell enough.
function shorten(value: MetadataValue): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (typeof value !== 'object') return value
  const items = Array.from(value as ArrayLike<MetadataValue>)
  if (items.length <= longestList) return items.map(shorten)
  return { length: items.length, first: items.slice(0, 4).map(shorten) }
}

async function print({ out, note }: Terminal, facts: Facts): Promise<void> {
  await out(
    `${facts.path}\n${facts.architecture}, ${(facts.parameters / 1e6).toFixed(1)} million parameters\n`,
  )
  if (facts.unsupported) note(facts.unsupported)
  if (facts.memory) {
    const { weights, state, contextLength } = facts.memory
    await out(
      `memory: ${describeBytes(weights)} of weights + ${describeBytes(state)} for ${contextLength} tokens = ${describeBytes(weights + state)}\n`,
    )
  }
  await out('\nmetadata\n')
  for (const [key, value] of Object.entries(facts.metadata)) {
    await out(`  ${printable(key)} = ${printable(JSON.stringify(value)).slice(0, 160)}\n`)
  }
  await out('\ntensors\n')
  for (const { name, type, shape, bytes } of facts.tensors) {
    await out(
      `  ${printable(name).padEnd(32)} ${type.padEnd(5)} [${shape.join(', ')}]  ${(bytes / 1e6).toFixed(2)} MB\n`,
    )
  }
}
