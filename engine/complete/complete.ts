// Ghost text, from a cursor to a suggestion: cache, a running request that still fits, or the model.
import { isAbort, sleep } from '../base/signal'
import type { Log } from '../base/log'
import type { AnsweredBy } from '../protocol/messages'
import type { Settings } from '../protocol/settings'
import type { Provider } from '../provider/provider'
import { drawAlternatives } from './alternatives'
import {
  completionRecord,
  partsOf,
  reasonForNothing,
  tooSlow,
  type Asked,
  type CompletionRecord,
  type Outcome,
} from './completion-record'
import { readContext, type CompletionInput, type CursorContext } from './context'
import { CopySuggestions } from './copy-suggestion'
import { waitTime } from './debounce'
import { fitClosers } from './fit-closers'
import { reasonNotToAsk } from './gates'
import { GhostCache } from './ghost-cache'
import { ModelRequest, type Cause } from './model-request'
import { FilesInPrompt, wantsFiles, withFiles, type ChosenFiles } from './other-files/files-in-prompt'
import type { Surroundings } from './other-files/surroundings'
import { allFilters, applyFilters, type Filters } from './postprocess/filter'
import { PromptLayout } from './prompt-layout'
import { hasRest } from './rejoin'
import { WindowSize } from './window-size'

/** What to show, with offsets into the document as it was passed in. Line breaks are `\n`. */
export interface Suggestion {
  text: string
  /** The characters it replaces. Empty at the cursor, unless closers or a selected list item are taken over. */
  start: number
  end: number
}

export interface CompleterParts {
  /** The model, or undefined while there is none: then suggestions are copies of what followed the same words elsewhere. */
  provider: () => Provider | undefined
  settings: () => Settings['completion']
  log: Log
  record?: (record: CompletionRecord) => void
  /** What is known besides the document, for pieces of other files in prompts and for copies; absent where nobody knows anything. */
  surroundings?: (uri: string) => Surroundings | undefined
  /** Milliseconds a request without anybody waiting is kept for the next keystroke. */
  graceMs?: number
  /** Milliseconds that a request may take to read its prompt, unless it was made by hand. */
  readingMs?: number
  /** Absent: all of them. Measurements leave some out. */
  filters?: Filters
}

export interface Completer {
  /** Undefined when there is nothing to show. An abort of `signal` resolves at once; errors of the provider are thrown. */
  complete(input: CompletionInput, signal: AbortSignal): Promise<Suggestion | undefined>
  /**
   * Answers a request before anybody makes it, unless the model is at work, and remembers the answer; resolves with it, or with
   * undefined when nothing was done. Never rejects. `supposed` is a document that is not there yet: no more is read for it than what
   * it adds.
   */
  prepare(input: CompletionInput, supposed: boolean): Promise<string | undefined>
  /** Ends what `prepare` has begun, unless an editor waits for it by now. */
  stopPreparing(): void
  /** What else might stand where `shown` is suggested, for somebody who asks by hand. Never rejects. */
  alternatives(input: CompletionInput, shown: Suggestion, signal: AbortSignal): Promise<Suggestion[]>
  /** The user took a suggestion in this document: the next request does not wait. */
  accepted(uri: string): void
  /** Forgets every suggestion, for another model. */
  reset(): void
}

// Editors cancel on every keystroke and ask again some 50 ms later, when their own pause is over. A request that the new
// text agrees with is worth keeping for so long.
const defaultGraceMs = 150

// Nobody looks at a place for so long. What was read is kept: the next request goes on from there.
const defaultReadingMs = 10_000

// Copies are as often right as what the model is shown for at this boldness (test/quality).
const leastForCopies = 0.5

const nothingToCopy = 'no model is loaded, the status says why, and no other place reads like this one'
const mostAlternatives = 2

export function createCompleter(parts: CompleterParts): Completer {
  return new LadderCompleter(parts)
}

/** The shaped text of a place, which may be empty. */
interface Found {
  text: string
  answeredBy: AnsweredBy
}

class LadderCompleter implements Completer {
  readonly #cache = new GhostCache()
  readonly #copies = new CopySuggestions()
  #window = new WindowSize()
  #layout = new PromptLayout()
  readonly #files = new FilesInPrompt()
  #running: ModelRequest | undefined
  #waiting: AbortController | undefined
  #drawing: AbortController | undefined
  #acceptedIn: string | undefined
  /** The settings that what is remembered was made with. */
  #madeWith = ''
  readonly #filters: Filters

  constructor(private readonly parts: CompleterParts) {
    this.#filters = parts.filters ?? allFilters
  }

  accepted(uri: string): void {
    this.#acceptedIn = uri
  }

  reset(): void {
    this.#cache.clear()
    this.#copies.clear()
    this.#window = new WindowSize()
    this.#layout = new PromptLayout()
    this.#files.forget()
    this.#running?.giveUp()
    this.#waiting?.abort()
    this.#drawing?.abort()
  }

  async prepare(input: CompletionInput, supposed: boolean): Promise<string | undefined> {
    this.#forgetOldSettings()
    const provider = this.parts.provider()
    if (!provider || this.#waiting) return undefined
    const context = readContext(input, this.#window.chars, this.#layout)
    if (reasonNotToAsk(input, context, this.parts.settings()) !== undefined) return undefined
    const known = this.#cache.find(context)
    if (known) return known.rest
    const running = this.#running
    if (running?.isFor(context)) return running.done.catch(() => undefined)
    if (running && !running.isUnasked) return undefined
    if (supposed && !this.#layout.continues(context.uri, context.layout)) return undefined
    this.stopPreparing()
    const asked = { context, askedAt: performance.now() }
    return this.#start(asked, provider, 'ahead').done.catch(() => undefined)
  }

  stopPreparing(): void {
    if (this.#running?.isUnasked) this.#running.giveUp()
  }

  async complete(input: CompletionInput, signal: AbortSignal): Promise<Suggestion | undefined> {
    if (signal.aborted) return undefined
    this.#forgetOldSettings()
    this.#drawing?.abort()
    const askedAt = performance.now()
    const context = readContext(input, this.#window.chars, this.#layout)
    const asked = { context, askedAt }
    const provider = this.parts.provider()
    const gated = reasonNotToAsk(input, context, this.parts.settings())
    const copied = provider || gated !== undefined ? '' : this.#copy(input, context)
    const reason = gated ?? (provider || copied !== '' ? undefined : nothingToCopy)
    if (reason !== undefined) {
      this.#record(asked, { text: '', shown: '', outcome: reason, answeredBy: 'gate' })
      this.parts.log.trace(`No suggestion: ${reason}.`)
      return undefined
    }
    const found = provider
      ? await this.#findOrCopy(input, asked, signal)
      : { text: copied, answeredBy: 'copy' as const }
    if (found === undefined) return undefined
    const fitted = applyFilters(this.#filters.fit, found.text, context)
    const nothing =
      found.text === ''
        ? 'there was none at this place before'
        : fitted.text === ''
          ? reasonForNothing(fitted)
          : undefined
    // A request to the model tells its own end.
    if (found.answeredBy !== 'model')
      this.#record(asked, {
        ...found,
        text: fitted.text,
        shown: fitted.text,
        outcome: nothing ?? 'suggested',
      })
    if (nothing !== undefined && (found.answeredBy !== 'model' || found.text !== ''))
      this.parts.log.trace(`No suggestion: ${nothing}.`)
    return place(fitted.text, input, context)
  }

  #copy(input: CompletionInput, context: CursorContext): string {
    if (hasRest(context.lineSuffix)) return ''
    const { otherFiles } = this.parts.settings()
    const known = otherFiles === 'off' ? undefined : this.parts.surroundings?.(input.uri)
    const neighbours = (known?.documents ?? []).filter(({ languageId }) => languageId === input.languageId)
    const texts = neighbours.map(({ text }) => text)
    const copied = this.#copies.find(input, context, texts)
    return applyFilters(this.#filters.shape, copied ?? '', context).text
  }

  async alternatives(input: CompletionInput, shown: Suggestion, signal: AbortSignal): Promise<Suggestion[]> {
    const provider = this.parts.provider()
    if (!provider) return []
    this.#drawing?.abort()
    this.#drawing = new AbortController()
    const until = AbortSignal.any([signal, this.#drawing.signal])
    const askedAt = performance.now()
    const context = readContext(input, this.#window.chars, this.#layout)
    const others = this.#otherFiles(context, provider)
    const parts = partsOf(context, others, provider.capabilities.fim)
    const prompt = others ? withFiles(context, others) : context.prompt
    const asking = { context, prompt, provider, settings: this.parts.settings(), filters: this.#filters }
    const found = [shown]
    try {
      for await (const drawn of drawAlternatives(asking, until)) {
        const suggestion = place(drawn.text, input, context)
        const isNew = suggestion && found.every(({ text }) => text !== suggestion.text)
        this.#record(
          { context, askedAt },
          {
            text: drawn.raw,
            shown: isNew ? drawn.text : '',
            outcome: isNew
              ? 'suggested as another one'
              : 'asked for another one, the model wrote the same again',
            answeredBy: 'model',
            parts,
            usage: drawn.usage,
          },
        )
        if (isNew) found.push(suggestion)
        if (found.length > mostAlternatives) break
      }
    } catch (error) {
      // What is there is worth more than an error.
      this.parts.log.debug(`No other suggestions: ${String(error)}`)
    }
    return found.slice(1)
  }

  /** Where the model has nothing to say that is sure enough, other places of the text may. */
  async #findOrCopy(input: CompletionInput, asked: Asked, signal: AbortSignal): Promise<Found | undefined> {
    const found = await this.#find(input, asked, signal)
    const { boldness } = this.parts.settings()
    if (found?.text !== '' || input.trigger === 'invoked' || boldness < leastForCopies) return found
    const text = this.#copy(input, asked.context)
    if (text === '') return found
    // Typing goes on with it.
    this.#cache.put(asked.context, text)
    return { text, answeredBy: 'copy' }
  }

  async #find(input: CompletionInput, asked: Asked, signal: AbortSignal): Promise<Found | undefined> {
    const { context } = asked
    const known = this.#cache.find(context)
    // By hand, what was too unsure before is shown.
    if (known && (known.rest !== '' || input.trigger !== 'invoked'))
      return { text: known.rest, answeredBy: known.typed > 0 ? 'typing' : 'cache' }

    const running = this.#running
    const typed = running?.typedUntil(context)
    if (running && typed !== undefined) {
      this.#waiting?.abort()
      running.follow(typed)
      await running.join(signal)
      // Somebody newer may have taken over; only the latest request may ask again.
      if (signal.aborted || (this.#running && this.#running !== running)) return undefined
      if (running.wasTooSlow) {
        this.#record(asked, { text: '', shown: '', outcome: tooSlow, answeredBy: 'running' })
        return undefined
      }
      const joined = this.#cache.find(context)
      if (joined) return { text: joined.rest, answeredBy: 'running' }
    }
    const text = await this.#ask(input, asked, signal)
    return text === undefined ? undefined : { text, answeredBy: 'model' }
  }

  async #ask(input: CompletionInput, asked: Asked, signal: AbortSignal): Promise<string | undefined> {
    this.#running?.giveUp()
    this.#waiting?.abort()
    const waiting = new AbortController()
    this.#waiting = waiting
    const accepted = this.#acceptedIn === input.uri
    this.#acceptedIn = undefined
    const { debounceMs } = this.parts.settings()
    try {
      const ms = waitTime({ trigger: input.trigger, accepted, debounceMs }, asked.context)
      if (ms > 0) await sleep(ms, AbortSignal.any([signal, waiting.signal]))
    } catch (error) {
      if (isAbort(error)) return undefined
      throw error
    } finally {
      if (this.#waiting === waiting) this.#waiting = undefined
    }
    // Read only now: the model that was there before the wait may be gone, or another.
    const provider = this.parts.provider()
    return provider && this.#start(asked, provider, input.trigger).join(signal)
  }

  /** What was shown before a setting was changed may be more, or less, than what is wanted now. */
  #forgetOldSettings(): void {
    const { boldness, maxTokens, timeBudgetMs } = this.parts.settings()
    const now = JSON.stringify([boldness, maxTokens, timeBudgetMs])
    if (now === this.#madeWith) return
    this.#madeWith = now
    this.#cache.clear()
    this.#running?.giveUp()
  }

  #start(asked: Asked, provider: Provider, cause: Cause): ModelRequest {
    const { context } = asked
    const { log, graceMs = defaultGraceMs, readingMs = defaultReadingMs } = this.parts
    this.#layout.note(context.uri, context.layout)
    const running = new ModelRequest(asked, cause, {
      provider,
      settings: this.parts.settings(),
      filters: this.#filters,
      others: this.#otherFiles(context, provider),
      window: this.#window,
      log,
      record: (of, outcome) => this.#record(of, outcome),
      keep: (text) => this.#cache.put(context, text),
      graceMs,
      readingMs,
    })
    this.#running = running
    // Whoever joined gets the error; when all have left, the log of the request still tells.
    running.done
      .finally(() => {
        if (this.#running === running) this.#running = undefined
      })
      .catch((error: unknown) => log.debug(`A completion failed: ${String(error)}`))
    return running
  }

  #otherFiles(context: CursorContext, provider: Provider): ChosenFiles | undefined {
    const { surroundings } = this.parts
    if (!surroundings || !wantsFiles(this.parts.settings().otherFiles, provider)) return undefined
    return this.#files.next(context, provider, this.#window.pace, () => surroundings(context.uri))
  }

  #record(asked: Asked, outcome: Outcome): void {
    this.parts.record?.(completionRecord(asked, outcome))
  }
}

function place(text: string, input: CompletionInput, context: CursorContext): Suggestion | undefined {
  const { text: insert, replaced } = fitClosers(text, context.lineSuffix)
  if (insert.trim() === '') return undefined
  const { selected } = input
  return {
    text: selected ? selected.text + insert : insert,
    start: selected?.start ?? input.offset,
    end: (selected?.end ?? input.offset) + replaced,
  }
}
