// Other suggestions for a place, for somebody who asked by hand: drawn by their probabilities instead of the likeliest.
import type { Usage } from '../protocol/chat'
import type { Settings } from '../protocol/settings'
import type { CompletionRequest, Provider } from '../provider/provider'
import { readStream } from '../provider/read-stream'
import type { CursorContext } from './context'
import { applyFilters, type Filters } from './postprocess/filter'
import { dropUnfinishedLine, isComplete, stopsOf } from './read-suggestion'

export interface Asking {
  context: CursorContext
  prompt: Pick<CompletionRequest, 'prefix' | 'typed' | 'suffix'>
  provider: Provider
  settings: Settings['completion']
  filters: Filters
}

export interface Drawn {
  /** What the model wrote. */
  raw: string
  /** What is left to show of it. */
  text: string
  usage: Usage
}

// Editors show the first suggestion together with the others, so these must not keep it waiting: their share of the time for one.
const budgetShare = 0.4
// A sure model says the same again.
const seeds = [1, 2, 3]
const sampling = { temperature: 0.8, topP: 0.9 }

/** One after the other, as long as there is time; an abort ends it without one. Errors of the provider are thrown. */
export async function* drawAlternatives(asking: Asking, signal: AbortSignal): AsyncGenerator<Drawn> {
  const { context, provider, filters } = asking
  const { maxTokens, timeBudgetMs } = asking.settings
  const until = AbortSignal.any([signal, AbortSignal.timeout(Math.round(timeBudgetMs * budgetShare))])
  for (const seed of seeds) {
    const enough = new AbortController()
    const request = {
      ...asking.prompt,
      maxTokens,
      stop: stopsOf(context),
      timeBudgetMs,
      sampling: { ...sampling, seed },
    }
    let raw = ''
    const stream = provider.complete(request, AbortSignal.any([until, enough.signal]))
    const { finishReason, usage } = await readStream(stream, (piece) => {
      raw += piece
      if (isComplete(raw, context, filters)) enough.abort()
    })
    // Torn in the middle of a word, as likely as not.
    if (until.aborted) return
    const whole = finishReason === 'length' ? dropUnfinishedLine(raw) : raw
    const { text } = applyFilters(filters.fit, applyFilters(filters.shape, whole, context).text, context)
    yield { raw, text, usage }
  }
}
