// Ghost text, from a cursor to a suggestion: cache, a running request that still fits, or the model.
import { isAbort, sleep } from '../base/signal'
import type { Log } from '../base/log'
import type { Settings } from '../protocol/settings'
import type { AnswerToken, Usage } from '../protocol/chat'
import type { AnsweredBy, PromptPart } from '../protocol/messages'
import type { Finished, Provider } from '../provider/provider'
import { readStream } from '../provider/read-stream'
import { drawAlternatives } from './alternatives'
import { readContext, type CompletionInput, type CursorContext } from './context'
import { CopySuggestions } from './copy-suggestion'
import { waitTime } from './debounce'
import { fitClosers } from './fit-closers'
import { GhostCache, sameAfter } from './ghost-cache'
import { findDoubt } from './postprocess/confidence'
import { allFilters, applyFilters, type Filtered, type Filters } from './postprocess/filter'
import { FilesInPrompt, wantsFiles, withFiles, type ChosenFiles } from './other-files/files-in-prompt'
import type { Surroundings } from './other-files/surroundings'
import { PromptLayout } from './prompt-layout'
import { dropUnfinishedLine, isComplete, stopsOf } from './read-suggestion'
import { doubtBeforeRest, hasRest, restAt } from './rejoin'
import { WindowSize } from './window-size'

/** What to show, with offsets into the document as it was passed in. Line breaks are `\n`. */
export interface Suggestion {
  text: string
  /** The characters it replaces. Empty at the cursor, unless closers or a selected list item are taken over. */
  start: number
  end: number
}

/** One request to the model, or one that needed none, for the request log. */
export interface CompletionRecord {
  prompt: string
  /** What the model wrote, or what was left to show of it. */
  text: string
  outcome: string
  answeredBy: AnsweredBy
  usage?: Usage
  /** Milliseconds from giving it up to its end. */
  givenUpMs?: number
  /** Where the cursor was, counted from 0. */
  place: { uri: string; line: number; character: number }
  /** What was left to show there. */
  shown: string
  /** What the model was given, in this order; absent when it was not asked. */
  parts?: PromptPart[]
  /** Milliseconds from the request of the editor to its end. */
  ms: number
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

/** A request of the editor. */
interface Asked {
  context: CursorContext
  /** By `performance.now()`. */
  askedAt: number
}

/** What made a request: `ahead` is nobody yet. */
type Cause = CompletionInput['trigger'] | 'ahead'

/** A request the model is working on. */
interface Running extends Asked {
  readonly cause: Cause
  controller: AbortController
  /** What the model has written so far. */
  text: string
  readonly tokens: AnswerToken[]
  /** How unsure the suggestion may be: `hearth.completion.boldness`, or all when it was asked for by hand. */
  readonly boldness: number
  /** Whether the text has to come to the rest of the line, which the model does not see. */
  readonly rejoins: boolean
  /** What the model is shown of other files. */
  readonly others: ChosenFiles | undefined
  /** The most that was typed since, by the requests that wait for it. */
  typed: string
  waiters: number
  /** Why it was given up. */
  givenUp: string
  /** Runs while nobody waits. */
  grace: NodeJS.Timeout | undefined
  /** The shaped text; undefined when it was given up. */
  done: Promise<string | undefined>
}

class LadderCompleter implements Completer {
  readonly #cache = new GhostCache()
  readonly #copies = new CopySuggestions()
  #window = new WindowSize()
  #layout = new PromptLayout()
  readonly #files = new FilesInPrompt()
  #running: Running | undefined
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
    this.#running?.controller.abort()
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
    if (running && typedSince(running.context, context) === '') return running.done.catch(() => undefined)
    if (running && !isUnasked(running)) return undefined
    if (supposed && !this.#layout.continues(context.uri, context.layout)) return undefined
    this.stopPreparing()
    const asked = { context, askedAt: performance.now() }
    return this.#start(asked, provider, 'ahead').done.catch(() => undefined)
  }

  stopPreparing(): void {
    if (this.#running && isUnasked(this.#running)) this.#giveUp(this.#running, goneAstray)
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
    const typed = running && typedSince(running.context, context)
    if (running && typed !== undefined && agrees(running.text, typed)) {
      this.#waiting?.abort()
      running.typed = typed
      await this.#join(running, signal)
      // Somebody newer may have taken over; only the latest request may ask again.
      if (signal.aborted || (this.#running && this.#running !== running)) return undefined
      if (running.givenUp === tooSlow) {
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
    this.#running?.controller.abort()
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
    return provider && this.#join(this.#start(asked, provider, input.trigger), signal)
  }

  /** Waits for a running request without owning it: leaving is quick, and the last one out turns off the light. */
  async #join(running: Running, signal: AbortSignal): Promise<string | undefined> {
    running.waiters++
    clearTimeout(running.grace)
    try {
      return await raceAbort(running.done, signal)
    } finally {
      running.waiters--
      if (running.waiters === 0) this.#giveUpLater(running)
    }
  }

  #giveUpLater(running: Running): void {
    if (this.#running !== running) return
    running.grace = setTimeout(() => running.controller.abort(), this.parts.graceMs ?? defaultGraceMs)
  }

  #giveUp(running: Running, reason: string): void {
    running.givenUp = reason
    running.controller.abort()
  }

  /** What was shown before a setting was changed may be more, or less, than what is wanted now. */
  #forgetOldSettings(): void {
    const { boldness, maxTokens, timeBudgetMs } = this.parts.settings()
    const now = JSON.stringify([boldness, maxTokens, timeBudgetMs])
    if (now === this.#madeWith) return
    this.#madeWith = now
    this.#cache.clear()
    this.#running?.controller.abort()
  }

  #start(asked: Asked, provider: Provider, cause: Cause): Running {
    const { context } = asked
    this.#layout.note(context.uri, context.layout)
    const rejoins = cause !== 'invoked' && !provider.capabilities.fim && hasRest(context.lineSuffix)
    const running: Running = {
      ...asked,
      controller: new AbortController(),
      text: '',
      tokens: [],
      // A text that comes to the rest of the line by itself is sure enough.
      boldness: cause === 'invoked' || rejoins ? 1 : this.parts.settings().boldness,
      rejoins,
      cause,
      others: this.#otherFiles(context, provider),
      typed: '',
      waiters: 0,
      givenUp: goneAstray,
      grace: undefined,
      done: Promise.resolve(undefined),
    }
    this.#running = running
    running.done = this.#generate(running, provider).finally(() => {
      if (this.#running === running) this.#running = undefined
    })
    // Whoever joined gets the error; when all have left, the log of the request still tells.
    running.done.catch((error: unknown) => this.parts.log.debug(`A completion failed: ${String(error)}`))
    return running
  }

  #otherFiles(context: CursorContext, provider: Provider): ChosenFiles | undefined {
    const { surroundings } = this.parts
    if (!surroundings || !wantsFiles(this.parts.settings().otherFiles, provider)) return undefined
    return this.#files.next(context, provider, this.#window.pace, () => surroundings(context.uri))
  }

  async #generate(running: Running, provider: Provider): Promise<string | undefined> {
    const { context, controller } = running
    const { maxTokens, timeBudgetMs } = this.parts.settings()
    const request = {
      ...(running.others ? withFiles(context, running.others) : context.prompt),
      maxTokens,
      stop: stopsOf(context),
      timeBudgetMs,
      // Where all is shown, nobody needs to work out how likely it is.
      ...(running.boldness < 1 && { onToken: (token: AnswerToken) => void running.tokens.push(token) }),
    }
    const reading =
      running.cause === 'invoked'
        ? undefined
        : setTimeout(() => this.#giveUp(running, tooSlow), this.parts.readingMs ?? defaultReadingMs)
    const parts = partsOf(context, running.others, provider.capabilities.fim)
    const inner = new AbortController()
    let givenUpAt = 0
    controller.signal.addEventListener('abort', () => (givenUpAt = performance.now()), { once: true })
    const stream = provider.complete(request, AbortSignal.any([controller.signal, inner.signal]))
    let raw = ''
    const end = await readStream(stream, (piece) => {
      clearTimeout(reading)
      raw += piece
      running.text = raw
      if (!agrees(running.text, running.typed)) controller.abort()
      // Aborting and reading on, rather than leaving the loop, gets the usage too.
      const { text, tokens, boldness } = running
      if (isDone(running, this.#filters) || findDoubt(text, tokens, boldness, false)) inner.abort()
    })
      .catch((error: unknown) => {
        const outcome = `failed: ${error instanceof Error ? error.message : String(error)}`
        this.#record(running, { text: raw, shown: '', outcome, answeredBy: answererOf(running), parts })
        throw error
      })
      .finally(() => clearTimeout(reading))
    if (end.finishReason !== 'cancelled' || inner.signal.aborted)
      return this.#finish(running, raw, end, parts)
    this.#window.note(end.usage)
    this.#record(running, {
      text: raw,
      shown: '',
      outcome: running.givenUp,
      answeredBy: answererOf(running),
      parts,
      usage: end.usage,
      givenUpMs: performance.now() - givenUpAt,
    })
    return undefined
  }

  #finish(running: Running, raw: string, end: Finished, parts: PromptPart[]): string {
    const { context } = running
    this.#window.note(end.usage)
    const doubt = running.rejoins
      ? doubtBeforeRest(running.text, context.lineSuffix)
      : findDoubt(running.text, running.tokens, running.boldness, true)
    const whole = end.finishReason === 'length' ? dropUnfinishedLine(running.text) : running.text
    const sure = whole.slice(0, doubt?.keep)
    const shaped = applyFilters(this.#filters.shape, sure, context)
    const isShortened = doubt && shaped.text !== applyFilters(this.#filters.shape, whole, context).text
    const reason =
      doubt?.keep === 0 ? doubt.reason : shaped.text === '' ? reasonForNothing(shaped) : undefined
    if (reason !== undefined) this.parts.log.trace(`No suggestion: ${reason}.`)
    const fitted = applyFilters(this.#filters.fit, shaped.text, context)
    const suggested = isShortened ? `suggested, ${doubt.reason}` : 'suggested'
    const answeredBy = answererOf(running)
    const late = running.waiters > 0 ? undefined : answeredBy === 'ahead' ? prepared : lateAnswer
    this.#record(running, {
      text: raw,
      shown: late === undefined ? fitted.text : '',
      outcome: reason ?? (fitted.text === '' ? reasonForNothing(fitted) : (late ?? suggested)),
      answeredBy,
      parts,
      usage: end.usage,
    })
    this.#cache.put(context, shaped.text)
    return shaped.text
  }

  #record({ context, askedAt }: Asked, record: Omit<CompletionRecord, 'prompt' | 'place' | 'ms'>): void {
    const { prompt, uri, position } = context
    this.parts.record?.({
      prompt: `${prompt.prefix}${prompt.typed}┃${prompt.suffix}`,
      place: { uri, ...position },
      ms: performance.now() - askedAt,
      ...record,
    })
  }
}

// Outcomes, in words for the log.
const goneAstray = 'given up: the text went another way or nobody waited'
const tooSlow =
  'given up: the model took too long to read the text before the cursor; the next request goes on from there, and a smaller model reads faster'
const lateAnswer = 'kept for the next keystroke: nobody waited any more'
const prepared = 'prepared before anybody asked'

/** Whether nobody has asked for it, or waits for it by now. */
function isUnasked({ cause, waiters }: Running): boolean {
  return cause === 'ahead' && waiters === 0
}

function answererOf({ cause }: Running): AnsweredBy {
  return cause === 'ahead' ? 'ahead' : 'model'
}

/** What the model is given, in the order in which it reads it. */
function partsOf({ prompt }: CursorContext, others: ChosenFiles | undefined, fim: boolean): PromptPart[] {
  const files =
    others?.pieces.map(({ path, origin, text }) => ({ name: `${path}, which ${origin}`, text })) ?? []
  const parts = [
    ...files,
    { name: 'before the cursor', text: prompt.prefix },
    // Without fill-in-the-middle tokens there is no place for it.
    { name: 'after the cursor', text: fim ? prompt.suffix : '' },
    { name: 'the line up to the cursor, and what was typed since', text: prompt.typed },
  ]
  return parts.filter(({ text }) => text !== '')
}

/** Gates that cost nothing, in words for the log. Asking by hand passes those that only guard against noise. */
function reasonNotToAsk(
  input: CompletionInput,
  context: CursorContext,
  settings: Settings['completion'],
): string | undefined {
  if ((context.prompt.prefix + context.prompt.typed).trim() === '') return 'there is nothing to go on'
  if (input.trigger === 'invoked') return undefined
  const { lineSuffix, before } = context
  if (!settings.enabled) return 'hearth.completion.enabled is off'
  if (!(settings.languages[input.languageId] ?? settings.languages['*'] ?? true))
    return `hearth.completion.languages turns ${input.languageId} off`
  if (before.trim() === '') return 'the document starts here'
  if (/[\p{L}\p{N}_$]$/u.test(before) && /^[\p{L}\p{N}_$]/u.test(lineSuffix))
    return 'the cursor is inside a word'
  return undefined
}

/** Why nothing is shown, in words for the log. */
function reasonForNothing({ droppedBy }: Filtered): string {
  return droppedBy === undefined ? 'the model had nothing to add' : `dropped by ${droppedBy}`
}

/** Whether what follows would be cut anyway. */
function isDone({ text, context, rejoins }: Running, filters: Filters): boolean {
  return isComplete(text, context, filters) || (rejoins && restAt(text, context.lineSuffix) >= 0)
}

/** What was typed between two places, or undefined when one does not lead to the other. */
function typedSince(then: CursorContext, now: CursorContext): string | undefined {
  if (then.uri !== now.uri || !sameAfter(then.after, now.after)) return undefined
  // The end of the older text is looked up in the newer one; both hold the last characters only.
  const anchor = then.near.slice(-128)
  const at = now.near.lastIndexOf(anchor)
  if (at < 0 || (then.near.length < 128 && at > 0)) return undefined
  return now.near.slice(at + anchor.length)
}

function agrees(text: string, typed: string): boolean {
  return text.startsWith(typed) || typed.startsWith(text)
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

/** Settles with the promise, or with undefined as soon as the signal aborts. */
function raceAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const leave = (): void => resolve(undefined)
    if (signal.aborted) return leave()
    signal.addEventListener('abort', leave, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave))
  })
}
