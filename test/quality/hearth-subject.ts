// Our completer as an editor uses it, in this process; an ablation is the same with a named change.
import { createCompleter } from '../../engine/complete/complete'
import { createLog, silentLog } from '../../engine/base/log'
import { noProgress } from '../../engine/base/progress'
import { openLocal } from '../../engine/provider/open-local'
import type { CompletionRequest, Finished, Provider, TextStream } from '../../engine/provider/provider'
import { parseSettings, type Settings } from '../../engine/protocol/settings'
import type { AnswerToken } from '../../engine/protocol/chat'
import type { Case, Ghost } from './case'
import type { Answer, OpenOptions, Subject, Written } from './subject'

export interface Ablation {
  name: string
  what: string
  usual: boolean
  settings?: Partial<Settings['completion']>
  /** Asked by hand, the gates that guard against noise stand open. */
  trigger?: 'invoked'
  /** Tokens a second that the model seems to read, by which the completer chooses how much text to give it. Absent: what it really reads. */
  readsPerSecond?: number
  /** Shows what the model wrote as it is. It was stopped where the completer stops it. */
  uncut?: true
}

/** What to change is a row here; what it changes must be a setting or a part of the completer. */
export const ablations: readonly Ablation[] = [
  { name: 'hearth', what: 'the completer with its default settings, on this machine', usual: true },
  {
    name: 'hearth-wide',
    what: 'the completer as on a machine that reads 8000 tokens a second: all the text it would ever give to the model',
    usual: true,
    readsPerSecond: 8000,
  },
  {
    name: 'hearth-invoked',
    what: 'asked by hand: also where the automatic gates are shut',
    usual: false,
    trigger: 'invoked',
  },
  {
    name: 'hearth-bold',
    what: 'all that the model writes, however unsure it is (boldness 1)',
    usual: true,
    settings: { boldness: 1 },
  },
  {
    name: 'hearth-bold-wide',
    what: 'the same, as on a machine that reads 8000 tokens a second',
    usual: false,
    settings: { boldness: 1 },
    readsPerSecond: 8000,
  },
  { name: 'hearth-uncut', what: 'without the filters after the model', usual: false, uncut: true },
  { name: 'hearth-short', what: 'at most 16 tokens', usual: false, settings: { maxTokens: 16 } },
]

// So that the window has settled before the first case: it changes by one level per request.
const warmUps = 4

export async function openHearth(
  ablation: Ablation,
  { model, device }: OpenOptions,
  signal: AbortSignal,
): Promise<Subject> {
  const local = await openLocal(
    {
      path: model,
      model,
      device,
      contextLength: 4096,
      quantize: 'none',
      kvCache: 'auto',
      log: silentLog,
      progress: noProgress,
    },
    signal,
  )
  const { readsPerSecond } = ablation
  const paced = readsPerSecond === undefined ? local : withPace(local, readsPerSecond)
  let written: Written | undefined
  const provider = noting(paced, (answer) => (written = answer))
  let outcome = ''
  let raw: string | undefined
  let tokens = 0
  // Nobody types here, so there is no pause to wait for.
  const settings = { ...parseSettings({}).completion, debounceMs: 0, ...ablation.settings }
  const completer = createCompleter({
    provider: () => provider,
    settings: () => settings,
    log: createLog((_, text) => (outcome = text)),
    record: (entry) => {
      if (entry.answeredBy !== 'model') return
      outcome = entry.outcome
      raw = entry.text
      const { promptTokens = 0, reusedTokens = 0, completionTokens = 0 } = entry.usage ?? {}
      tokens += promptTokens - reusedTokens + completionTokens
    },
  })
  const ask = async (one: Case, uri: string): Promise<Answer> => {
    outcome = ''
    raw = undefined
    written = undefined
    tokens = 0
    const start = performance.now()
    const ghost = await completer.complete(
      {
        uri,
        path: one.file.slice(one.file.lastIndexOf('/') + 1),
        languageId: one.language,
        text: one.document,
        offset: one.start,
        trigger: ablation.trigger ?? 'automatic',
      },
      signal,
    )
    const shown = ablation.uncut && raw !== undefined ? uncut(one, raw) : ghost
    return {
      ...(shown && { ghost: shown }),
      ...(raw !== undefined && { raw }),
      ...(written !== undefined && { written }),
      ms: performance.now() - start,
      tokens,
      outcome,
    }
  }
  let toWarm = warmUps
  return {
    answer: async (one) => {
      for (; toWarm > 0; toWarm--) await ask(one, `bench:warm-up-${toWarm}`)
      return ask(one, `bench:${one.id}`)
    },
    close: () => local.dispose(),
  }
}

function uncut({ start }: Case, raw: string): Ghost | undefined {
  return raw === '' ? undefined : { text: raw, start, end: start }
}

/** The same provider, with a prefill that seems to have taken as long as this speed would take. */
function withPace(provider: Provider, tokensPerSecond: number): Provider {
  const paced = async function* (request: CompletionRequest, signal: AbortSignal): TextStream {
    const end: Finished = yield* provider.complete(request, signal)
    const { promptTokens, reusedTokens } = end.usage
    const prefillMs = ((promptTokens - reusedTokens) / tokensPerSecond) * 1000
    return { ...end, usage: { ...end.usage, prefillMs } }
  }
  return completingBy(provider, paced)
}

/** The same provider, whose answers are told to `note` with the probabilities of their tokens. */
function noting(provider: Provider, note: (written: Written) => void): Provider {
  const noted = async function* (request: CompletionRequest, signal: AbortSignal): TextStream {
    const tokens: AnswerToken[] = []
    const onToken = (token: AnswerToken): void => {
      tokens.push(token)
      request.onToken?.(token)
    }
    const end = yield* provider.complete({ ...request, onToken }, signal)
    if (tokens.every(({ logProbability }) => logProbability !== undefined))
      note({ tokens, finishReason: end.finishReason })
    return end
  }
  return completingBy(provider, noted)
}

export function completingBy(provider: Provider, complete: Provider['complete']): Provider {
  return {
    info: provider.info,
    capabilities: provider.capabilities,
    lost: provider.lost,
    countTokens: (text) => provider.countTokens(text),
    complete,
    chat: (options, signal) => provider.chat(options, signal),
    resetChat: (signal) => provider.resetChat(signal),
    dispose: () => provider.dispose(),
  }
}
