// `hearth bench`: how fast this machine reads a prompt and writes an answer, alone or in turns with llama.cpp.
import type { Checkpoint } from '../format/checkpoint'
import { openCheckpoint } from '../format/open-checkpoint'
import { EngineError } from '../protocol/errors'
import { ensureModel } from '../provider/hub'
import { openEngine, type EngineSubject } from './bench-engine'
import { openLlamaCpp } from './bench-llama-cpp'
import { benchLookup } from './bench-lookup'
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
  'profile',
  'vs',
  'json',
  ...modelOptionNames,
] as const

type BenchOptions = Options<(typeof optionNames)[number]>

export const bench: Run = async (context, _args, raw) => {
  const options = parseOptions(optionNames, raw)
  if (options.promptFile !== undefined && !options.profile) {
    await benchLookup(context, options)
    return exitCodes.ok.code
  }
  checkTogether(options)
  const needed = Math.max(...options.promptTokens) + options.gen + 1
  if (needed > options.context) {
    throw new EngineError('bad-request', `${needed} tokens do not fit the window of ${options.context}.`, {
      hint: 'Give a larger --context, or fewer tokens.',
    })
  }
  // A multiple of what llama.cpp rounds to, so that both keep room for as many tokens.
  const capacity = Math.ceil(needed / 256) * 256
  const work = options.profile ? profile : compare
  await withModelFile(context, options, capacity, (source) => work(context, source, options, capacity))
  return exitCodes.ok.code
}

function checkTogether({ profile, vs, promptFile }: BenchOptions): void {
  const other = vs === undefined ? promptFile && '--prompt-file' : '--vs'
  if (!profile || other === undefined) return
  throw new EngineError('bad-request', `--profile and ${other} do not go together.`, {
    hint: 'Measure one after the other.',
  })
}

async function compare(
  context: CommandContext,
  source: ModelSource,
  options: BenchOptions,
  capacity: number,
): Promise<void> {
  const found = await measure(context, source, options, capacity)
  context.terminal.endProgress()
  await tell(context, found, options)
}

async function profile(
  { terminal, signal }: CommandContext,
  { name, open }: ModelSource,
  options: BenchOptions,
  capacity: number,
): Promise<void> {
  const { log, progress } = terminal
  const { quantize, kv: kvCache, promptTokens: prompts, gen, repeat: rounds = 3, json } = options
  const found = await profileEngine(
    open,
    { device: chosenDevice(options), capacity, quantize, kvCache, log, progress, prompts, gen, rounds },
    (fraction) => progress.report(fraction, `Measuring ${name}`),
    signal,
  )
  terminal.endProgress()
  await terminal.out(
    json ? `${JSON.stringify({ model: name, ...found })}\n` : `${name} ${describeProfile(found)}`,
  )
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
  { terminal, signal }: CommandContext,
  source: ModelSource,
  options: BenchOptions,
  capacity: number,
): Promise<Found> {
  const { log, progress } = terminal
  const { quantize, kv, gen, vs } = options
  const rounds = options.repeat ?? (vs === undefined ? 3 : 5)
  const engine = await openEngine(
    source.open,
    { device: chosenDevice(options), capacity, quantize, kvCache: kv, log, progress },
    signal,
  )
  const subjects: Subject[] = [engine]
  try {
    if (vs !== undefined) subjects.push(await openPeer(source, engine, capacity, signal))
    const found = await measureRounds(
      subjects,
      { prompts: options.promptTokens, gen, rounds, vocabulary: engine.vocabulary },
      (fraction) => progress.report(fraction, `Measuring ${source.name}`),
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
