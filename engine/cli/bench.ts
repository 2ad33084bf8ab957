// `hearth bench`: how fast this machine reads a prompt and writes an answer, alone or in turns with llama.cpp.
import type { Checkpoint } from '../format/checkpoint'
import { openCheckpoint } from '../format/open-checkpoint'
import { EngineError } from '../protocol/errors'
import { ensureModel } from '../provider/hub'
import { openEngine, type EngineOptions, type EngineSubject } from './bench-engine'
import { openLlamaCpp } from './bench-llama-cpp'
import { benchLookup } from './bench-lookup'
import { describePositions, measurePositions } from './bench-positions'
import { describeProfile, profileEngine } from './bench-profile'
import { describeMeasured, describeRatios } from './bench-report'
import { measureRounds, ratiosOf, type Measured, type Ratios } from './bench-rounds'
import type { Subject } from './bench-subject'
import type { CommandContext, Run } from './commands'
import { exitCodes } from './exit-codes'
import { modelOptionNames } from './open-model'
import { chosenDevice, parseOptions, type Options } from './options'
import { syntheticCheckpoint } from './synthetic'
import { withGgufFile } from './synthetic-file'

const optionNames = [
  'synthetic',
  'promptTokens',
  'promptFile',
  'answerFile',
  'gen',
  'repeat',
  'at',
  'profile',
  'vs',
  'json',
  ...modelOptionNames,
] as const

type BenchOptions = Options<(typeof optionNames)[number]>

/** What else `bench` can measure than how fast it reads and writes; each by itself. */
const kinds = [
  ['promptFile', '--prompt-file'],
  ['at', '--at'],
  ['profile', '--profile'],
  ['vs', '--vs'],
] as const satisfies readonly (readonly [keyof BenchOptions, string])[]

export const bench: Run = async (context, _args, raw) => {
  const options = parseOptions(optionNames, raw)
  const given = kinds.filter(([name]) => options[name] !== undefined && options[name] !== false)
  const [kind, another] = given.map(([, flag]) => flag)
  if (another !== undefined) {
    throw new EngineError('bad-request', `${kind ?? ''} and ${another} do not go together.`, {
      hint: 'Measure one after the other.',
    })
  }
  if (kind === '--prompt-file') await benchLookup(context, options)
  else if (kind === '--at') await positions(context, options)
  else if (kind === '--profile') await profile(context, options)
  else await speeds(context, options)
  return exitCodes.ok.code
}

async function speeds(context: CommandContext, options: BenchOptions): Promise<void> {
  const capacity = capacityOf(options, Math.max(...options.promptTokens) + options.gen + 1)
  const found = await withModelFile(context, options, capacity, (source) =>
    measure(context, source, options, capacity),
  )
  context.terminal.endProgress()
  await tell(context, found, options)
}

async function profile(context: CommandContext, options: BenchOptions): Promise<void> {
  const { promptTokens: prompts, gen, repeat: rounds = 3 } = options
  const capacity = capacityOf(options, Math.max(...prompts) + gen + 1)
  await withModelFile(context, options, capacity, async ({ name, open }) => {
    const settings = { ...engineOptions(context, options, capacity), prompts, gen, rounds }
    const found = await profileEngine(open, settings, reportAbout(name, context), context.signal)
    await tellFound(context, options, name, found, describeProfile)
  })
}

async function positions(context: CommandContext, options: BenchOptions): Promise<void> {
  const { at = [], gen, repeat: rounds = 5 } = options
  const capacity = capacityOf(options, Math.max(...at) + gen + 1)
  await withModelFile(context, options, capacity, async ({ name, open }) => {
    const settings = { ...engineOptions(context, options, capacity), positions: at, gen, rounds }
    const found = await measurePositions(open, settings, reportAbout(name, context), context.signal)
    await tellFound(context, options, name, found, describePositions)
  })
}

/** Tokens of the state to make, a multiple of what llama.cpp rounds to, so that both keep room for as many. Throws `bad-request`. */
function capacityOf({ context }: BenchOptions, needed: number): number {
  if (needed > context) {
    throw new EngineError('bad-request', `${needed} tokens do not fit the window of ${context}.`, {
      hint: 'Give a larger --context, or fewer tokens.',
    })
  }
  return Math.ceil(needed / 256) * 256
}

function engineOptions({ terminal }: CommandContext, options: BenchOptions, capacity: number): EngineOptions {
  const { log, progress } = terminal
  const { quantize, kv: kvCache } = options
  return { device: chosenDevice(options), capacity, quantize, kvCache, log, progress }
}

function reportAbout(name: string, { terminal }: CommandContext): (fraction: number) => void {
  return (fraction) => terminal.progress.report(fraction, `Measuring ${name}`)
}

async function tellFound<T>(
  { terminal }: CommandContext,
  { json }: BenchOptions,
  model: string,
  found: T,
  describe: (found: T) => string,
): Promise<void> {
  terminal.endProgress()
  await terminal.out(json ? `${JSON.stringify({ model, ...found })}\n` : `${model} ${describe(found)}`)
}

/** The model to measure: opened by us, and as a file for another program. */
interface ModelSource {
  readonly name: string
  readonly file: string
  readonly open: () => Promise<Checkpoint>
}

async function withModelFile<T>(
  { terminal, signal }: CommandContext,
  { synthetic, model, vs }: BenchOptions,
  capacity: number,
  work: (source: ModelSource) => Promise<T>,
): Promise<T> {
  if (synthetic === undefined) {
    const file = await ensureModel(model, terminal, signal)
    terminal.endProgress()
    return work({ name: model, file, open: () => openCheckpoint(file, signal) })
  }
  const checkpoint = syntheticCheckpoint(synthetic, capacity)
  const name = checkpoint.path
  if (vs === undefined) return work({ name, file: '', open: () => Promise.resolve(checkpoint) })
  return withGgufFile(checkpoint, signal, (file) =>
    work({ name, file, open: () => openCheckpoint(file, signal) }),
  )
}

interface Found {
  readonly model: string
  readonly architecture: string
  readonly repeat: number
  readonly gen: number
  readonly ours: Measured
  readonly peer?: Measured
  readonly ratio?: Ratios
}

async function measure(
  context: CommandContext,
  source: ModelSource,
  options: BenchOptions,
  capacity: number,
): Promise<Found> {
  const { signal } = context
  const { gen, vs } = options
  const rounds = options.repeat ?? (vs === undefined ? 3 : 5)
  const engine = await openEngine(source.open, engineOptions(context, options, capacity), signal)
  const subjects: Subject[] = [engine]
  try {
    if (vs !== undefined) subjects.push(await openPeer(source, engine, capacity, signal))
    const found = await measureRounds(
      subjects,
      { prompts: options.promptTokens, gen, rounds, vocabulary: engine.vocabulary },
      reportAbout(source.name, context),
      signal,
    )
    const [ours, peer] = found.measured
    if (!ours) throw new EngineError('internal', 'nothing was measured')
    return {
      model: source.name,
      architecture: engine.architecture,
      repeat: rounds,
      gen,
      ours,
      ...(peer && { peer, ratio: ratiosOf(found, options.promptTokens) }),
    }
  } finally {
    for (const subject of subjects) await subject.close()
  }
}

function openPeer(
  { file }: ModelSource,
  engine: EngineSubject,
  capacity: number,
  signal: AbortSignal,
): Promise<Subject> {
  return openLlamaCpp({ file, backend: engine.kind, capacity, vocabulary: engine.vocabulary }, signal)
}

async function tell({ terminal }: CommandContext, found: Found, { json }: BenchOptions): Promise<void> {
  const { model, architecture, repeat, gen, ours, peer, ratio } = found
  if (json) {
    await terminal.out(`${JSON.stringify(peer ? found : { model, architecture, repeat, gen, ...ours })}\n`)
    return
  }
  await terminal.out(
    `${model}, median of ${repeat} [least to most]\n${describeMeasured(ours)}` +
      (peer && ratio ? describeMeasured(peer) + describeRatios(ratio) : ''),
  )
}
