// Our completer as an editor uses it, in this process; an ablation is the same with a named change.
import { createLog } from '../../engine/base/log'
import { createCompleter } from '../../engine/complete/complete'
import { allFilters, type Filters } from '../../engine/complete/postprocess/filter'
import { hasRest } from '../../engine/complete/rejoin'
import { parseSettings, type Settings } from '../../engine/protocol/settings'
import type { CompletionRequest, Provider, TextStream } from '../../engine/provider/provider'
import type { Case, Ghost } from './case'
import { neighboursOf } from './neighbours'
import type { Asking, RecordedModel } from './recorded-model'
import type { Answer, Subject } from './subject'

export interface Ablation {
  name: string
  what: string
  usual: boolean
  settings?: Partial<Settings['completion']>
  /** Asked by hand, the gates that guard against noise stand open. */
  trigger?: 'invoked'
  /** Tokens a second that the model seems to read, by which the completer chooses how much text to give it. */
  readsPerSecond?: number
  asking?: Asking
  /** The file's name is kept from the model. */
  nameless?: true
  /** Filters left out, by their names in `engine/complete/postprocess/filter.ts`. */
  without?: readonly string[]
  /** Other files of the package are open: the one that defines what is called, and neighbours in the folder. */
  files?: true
  /** Shows what the model wrote as it is. It was stopped where the completer stops it. */
  uncut?: true
  /** Shows the first line only. */
  oneLine?: true
  /** Shows nothing where more than signs follows on the line. */
  gated?: true
  /** Shows no copies of other places of the file. */
  uncopied?: true
  /** The row to compare with; `hearth` when left out. */
  base?: string
  /** Answers only the first so many cases: each is another prompt to read. */
  first?: number
}

/** What the processor reads of SmolLM2-135M on two cores when nothing else runs: 372 tokens a second (test/bench/results/). */
export const usualPace = 372

// A beginning of the list of cases is balanced.
const fewer = 47

/** What to change is a row here; what it changes must be a setting or a part of the completer. */
export const ablations: readonly Ablation[] = [
  { name: 'hearth', what: 'the completer with its default settings', usual: true },
  {
    name: 'other-files',
    what: 'with other files of the package open, the one that defines what is called and up to three neighbours, and `hearth.completion.otherFiles` on',
    usual: false,
    settings: { otherFiles: 'on' },
    files: true,
  },
  {
    name: 'no-healing',
    what: 'the cursor counts as the end of a token',
    usual: true,
    asking: 'without-healing',
    first: fewer,
  },
  {
    name: 'no-file-name',
    what: 'without the comment with the name of the file',
    usual: false,
    nameless: true,
    first: fewer,
  },
  {
    name: 'hearth-slow',
    what: 'on a machine that reads 30 tokens a second: a quarter of the text before the cursor',
    usual: false,
    readsPerSecond: 30,
    first: fewer,
  },
  {
    name: 'no-mid-line',
    what: 'nothing where more than signs follows on the line, which this model does not see',
    usual: true,
    gated: true,
  },
  {
    name: 'no-copies',
    what: 'nothing where the model is too unsure: no copies of other places of the file',
    usual: true,
    uncopied: true,
  },
  { name: 'one-line', what: 'the first line only, of a block too', usual: true, oneLine: true },
  { name: 'no-filter', what: 'what the model wrote, as it is', usual: true, uncut: true },
  ...[0, 0.25, 0.75, 1].map((boldness) => ({
    name: `boldness-${boldness}`,
    what: `\`hearth.completion.boldness\` ${boldness}; the default is ${parseSettings({}).completion.boldness}`,
    usual: true,
    settings: { boldness },
  })),
  // Where unsure suggestions are left out or shortened, little is left for filters to do.
  ...[
    'trim-suffix-overlap',
    'stop-at-block-end',
    'keep-brackets-whole',
    'drop-repeat',
    'keep-indent',
    'strip-leaked',
  ].map((filter) => ({
    name: `no-${filter}`,
    what: `boldness 1 without the filter \`${filter}\``,
    usual: true,
    settings: { boldness: 1 },
    without: [filter],
    base: 'boldness-1',
  })),
  {
    name: 'invoked',
    what: 'asked by hand: also where the automatic gates are shut, and all that the model writes',
    usual: true,
    trigger: 'invoked',
  },
]

export async function openHearth(ablation: Ablation, model: RecordedModel): Promise<Subject> {
  const pace = { readsPerSecond: ablation.readsPerSecond ?? usualPace }
  const local = await model.provider()
  let warm = false
  const complete = (request: CompletionRequest, signal: AbortSignal): TextStream =>
    warm ? model.complete(request, ablation.asking ?? 'product', pace, signal) : nothingAt(pace)
  const provider: Provider = {
    info: local.info,
    capabilities: local.capabilities,
    lost: local.lost,
    countTokens: (text) => local.countTokens(text),
    complete,
    chat: (options, signal) => local.chat(options, signal),
    resetChat: (signal) => local.resetChat(signal),
    dispose: () => local.dispose(),
  }
  let outcome = ''
  let raw: string | undefined
  let isCopy = false
  let tokens = 0
  let asked: Case | undefined
  // Nobody types here, so there is no pause to wait for.
  const settings = { ...parseSettings({}).completion, debounceMs: 0, ...ablation.settings }
  const completer = createCompleter({
    provider: () => provider,
    settings: () => settings,
    log: createLog((_, text) => (outcome = text)),
    filters: filtersOf(ablation),
    ...(ablation.files && { surroundings: () => (asked ? neighboursOf(asked) : undefined) }),
    record: (entry) => {
      isCopy = entry.answeredBy === 'copy'
      if (entry.answeredBy !== 'model') return
      outcome = entry.outcome
      raw = entry.text
      tokens += (entry.usage?.promptTokens ?? 0) + (entry.usage?.completionTokens ?? 0)
    },
  })
  const ask = async (one: Case, uri: string, signal: AbortSignal): Promise<Answer> => {
    outcome = ''
    raw = undefined
    tokens = 0
    asked = one
    const ghost = await completer.complete(
      {
        uri,
        path: ablation.nameless ? '' : one.file.slice(one.file.lastIndexOf('/') + 1),
        languageId: one.language,
        text: one.document,
        offset: one.start,
        trigger: ablation.trigger ?? 'automatic',
      },
      signal,
    )
    const shown = ablation.uncopied && isCopy ? undefined : shownOf(ablation, one, ghost, raw)
    return { ...(shown && { ghost: shown }), ...(raw !== undefined && { raw }), tokens, outcome }
  }
  return {
    answer: async (one, signal) => {
      // So that the window has settled before the first case.
      if (!warm) await ask(one, 'bench:warm-up', signal)
      warm = true
      return ask(one, `bench:${one.id}`, signal)
    },
    close: () => Promise.resolve(),
  }
}

export function filtersOf({ without = [] }: Pick<Ablation, 'without'>): Filters {
  const kept = (table: Filters['fit']): Filters['fit'] =>
    Object.fromEntries(Object.entries(table).filter(([name]) => !without.includes(name)))
  return { reading: kept(allFilters.reading), shape: kept(allFilters.shape), fit: kept(allFilters.fit) }
}

function shownOf(
  { uncut, oneLine, gated }: Ablation,
  { start, document }: Case,
  ghost: Ghost | undefined,
  raw: string | undefined,
): Ghost | undefined {
  if (uncut) return raw === undefined || raw === '' ? undefined : { text: raw, start, end: start }
  if (gated && hasRest(document.slice(start).split('\n', 1)[0] ?? '')) return undefined
  if (!oneLine || !ghost) return ghost
  const text = ghost.text.split('\n', 1)[0] ?? ''
  return text.trim() === '' ? undefined : { ...ghost, text }
}

async function* nothingAt({ readsPerSecond }: { readsPerSecond: number }): TextStream {
  const usage = {
    promptTokens: readsPerSecond,
    reusedTokens: 0,
    completionTokens: 0,
    prefillMs: 1000,
    decodeMs: 0,
  }
  yield ''
  return await Promise.resolve({ finishReason: 'stop', usage, droppedMessages: 0 })
}
