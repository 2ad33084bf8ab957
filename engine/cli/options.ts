// Turns what was typed into values that commands can trust; every option's name, meaning and check is a row here.
import * as v from 'valibot'
import type { DeviceChoice } from '../backend/open-backend'
import { expandHome } from '../base/home-path'
import { EngineError } from '../protocol/errors'
import { defaultModel } from '../provider/catalog'

/** What cac hands over: every value as it was typed, or true for a flag. */
export type RawOptions = Readonly<Record<string, unknown>>

interface OptionRow {
  flag: string
  help: string
  schema: v.GenericSchema
}

// cac makes a list of an option that is given twice.
const once = 'must be given once'

const whole = (low: number, high: number) =>
  v.pipe(
    v.string(once),
    v.regex(/^\d+$/, `must be a whole number from ${low} to ${high}`),
    v.transform(Number),
    v.minValue(low, `must be at least ${low}`),
    v.maxValue(high, `must be at most ${high}`),
  )
const real = (low: number, high: number) =>
  v.pipe(
    v.string(once),
    v.regex(/^\d*\.?\d+$/, `must be a number from ${low} to ${high}`),
    v.transform(Number),
    v.minValue(low, `must be at least ${low}`),
    v.maxValue(high, `must be at most ${high}`),
  )
const flag = v.optional(v.boolean(once), false)
const text = v.pipe(v.string(once), v.nonEmpty('must not be empty'))
const tokenCounts = v.pipe(
  v.string(once),
  v.regex(/^\d{1,7}(,\d{1,7})*$/, 'must be numbers of tokens with commas between them, such as 128,512'),
  v.transform((list) => list.split(',').map(Number)),
  v.everyItem((tokens) => tokens >= 1 && tokens <= 1048576, 'must be numbers from 1 to 1048576'),
)
const device = v.picklist(['auto', 'webgpu', 'cpu', 'cpu-reference'], 'must be auto, webgpu or cpu')

/** `--max-tokens` is the key `maxTokens`. */
export const optionRows = {
  model: {
    flag: '--model <M>',
    help: `A GGUF file, a Hugging Face folder, a .pth file of RWKV, or a name of the catalog (default: ${defaultModel})`,
    schema: v.optional(v.pipe(text, v.transform(expandHome)), defaultModel),
  },
  device: { flag: '--device <D>', help: 'auto, webgpu or cpu (default: auto)', schema: v.optional(device) },
  backend: { flag: '--backend <D>', help: 'Same as --device', schema: v.optional(device) },
  context: {
    flag: '--context <N>',
    help: 'Longest prompt and answer together, in tokens (default: 4096)',
    schema: v.optional(whole(16, 1048576), '4096'),
  },
  quantize: {
    flag: '--quantize <T>',
    help: 'What matrices of floats become while loading: none, q8_0 or q4_0 (default: none)',
    schema: v.optional(v.picklist(['none', 'q8_0', 'q4_0'], 'must be none, q8_0 or q4_0'), 'none'),
  },
  kv: {
    flag: '--kv <T>',
    help: 'How keys and values are kept: auto, f32, f16 or q8_0 (default: auto)',
    schema: v.optional(v.picklist(['auto', 'f32', 'f16', 'q8_0'], 'must be auto, f32, f16 or q8_0'), 'auto'),
  },
  ctx: {
    flag: '--ctx <N>',
    help: 'Tokens of a window, of which the second half is scored (default: 512)',
    schema: v.optional(whole(16, 131072), '512'),
  },
  json: { flag: '--json', help: 'Print one JSON value on stdout', schema: flag },
  prompt: { flag: '--prompt <TEXT>', help: 'The text to continue', schema: v.optional(v.string(once)) },
  promptFile: {
    flag: '--prompt-file <F>',
    help: 'A file with the text to continue',
    schema: v.optional(text),
  },
  answerFile: {
    flag: '--answer-file <F>',
    help: 'A file with the text to write, for a model that would write another one',
    schema: v.optional(text),
  },
  textFile: { flag: '--text-file <F>', help: 'A file with the text', schema: text },
  maxTokens: {
    flag: '--max-tokens <N>',
    help: 'Most tokens to write (default: 128)',
    schema: v.optional(whole(1, 131072), '128'),
  },
  temperature: {
    flag: '--temperature <T>',
    help: 'Randomness; 0 always takes the likeliest token (default: 0)',
    schema: v.optional(real(0, 10), '0'),
  },
  seed: {
    flag: '--seed <N>',
    help: 'The same seed gives the same text again',
    schema: v.optional(whole(0, 2 ** 32 - 1)),
  },
  speculation: {
    flag: '--speculation <M>',
    help: 'Try guessed tokens: auto where it is faster, always or off; the text is the same (default: auto)',
    schema: v.optional(v.picklist(['auto', 'always', 'off'], 'must be auto, always or off'), 'auto'),
  },
  draft: {
    flag: '--draft <M>',
    help: 'A smaller model of the same vocabulary that guesses tokens of answers; the text is the same',
    schema: v.optional(v.pipe(text, v.transform(expandHome))),
  },
  tokens: {
    flag: '--tokens <LIST>',
    help: 'Token numbers, such as 1,2,3',
    schema: v.pipe(
      v.string(once),
      v.regex(/^\d+(,\d+)*$/, 'must be token numbers with commas between them, such as 1,2,3'),
      v.transform((list) => list.split(',').map(Number)),
    ),
  },
  all: { flag: '--all', help: 'Logits after every token, not only the last', schema: flag },
  synthetic: {
    flag: '--synthetic <SHAPE>',
    help: 'Measure a model of random weights instead, such as qwen2.5-0.5b or smollm2-135m:q8_0',
    schema: v.optional(text),
  },
  promptTokens: {
    flag: '--prompt <LIST>',
    help: 'Tokens to read, such as 128,512 (default: 128)',
    schema: v.optional(tokenCounts, '128'),
  },
  gen: {
    flag: '--gen <N>',
    help: 'Tokens to write (default: 32)',
    schema: v.optional(whole(1, 32768), '32'),
  },
  repeat: {
    flag: '--repeat <N>',
    help: 'Runs to take the median of (default: 3, with --vs 5)',
    schema: v.optional(whole(1, 100)),
  },
  at: {
    flag: '--at <LIST>',
    help: 'Measure a token after so many others, in turns, such as 100,32000',
    schema: v.optional(tokenCounts),
  },
  profile: {
    flag: '--profile',
    help: 'Show which kernels the time goes to, and how fast they read their weights',
    schema: flag,
  },
  vs: {
    flag: '--vs <PROGRAM>',
    help: 'Measure llama.cpp in turns with this engine, on the same adapter or on the processor',
    schema: v.optional(v.picklist(['llama.cpp'], 'must be llama.cpp')),
  },
} as const satisfies Record<string, OptionRow>

export type OptionName = keyof typeof optionRows

export type Options<Name extends OptionName> = {
  [Key in Name]: v.InferOutput<(typeof optionRows)[Key]['schema']>
}

/** Throws `bad-request` with the option's own name. */
export function parseOptions<Name extends OptionName>(
  names: readonly Name[],
  raw: RawOptions,
): Options<Name> {
  const parsed: Partial<Record<OptionName, unknown>> = {}
  for (const name of names) {
    const { flag: spelling, schema } = optionRows[name]
    const [typed = ''] = spelling.split(' ')
    const result = v.safeParse(schema, raw[keyOf(spelling)])
    if (!result.success) throw badOption(typed, raw[keyOf(spelling)], result.issues[0].message)
    parsed[name] = result.output
  }
  return parsed as Options<Name>
}

/** The device that was asked for, by either name. */
export function chosenDevice(options: Options<'device' | 'backend'>): DeviceChoice {
  return options.device ?? options.backend ?? 'auto'
}

/** The name under which cac files an option: `--max-tokens <N>` is `maxTokens`. */
export function keyOf(spelling: string): string {
  const [name = ''] = spelling.replace(/^--/, '').split(' ')
  return name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())
}

/** Advice that names an editor's settings, in the words of the command line. */
export function inOptions(hint: string): string {
  return hint.replace(
    /`?hearth\.(contextLength|device|draftModel)`?/g,
    (_, setting: string) => optionOfSetting[setting] ?? setting,
  )
}

const optionOfSetting: Readonly<Record<string, string>> = {
  contextLength: '--context',
  device: '--device',
  draftModel: '--draft',
}

function badOption(name: string, value: unknown, problem: string): EngineError {
  const missing = value === undefined
  return new EngineError('bad-request', missing ? `${name} is missing.` : `${name} ${problem}.`, {
    hint: 'See `hearth help` and `hearth help <command>`.',
  })
}
