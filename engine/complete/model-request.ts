// One request to the model for ghost text: who waits for it, what was written so far, and what is left of that in the end.
import type { Log } from '../base/log'
import { raceAbort } from '../base/signal'
import type { AnswerToken } from '../protocol/chat'
import type { AnsweredBy, PromptPart } from '../protocol/messages'
import type { Settings } from '../protocol/settings'
import type { Finished, Provider } from '../provider/provider'
import { readStream } from '../provider/read-stream'
import {
  goneAstray,
  lateAnswer,
  partsOf,
  prepared,
  reasonForNothing,
  tooSlow,
  type Asked,
  type Recorder,
} from './completion-record'
import type { CompletionInput, CursorContext } from './context'
import { withFiles, type ChosenFiles } from './other-files/files-in-prompt'
import { findDoubt } from './postprocess/confidence'
import { applyFilters, type Filters } from './postprocess/filter'
import { dropUnfinishedLine, isComplete, stopsOf } from './read-suggestion'
import { doubtBeforeRest, hasRest, restAt } from './rejoin'
import { agrees, typedSince } from './typed-since'
import type { WindowSize } from './window-size'

/** What made a request: `ahead` is nobody yet. */
export type Cause = CompletionInput['trigger'] | 'ahead'

export interface ModelRequestParts {
  readonly provider: Provider
  /** As they are when the request is made. */
  readonly settings: Settings['completion']
  readonly filters: Filters
  /** What the model is shown of other files. */
  readonly others: ChosenFiles | undefined
  /** Learns how fast the model reads. */
  readonly window: WindowSize
  readonly log: Log
  readonly record: Recorder
  /** Gets the shaped text, which may be empty, before `done` resolves. */
  readonly keep: (text: string) => void
  /** Milliseconds that it goes on without anybody waiting. */
  readonly graceMs: number
  /** Milliseconds that it may take to read its prompt, unless it was made by hand. */
  readonly readingMs: number
}

export class ModelRequest {
  /** The shaped text; undefined when it was given up. Rejects with errors of the provider. */
  readonly done: Promise<string | undefined>
  readonly #controller = new AbortController()
  readonly #tokens: AnswerToken[] = []
  /** Whether the text has to come to the rest of the line, which the model does not see. */
  readonly #rejoins: boolean
  /** How unsure the suggestion may be: `hearth.completion.boldness`, or all when it was asked for by hand. */
  readonly #boldness: number
  /** What the model has written so far. */
  #text = ''
  /** The most that was typed since, by the requests that wait for it. */
  #typed = ''
  #waiters = 0
  #hasEnded = false
  /** Why it was given up. */
  #givenUp = goneAstray
  /** Runs while nobody waits. */
  #grace: NodeJS.Timeout | undefined

  constructor(
    private readonly asked: Asked,
    private readonly cause: Cause,
    private readonly parts: ModelRequestParts,
  ) {
    const { provider, settings } = parts
    this.#rejoins = cause !== 'invoked' && !provider.capabilities.fim && hasRest(asked.context.lineSuffix)
    // A text that comes to the rest of the line by itself is sure enough.
    this.#boldness = cause === 'invoked' || this.#rejoins ? 1 : settings.boldness
    this.done = this.#generate().finally(() => (this.#hasEnded = true))
  }

  /** Whether nobody has asked for it, or waits for it by now. */
  get isUnasked(): boolean {
    return this.cause === 'ahead' && this.#waiters === 0
  }

  /** Whether it took so long to read the prompt that it was given up. */
  get wasTooSlow(): boolean {
    return this.#givenUp === tooSlow
  }

  /** What was typed from its place to another one, when its answer may still be right there. */
  typedUntil(context: CursorContext): string | undefined {
    const typed = typedSince(this.asked.context, context)
    return typed !== undefined && agrees(this.#text, typed) ? typed : undefined
  }

  /** Whether it was made for this very place. */
  isFor(context: CursorContext): boolean {
    return typedSince(this.asked.context, context) === ''
  }

  /** It is given up when it turns out to say something else. */
  follow(typed: string): void {
    this.#typed = typed
  }

  /** Waits for it without owning it: leaving is quick, and the last one out turns off the light. */
  async join(signal: AbortSignal): Promise<string | undefined> {
    this.#waiters++
    clearTimeout(this.#grace)
    try {
      return await raceAbort(this.done, signal)
    } finally {
      this.#waiters--
      if (this.#waiters === 0 && !this.#hasEnded)
        this.#grace = setTimeout(() => this.giveUp(), this.parts.graceMs)
    }
  }

  /** The first reason counts. */
  giveUp(reason = goneAstray): void {
    if (this.#controller.signal.aborted) return
    this.#givenUp = reason
    this.#controller.abort()
  }

  async #generate(): Promise<string | undefined> {
    const { provider, settings, others, filters, window, record } = this.parts
    const { context } = this.asked
    const request = {
      ...(others ? withFiles(context, others) : context.prompt),
      maxTokens: settings.maxTokens,
      stop: stopsOf(context),
      timeBudgetMs: settings.timeBudgetMs,
      // Where all is shown, nobody needs to work out how likely it is.
      ...(this.#boldness < 1 && { onToken: (token: AnswerToken) => void this.#tokens.push(token) }),
    }
    const reading =
      this.cause === 'invoked' ? undefined : setTimeout(() => this.giveUp(tooSlow), this.parts.readingMs)
    const parts = partsOf(context, others, provider.capabilities.fim)
    const inner = new AbortController()
    const { signal } = this.#controller
    let givenUpAt = 0
    signal.addEventListener('abort', () => (givenUpAt = performance.now()), { once: true })
    const stream = provider.complete(request, AbortSignal.any([signal, inner.signal]))
    const end = await readStream(stream, (piece) => {
      clearTimeout(reading)
      this.#text += piece
      if (!agrees(this.#text, this.#typed)) this.#controller.abort()
      // Aborting and reading on, rather than leaving the loop, gets the usage too.
      if (this.#isDone(filters) || findDoubt(this.#text, this.#tokens, this.#boldness, false)) inner.abort()
    })
      .catch((error: unknown) => {
        const outcome = `failed: ${error instanceof Error ? error.message : String(error)}`
        record(this.asked, { text: this.#text, shown: '', outcome, answeredBy: this.#answeredBy, parts })
        throw error
      })
      .finally(() => clearTimeout(reading))
    window.note(end.usage)
    if (end.finishReason !== 'cancelled' || inner.signal.aborted) return this.#finish(end, parts)
    record(this.asked, {
      text: this.#text,
      shown: '',
      outcome: this.#givenUp,
      answeredBy: this.#answeredBy,
      parts,
      usage: end.usage,
      givenUpMs: performance.now() - givenUpAt,
    })
    return undefined
  }

  #finish({ finishReason, usage }: Finished, parts: PromptPart[]): string {
    const { filters, log, record, keep } = this.parts
    const { context } = this.asked
    const text = this.#text
    const doubt = this.#rejoins
      ? doubtBeforeRest(text, context.lineSuffix)
      : findDoubt(text, this.#tokens, this.#boldness, true)
    const whole = finishReason === 'length' ? dropUnfinishedLine(text) : text
    const sure = whole.slice(0, doubt?.keep)
    const shaped = applyFilters(filters.shape, sure, context)
    const isShortened = doubt && shaped.text !== applyFilters(filters.shape, whole, context).text
    const reason =
      doubt?.keep === 0 ? doubt.reason : shaped.text === '' ? reasonForNothing(shaped) : undefined
    if (reason !== undefined) log.trace(`No suggestion: ${reason}.`)
    const fitted = applyFilters(filters.fit, shaped.text, context)
    const suggested = isShortened ? `suggested, ${doubt.reason}` : 'suggested'
    const answeredBy = this.#answeredBy
    const late = this.#waiters > 0 ? undefined : answeredBy === 'ahead' ? prepared : lateAnswer
    record(this.asked, {
      text,
      shown: late === undefined ? fitted.text : '',
      outcome: reason ?? (fitted.text === '' ? reasonForNothing(fitted) : (late ?? suggested)),
      answeredBy,
      parts,
      usage,
    })
    keep(shaped.text)
    return shaped.text
  }

  get #answeredBy(): AnsweredBy {
    return this.cause === 'ahead' ? 'ahead' : 'model'
  }

  /** Whether what follows would be cut anyway. */
  #isDone(filters: Filters): boolean {
    const { context } = this.asked
    return (
      isComplete(this.#text, context, filters) ||
      (this.#rejoins && restAt(this.#text, context.lineSuffix) >= 0)
    )
  }
}
