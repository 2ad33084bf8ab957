// The one truth about settings: schema, defaults, descriptions. A test keeps package.json in step with it.
import * as v from 'valibot'

const described = <T extends v.GenericSchema>(schema: T, text: string) => v.pipe(schema, v.description(text))
const numberBetween = (low: number, high: number) => v.pipe(v.number(), v.minValue(low), v.maxValue(high))

/** `hearth.*` as nested objects. Unknown keys are ignored; a bad value falls back to its default. */
export const settingsSchema = v.object({
  model: described(
    v.fallback(v.string(), 'smollm2-135m-instruct'),
    'Model to run: an id from the catalog, or the path of a GGUF file, of a Hugging Face folder or of a .pth file of RWKV.',
  ),
  device: described(
    v.fallback(v.picklist(['auto', 'webgpu', 'cpu']), 'auto'),
    'Where the model runs. `auto` takes the GPU when there is one and the processor otherwise.',
  ),
  contextLength: described(
    v.fallback(v.pipe(numberBetween(256, 1048576), v.integer()), 4096),
    'Most tokens a conversation may hold. More needs more memory; a model trained for less is never asked for more.',
  ),
  quantize: described(
    v.fallback(v.picklist(['none', 'q8_0', 'q4_0']), 'none'),
    'Makes models smaller and faster while they are loaded: matrices of F32, F16 or BF16 become `q8_0` (a byte for a weight, hardly any loss) or `q4_0` (half of that, some loss). Models that are quantized already stay as they are.',
  ),
  kvCache: described(
    v.fallback(v.picklist(['auto', 'f32', 'f16', 'q8_0']), 'auto'),
    'How the model remembers a conversation: `f16` takes half the memory of `f32` and `q8_0` a little more than a quarter, both with hardly any loss. `auto` is `f16` on a GPU and `f32` on the processor.',
  ),
  draftModel: described(
    v.fallback(v.string(), ''),
    'A smaller model of the same vocabulary, as in `model`, that guesses tokens of answers, which the model then checks several at a time. The text stays the same, and guessing ends where it is not faster. Empty: none.',
  ),
  lowPower: described(
    v.fallback(v.picklist(['auto', 'on', 'off']), 'auto'),
    'Saves power: with `on` the model works only when it is asked, and nothing is prepared ahead of typing. `auto` does so on battery, which Hearth can tell on Linux only; on other systems it is `off`.',
  ),
  exclude: described(
    v.fallback(v.array(v.string()), []),
    'Files that suggestions must not know of, as patterns of `.gitignore`, such as `internal/` or `*.sql`: their text is never in the prompt of another file, and there is no ghost text in them. Files of keys and passwords (`.env`, `*.pem`, `id_rsa` and the like) are excluded anyway.',
  ),
  completion: v.object({
    enabled: described(v.fallback(v.boolean(), true), 'Show ghost text while typing.'),
    languages: described(
      v.fallback(v.record(v.string(), v.boolean()), { '*': true }),
      'Ghost text by language id; `*` is every language not named.',
    ),
    debounceMs: described(
      v.fallback(numberBetween(0, 2000), 30),
      'Pause in typing, in milliseconds, before the model is asked.',
    ),
    maxTokens: described(
      v.fallback(v.pipe(numberBetween(1, 512), v.integer()), 64),
      'Longest suggestion, in tokens.',
    ),
    timeBudgetMs: described(
      v.fallback(numberBetween(100, 60000), 4000),
      'Longest time, in milliseconds, that a suggestion may be generated for; what is ready by then is shown.',
    ),
    otherFiles: described(
      v.fallback(v.picklist(['auto', 'on', 'off']), 'auto'),
      'Whether suggestions know what other files say: declarations of names near the cursor, recent edits, lines like those at the cursor. They come from open files, files closed lately and files that the current one imports, never from what `hearth.exclude` or `.gitignore` names, from files of keys and passwords, or in a workspace that is not trusted. `auto` shows them to models that were trained on whole repositories. A machine that reads slowly goes without.',
    ),
    boldness: described(
      v.fallback(numberBetween(0, 1), 0.5),
      'How unsure a suggestion may be. 1 shows all of it; the lower, the less is shown, and the more of that is right: suggestions end before the model becomes unsure, or are left out.',
    ),
  }),
  chat: v.object({
    temperature: described(
      v.fallback(numberBetween(0, 2), 0.2),
      'Randomness of answers; 0 always takes the likeliest token.',
    ),
    topP: described(
      v.fallback(numberBetween(0.01, 1), 0.95),
      'Smallest set of tokens whose probabilities reach this sum.',
    ),
    repeatPenalty: described(
      v.fallback(numberBetween(1, 2), 1.1),
      'How strongly words already said are avoided; 1 is off.',
    ),
    maxTokens: described(
      v.fallback(v.pipe(numberBetween(1, 32768), v.integer()), 1024),
      'Longest answer, in tokens.',
    ),
    systemPrompt: described(
      v.fallback(
        v.string(),
        'You are Hearth, a concise programming assistant. Answer with short explanations and code blocks.',
      ),
      'Told to the model before every conversation.',
    ),
  }),
  engine: v.object({
    nodePath: described(
      v.fallback(v.string(), ''),
      'Node.js 20 or newer for the engine process. Empty: the one inside the editor, else `node` on PATH.',
    ),
  }),
})

export type Settings = v.InferOutput<typeof settingsSchema>
export type DeviceChoice = Settings['device']
export type QuantizeChoice = Settings['quantize']
export type KvCacheChoice = Settings['kvCache']

/** Any value from outside as Settings: missing sections and bad values become defaults. */
export function parseSettings(raw: unknown): Settings {
  const root = isRecord(raw) ? raw : {}
  const withSections = { ...root }
  for (const section of ['completion', 'chat', 'engine'])
    if (!isRecord(withSections[section])) withSections[section] = {}
  return v.parse(settingsSchema, fillMissing(withSections))
}

// `fallback` answers for a bad value, but an absent key of an object is an error of the object; so absent becomes undefined.
function fillMissing(raw: Record<string, unknown>): Record<string, unknown> {
  const filled: Record<string, unknown> = {}
  for (const [key, entry] of Object.entries(settingsSchema.entries)) {
    const value = raw[key]
    filled[key] =
      'entries' in entry && isRecord(value)
        ? Object.fromEntries(Object.keys(entry.entries).map((name) => [name, value[name]]))
        : value
  }
  return filled
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
