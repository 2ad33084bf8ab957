// `hearth bench`: how fast this machine reads a prompt and writes an answer, as medians of repeated runs.
import { openBackend } from '../backend/open-backend'
import type { Checkpoint } from '../format/checkpoint'
import { likeliest } from '../generate/sampler'
import { loadModel, type Model } from '../model/model'
import { EngineError } from '../protocol/errors'
import type { CommandContext, Run } from './commands'
import { exitCodes } from './exit-codes'
import { withCheckpoint } from './open-file'
import { modelOptionNames } from './open-model'
import { chosenDevice, parseOptions, type Options } from './options'
import { tokensPerSecond } from './speed'
import { syntheticCheckpoint } from './synthetic'

type BenchOptions = Options<
  (typeof modelOptionNames)[number] | 'synthetic' | 'promptTokens' | 'gen' | 'repeat' | 'json'
>

export const bench: Run = async (context, _args, raw) => {
  const names = ['synthetic', 'promptTokens', 'gen', 'repeat', 'json', ...modelOptionNames] as const
  const options = parseOptions(names, raw)
  const needed = options.promptTokens + options.gen
  if (needed > options.context) {
    throw new EngineError('bad-request', `${needed} tokens do not fit the window of ${options.context}.`, {
      hint: 'Give a larger --context, or fewer tokens.',
    })
  }
  const measure = (checkpoint: Checkpoint): Promise<Measurement> => measureModel(context, checkpoint, options)
  const found =
    options.synthetic === undefined
      ? await withCheckpoint(context, options.model, measure)
      : await measure(syntheticCheckpoint(options.synthetic, options.context))
  await tell(context, found, options.json)
  return exitCodes.ok.code
}

interface Measurement {
  model: string
  architecture: string
  backend: string
  device: string
  repeat: number
  loadMs: number
  prefillTokens: number
  /** Medians of all runs. */
  prefillMs: number
  prefillTokensPerSecond: number
  decodeTokens: number
  decodeMs: number
  decodeTokensPerSecond: number
}

async function measureModel(
  { terminal, signal }: CommandContext,
  checkpoint: Checkpoint,
  options: BenchOptions,
): Promise<Measurement> {
  const start = performance.now()
  const { backend } = await openBackend(chosenDevice(options), terminal.log)
  try {
    const { log, progress } = terminal
    using model = await loadModel(
      { checkpoint, backend, contextLength: options.context, quantize: options.quantize, log, progress },
      signal,
    )
    const loadMs = performance.now() - start
    const runs: Sample[] = []
    // The first run compiles and warms caches, and does not count.
    for (let i = 0; i <= options.repeat; i++) {
      progress.report(i / (options.repeat + 1), `Measuring ${model.config.name}`)
      runs.push(await runOnce(model, options.promptTokens, options.gen, signal))
    }
    terminal.endProgress()
    const prefillMs = median(runs.slice(1).map((run) => run.prefillMs))
    const decodeMs = median(runs.slice(1).map((run) => run.decodeMs))
    return {
      model: options.synthetic === undefined ? options.model : checkpoint.path,
      architecture: model.config.architecture,
      backend: backend.kind,
      device: backend.device.name,
      repeat: options.repeat,
      loadMs: Math.round(loadMs),
      prefillTokens: options.promptTokens,
      prefillMs,
      prefillTokensPerSecond: Number(tokensPerSecond(options.promptTokens, prefillMs)),
      decodeTokens: options.gen,
      decodeMs,
      decodeTokensPerSecond: Number(tokensPerSecond(options.gen, decodeMs)),
    }
  } finally {
    backend.dispose()
  }
}

interface Sample {
  prefillMs: number
  decodeMs: number
}

async function runOnce(model: Model, prompt: number, gen: number, signal: AbortSignal): Promise<Sample> {
  using state = model.createState(prompt + gen)
  // Any tokens cost the same; these differ, so that no cache of one row helps.
  const tokens = Array.from({ length: prompt }, (_, i) => (i * 7919 + 1) % model.tokenizer.size)
  const start = performance.now()
  let logits = await model.forward(state, tokens, { outputs: 'last' }, signal)
  const prefilled = performance.now()
  for (let i = 0; i < gen; i++) {
    logits = await model.forward(
      state,
      [likeliest(logits.subarray(0, model.tokenizer.size))],
      { outputs: 'last' },
      signal,
    )
  }
  return { prefillMs: prefilled - start, decodeMs: performance.now() - prefilled }
}

async function tell({ terminal }: CommandContext, found: Measurement, json: boolean): Promise<void> {
  if (json) {
    await terminal.out(`${JSON.stringify(found)}\n`)
    return
  }
  await terminal.out(
    `${found.model} on ${found.backend}: ${found.device}, median of ${found.repeat}\n` +
      `read  ${String(found.prefillTokens).padStart(6)} tokens in ${found.prefillMs} ms: ${found.prefillTokensPerSecond} tokens/s\n` +
      `wrote ${String(found.decodeTokens).padStart(6)} tokens in ${found.decodeMs} ms: ${found.decodeTokensPerSecond} tokens/s\n`,
  )
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const value =
    sorted.length % 2 === 1 ? sorted[middle] : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2
  return Math.round((value ?? 0) * 100) / 100
}
