// `hearth bench --prompt-file`: what trying guessed tokens brings on a text of one's own, measured in turns with and without.
import { greedy, type Sampler } from '../generate/sampler'
import type { GenerateEnd } from '../generate/session'
import type { SpeculationMode } from '../generate/speculation'
import type { LocalProvider } from '../provider/local'
import { EngineError } from '../protocol/errors'
import { userText } from '../tokenizer/tokenizer'
import type { CommandContext } from './commands'
import { withModel, type ModelOptions } from './open-model'
import type { Options } from './options'
import { readText } from './read-text'

type LookupOptions = ModelOptions & Options<'promptFile' | 'answerFile' | 'gen' | 'repeat' | 'json'>

/** Without guesses, and with them where they pay. */
const modes = ['off', 'auto'] as const satisfies readonly SpeculationMode[]
type Mode = (typeof modes)[number]

interface Spread {
  median: number
  min: number
  max: number
}

interface Comparison {
  model: string
  device: string
  promptTokens: number
  decodeTokens: number
  repeat: number
  tokensPerSecond: Record<Mode, Spread>
  /** Of each pair of runs, the speed with guesses over the speed without. */
  ratio: Spread
  sameText: boolean
  drafts: GenerateEnd['drafts']
}

/** Throws `bad-request` for a prompt that does not fit, or that the model answers with nothing. */
export async function benchLookup(context: CommandContext, options: LookupOptions): Promise<void> {
  const prompt = await readText(options.promptFile ?? '')
  const answer = options.answerFile === undefined ? undefined : await readText(options.answerFile)
  await withModel(context, options, async (provider) => {
    const found = await compare(context, provider, { prompt, answer }, options)
    context.terminal.endProgress()
    await context.terminal.out(options.json ? `${JSON.stringify(found)}\n` : describe(found))
  })
}

async function compare(
  { terminal, signal }: CommandContext,
  provider: LocalProvider,
  texts: Texts,
  { gen, repeat = 3 }: LookupOptions,
): Promise<Comparison> {
  const runs: Record<Mode, Run[]> = { off: [], auto: [] }
  // The first round reads the prompt, compiles and learns what steps cost, and does not count.
  for (let i = 0; i <= repeat; i++) {
    for (const mode of modes) {
      terminal.progress.report(i / (repeat + 1), `Measuring ${provider.info.model}`)
      runs[mode].push(await runOnce(provider, texts, gen, mode, signal))
    }
  }
  const speeds = (mode: Mode): number[] => runs[mode].slice(1).map(({ end }) => speedOf(end))
  const [last] = runs.auto.slice(-1)
  if (!last) throw new EngineError('internal', 'nothing was measured')
  return {
    model: provider.info.model,
    device: provider.info.device,
    promptTokens: last.end.usage.promptTokens,
    decodeTokens: last.end.usage.completionTokens,
    repeat,
    tokensPerSecond: { off: spread(speeds('off')), auto: spread(speeds('auto')) },
    ratio: spread(speeds('auto').map((speed, i) => speed / (speeds('off')[i] ?? NaN))),
    sameText: new Set(modes.flatMap((mode) => runs[mode].map(({ text }) => text))).size === 1,
    drafts: last.end.drafts,
  }
}

interface Texts {
  prompt: string
  /** What is written whatever the model would choose: a small model may fail at a task that is to be measured. */
  answer: string | undefined
}

interface Run {
  text: string
  end: GenerateEnd
}

async function runOnce(
  provider: LocalProvider,
  { prompt, answer }: Texts,
  gen: number,
  speculation: Mode,
  signal: AbortSignal,
): Promise<Run> {
  const sampler = answer === undefined ? greedy : scripted(provider.encode([userText(answer)]))
  const options = { maxTokens: gen, sampler, stop: [], speculation }
  const pieces = provider.continueText([userText(prompt)], options, signal)
  let text = ''
  let next = await pieces.next()
  for (; !next.done; next = await pieces.next()) text += next.value
  signal.throwIfAborted()
  return { text, end: next.value }
}

// Logits are still computed and read; only the choice is not the model's.
function scripted(tokens: readonly number[]): Sampler {
  let at = 0
  return { next: () => tokens[at++ % tokens.length] ?? 0 }
}

function speedOf({ usage }: GenerateEnd): number {
  return (usage.completionTokens / usage.decodeMs) * 1000
}

function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (share: number): number => sorted[Math.round(share * (sorted.length - 1))] ?? NaN
  const middle = (at(0.5) + (sorted[(sorted.length - 1) >> 1] ?? NaN)) / 2
  const rounded = (value: number): number => Math.round(value * 100) / 100
  return { median: rounded(middle), min: rounded(at(0)), max: rounded(at(1)) }
}

function describe(found: Comparison): string {
  const { promptTokens, decodeTokens, drafts } = found
  const line = (name: string, { median, min, max }: Spread): string =>
    `${name} ${median} [${min} to ${max}]\n`
  return (
    `${found.model} on ${found.device}: ${decodeTokens} tokens after ${promptTokens}, median of ${found.repeat}\n` +
    line('tokens/s without guesses ', found.tokensPerSecond.off) +
    line('tokens/s with guesses    ', found.tokensPerSecond.auto) +
    line('with over without        ', found.ratio) +
    `${drafts.accepted} of ${drafts.tried} guesses in ${drafts.steps} steps came true; ` +
    `the text was ${found.sameText ? 'the same' : 'NOT the same'} each time\n`
  )
}
