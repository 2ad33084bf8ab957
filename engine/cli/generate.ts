// Continues a text exactly as given: for scripts, comparisons and measurements.
import { greedy, type SamplerOptions } from '../generate/sampler'
import type { GenerateEnd } from '../generate/session'
import type { LocalProvider } from '../provider/local'
import { EngineError } from '../protocol/errors'
import { userText } from '../tokenizer/tokenizer'
import type { CommandContext, Run } from './commands'
import { exitCodes } from './exit-codes'
import { modelOptionNames, withModel } from './open-model'
import { parseOptions, type Options } from './options'
import { readText } from './read-text'
import { printable } from './terminal'

type GenerateOptions = Options<
  'prompt' | 'promptFile' | 'maxTokens' | 'temperature' | 'seed' | 'speculation' | 'json'
>

export const generate: Run = async (context, _args, raw) => {
  const names = [
    'prompt',
    'promptFile',
    'maxTokens',
    'temperature',
    'seed',
    'speculation',
    'json',
    ...modelOptionNames,
  ] as const
  const options = parseOptions(names, raw)
  const prompt = await readPrompt(options)
  return withModel(context, options, async (provider) => {
    const { text, end } = await stream(context, provider, prompt, options)
    if (options.json) await context.terminal.out(`${JSON.stringify(report(provider, text, end))}\n`)
    else await context.terminal.out('\n')
    return end.finishReason === 'cancelled' ? exitCodes.interrupted.code : exitCodes.ok.code
  })
}

/** Refuses an empty prompt before the model is loaded. */
async function readPrompt({ prompt, promptFile }: GenerateOptions): Promise<string> {
  if (prompt !== undefined && promptFile !== undefined) {
    throw new EngineError('bad-request', 'Give --prompt or --prompt-file, not both.', {
      hint: 'Leave one out.',
    })
  }
  const text = promptFile === undefined ? prompt : await readText(promptFile)
  if (text === undefined) {
    throw new EngineError('bad-request', 'There is no prompt.', {
      hint: 'Give --prompt-file FILE or --prompt TEXT.',
    })
  }
  if (text === '') {
    throw new EngineError('bad-request', 'The prompt is empty.', {
      hint: 'Give the model at least one character to go on.',
    })
  }
  return text
}

async function stream(
  { terminal, signal }: CommandContext,
  provider: LocalProvider,
  prompt: string,
  { maxTokens, temperature, seed, speculation, json }: GenerateOptions,
): Promise<{ text: string; end: GenerateEnd }> {
  const sampler: SamplerOptions = { ...greedy, temperature, ...(seed === undefined ? {} : { seed }) }
  const pieces = provider.continueText(
    [userText(prompt)],
    { maxTokens, sampler, stop: [], speculation },
    signal,
  )
  let text = ''
  let next = await pieces.next()
  while (!next.done) {
    text += next.value
    if (!json) await terminal.out(printable(next.value))
    next = await pieces.next()
  }
  return { text, end: next.value }
}

function report(
  provider: LocalProvider,
  text: string,
  { finishReason, usage, tokens, drafts }: GenerateEnd,
): object {
  const { model, architecture, backend, device, loadMs } = provider.info
  return {
    text,
    tokens,
    finishReason,
    drafts,
    timings: {
      loadMs: Math.round(loadMs),
      prefillTokens: usage.promptTokens - usage.reusedTokens,
      prefillMs: round(usage.prefillMs),
      decodeTokens: usage.completionTokens,
      decodeMs: round(usage.decodeMs),
    },
    model,
    architecture,
    backend,
    device,
  }
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100
}
