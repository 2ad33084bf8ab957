// Owns the model: loads it, swaps it, survives its failures, and says in one status what is going on.
import { isAbort } from '../base/signal'
import type { Log } from '../base/log'
import type { Progress } from '../base/progress'
import type { Usage } from '../protocol/chat'
import { describeError, EngineError } from '../protocol/errors'
import type { EngineState, EngineStatus } from '../protocol/messages'
import type { DeviceChoice, KvCacheChoice, QuantizeChoice } from '../protocol/settings'
import type { OpenLocalOptions } from '../provider/open-local'
import type { Provider, TextStream } from '../provider/provider'
import { nothingSaid } from '../provider/read-stream'

/** What decides which model runs and where; a change of any of them is a new load. */
export interface ModelChoice {
  model: string
  device: DeviceChoice
  contextLength: number
  quantize: QuantizeChoice
  kvCache: KvCacheChoice
  /** Empty: none. */
  draftModel: string
}

/** Where models come from; `lsp.ts` plugs in the hub and the local provider. */
export interface ModelSource {
  /** The file of a model, downloaded first when it is not on this machine. */
  ensure(model: string, report: { log: Log; progress: Progress }, signal: AbortSignal): Promise<string>
  open(options: OpenLocalOptions, signal: AbortSignal): Promise<Provider>
}

/** Work-done progress of one load, as the client shows it. Its signal aborts when the user presses cancel. */
export interface LoadDisplay extends Progress {
  readonly signal: AbortSignal
  done(): void
}

export interface ModelHostParts {
  source: ModelSource
  log: Log
  onStatus: (status: EngineStatus) => void
  /** Called once per load, when it starts. */
  display: (title: string) => LoadDisplay
  /** Another model answers from now on, or none. */
  onSwap: () => void
}

export interface ModelHost {
  readonly status: EngineStatus
  /** The model that can answer now. It counts what runs on it, for `busy` and for its safe disposal. */
  current(): Provider | undefined
  /** Waits for the load in progress. Throws its error when no model is there afterwards. */
  ready(signal: AbortSignal): Promise<Provider>
  /** Loads what the settings choose when that has changed, unless it is loaded or loading already. */
  configure(choice: ModelChoice): void
  /** Loads and resolves with the status then; a newer load aborts it. Throws what went wrong. */
  load(choice: ModelChoice, signal: AbortSignal, display?: LoadDisplay): Promise<EngineStatus>
  /** Stops every answer, and frees the model once they have ended. */
  dispose(): Promise<void>
}

export function createModelHost(parts: ModelHostParts, choice: ModelChoice): ModelHost {
  return new Host(parts, choice)
}

// Faster than people read is a waste of messages; a load reports every tensor.
const reportEveryMs = 100

// Losing a device once is a driver update or a suspended laptop; twice in a row it is broken.
const rebuildEveryMs = 600_000

/** A provider with the number of its answers in progress. */
interface Tenant {
  choice: ModelChoice
  provider: Provider
  watched: Provider
  active: number
  retired: boolean
  /** It is being freed: nothing may reach it any more. */
  left: boolean
  /** Resolves when it is free. */
  gone: Promise<void>
  freed: () => void
}

interface Load {
  choice: ModelChoice
  controller: AbortController
  /** Never rejects. */
  settled: Promise<void>
}

class Host implements ModelHost {
  #tenant: Tenant | undefined
  /** The tenant, and those before it whose answers have not ended. */
  readonly #tenants = new Set<Tenant>()
  readonly #closing = new AbortController()
  #load: Load | undefined
  #failure: Error | undefined
  /** What is in use or on its way there. */
  #wanted: ModelChoice | undefined
  /** What the settings said last. */
  #configured: ModelChoice | undefined
  #lastRebuild = -Infinity
  #disposed = false
  #status: EngineStatus

  constructor(
    private readonly parts: ModelHostParts,
    choice: ModelChoice,
  ) {
    this.#status = {
      state: 'starting',
      model: choice.model,
      device: '',
      deviceReason: '',
      tokensPerSecond: 0,
      message: 'Starting.',
    }
  }

  get status(): EngineStatus {
    return this.#status
  }

  current(): Provider | undefined {
    return this.#tenant?.watched
  }

  async ready(signal: AbortSignal): Promise<Provider> {
    while (this.#load) await untilAborted(this.#load.settled, signal)
    if (this.#tenant) return this.#tenant.watched
    throw (
      this.#failure ??
      new EngineError('model-missing', 'No model is loaded.', {
        hint: 'Choose one with "Hearth: Select Model".',
      })
    )
  }

  configure(choice: ModelChoice): void {
    // A model picked since, or one that failed, is not loaded over again because some other setting changed.
    const unchanged = this.#configured && sameChoice(this.#configured, choice)
    this.#configured = choice
    if (unchanged || (this.#wanted && sameChoice(this.#wanted, choice))) return
    this.#begin(choice)
  }

  #begin(choice: ModelChoice): void {
    // The status tells what became of it; nobody waits for this one.
    this.load(choice, new AbortController().signal).catch((error: unknown) =>
      this.parts.log.debug(`Load ended: ${String(error)}`),
    )
  }

  async load(choice: ModelChoice, signal: AbortSignal, display?: LoadDisplay): Promise<EngineStatus> {
    if (this.#disposed) throw new DOMException('The engine is shutting down', 'AbortError')
    this.#load?.controller.abort()
    const controller = new AbortController()
    const shown = display ?? this.parts.display(`Hearth: loading ${choice.model}`)
    const outcome = this.#replace(
      choice,
      shown,
      AbortSignal.any([signal, controller.signal, shown.signal]),
      () => this.#load === load,
    )
    const load: Load = { choice, controller, settled: outcome.then(ignore, ignore) }
    this.#load = load
    this.#wanted = choice
    try {
      await outcome
    } catch (error) {
      this.#failed(error, load)
      throw error
    } finally {
      shown.done()
      if (this.#load === load) this.#load = undefined
      this.#show()
    }
    return this.#status
  }

  async dispose(): Promise<void> {
    this.#disposed = true
    this.#load?.controller.abort()
    this.#closing.abort()
    if (this.#tenant) this.#retire(this.#tenant)
    this.#tenant = undefined
    await Promise.all([...this.#tenants].map(({ gone }) => gone))
  }

  /** Opens the new model beside the old one, which goes only when the new one stands. */
  async #replace(
    choice: ModelChoice,
    display: LoadDisplay,
    signal: AbortSignal,
    isCurrent: () => boolean,
  ): Promise<void> {
    const report = (state: EngineState): Progress =>
      seldom((fraction, text) => {
        display.report(fraction, text)
        if (isCurrent()) this.#show({ state, model: choice.model, message: text, progress: fraction })
      })
    const { log } = this.parts
    // Let the caller note the load first, so that its first report counts.
    await Promise.resolve()
    signal.throwIfAborted()
    this.#show({ state: 'loading', model: choice.model, message: `Looking for ${choice.model}.` })
    const downloading = { log, progress: report('downloading') }
    const path = await this.parts.source.ensure(choice.model, downloading, signal)
    const draftPath =
      choice.draftModel === ''
        ? undefined
        : await this.parts.source.ensure(choice.draftModel, downloading, signal)
    signal.throwIfAborted()
    this.#show({ state: 'loading', model: choice.model, message: `Loading ${choice.model}.` })
    const provider = await this.parts.source.open(
      { ...choice, path, ...(draftPath !== undefined && { draftPath }), log, progress: report('loading') },
      signal,
    )
    if (signal.aborted || this.#disposed) {
      await provider.dispose()
      signal.throwIfAborted()
      return
    }
    this.#moveIn(provider, choice)
  }

  #moveIn(provider: Provider, choice: ModelChoice): void {
    const old = this.#tenant
    let freed = (): void => undefined
    const gone = new Promise<void>((resolve) => (freed = resolve))
    const tenant: Tenant = {
      choice,
      provider,
      watched: provider,
      active: 0,
      retired: false,
      left: false,
      gone,
      freed,
    }
    tenant.watched = this.#watch(tenant)
    this.#tenants.add(tenant)
    this.#tenant = tenant
    this.#failure = undefined
    this.parts.onSwap()
    if (old) this.#retire(old)
    void provider.lost.then((error) => this.#lost(tenant, error))
  }

  #retire(tenant: Tenant): void {
    tenant.retired = true
    if (tenant.active === 0) void this.#leave(tenant)
  }

  async #leave(tenant: Tenant): Promise<void> {
    if (tenant.left) return
    tenant.left = true
    try {
      await tenant.provider.dispose()
    } catch (error) {
      this.parts.log.warn(`Freeing a model failed: ${describeError(error)}`)
    }
    this.#tenants.delete(tenant)
    tenant.freed()
  }

  #failed(error: unknown, load: Load): void {
    // A newer load, or the end of the engine, has taken over: it tells its own story.
    if (this.#load !== load || this.#disposed) return
    const cancelled = isAbort(error)
    const failure = cancelled
      ? new EngineError('model-missing', `Loading ${load.choice.model} was cancelled.`, {
          hint: 'Choose a model with "Hearth: Select Model" to load one.',
        })
      : error instanceof Error
        ? error
        : new Error(String(error))
    this.parts.log[cancelled ? 'info' : 'error'](describeError(failure))
    // With a model that answers, a cancelled pick is as if it had never been.
    this.#failure = cancelled && this.#tenant ? undefined : failure
    if (this.#tenant) this.#wanted = this.#tenant.choice
  }

  #lost(tenant: Tenant, error: Error): void {
    if (this.#tenant !== tenant || this.#disposed) return
    this.#tenant = undefined
    this.parts.onSwap()
    this.#retire(tenant)
    this.parts.log.error(`The device was lost: ${error.message}`)
    const now = performance.now()
    if (now - this.#lastRebuild < rebuildEveryMs) {
      this.#failure = new EngineError('device-lost', `The GPU was lost twice (${error.message}).`, {
        hint: 'Set `hearth.device` to `cpu`, or update the graphics driver and run "Hearth: Restart Engine".',
        cause: error,
      })
      this.#show()
      return
    }
    this.#lastRebuild = now
    this.#begin(tenant.choice)
  }

  /** The provider as the rest of the engine sees it: every answer is counted, and its speed noted. */
  #watch(tenant: Tenant): Provider {
    const { provider } = tenant
    const watched = (signal: AbortSignal, start: (signal: AbortSignal) => TextStream): TextStream =>
      this.#watchStream(tenant, start, AbortSignal.any([signal, this.#closing.signal]))
    return {
      info: provider.info,
      capabilities: provider.capabilities,
      lost: provider.lost,
      countTokens: (text) => provider.countTokens(text),
      complete: (request, signal) => watched(signal, (until) => provider.complete(request, until)),
      chat: (request, signal) => watched(signal, (until) => provider.chat(request, until)),
      resetChat: (signal) => (tenant.left ? Promise.resolve() : provider.resetChat(signal)),
      dispose: () => {
        this.#retire(tenant)
        return tenant.gone
      },
    }
  }

  async *#watchStream(
    tenant: Tenant,
    start: (signal: AbortSignal) => TextStream,
    signal: AbortSignal,
  ): TextStream {
    // Somebody kept this provider past its time.
    if (tenant.left) return nothingSaid
    tenant.active++
    this.#show()
    try {
      const end = yield* start(signal)
      this.#noteSpeed(end.usage)
      return end
    } finally {
      tenant.active--
      if (tenant.active === 0 && tenant.retired) void this.#leave(tenant)
      this.#show()
    }
  }

  #noteSpeed({ completionTokens, decodeMs }: Usage): void {
    // The first tokens of a short answer say little about speed.
    if (completionTokens < 4 || decodeMs <= 0) return
    this.#status = { ...this.#status, tokensPerSecond: (completionTokens / decodeMs) * 1000 }
  }

  /** Sends the status when it says something new. Without details it follows from what is loaded. */
  #show(details?: {
    state: EngineState
    model: string
    message: string
    progress?: number | undefined
  }): void {
    if (this.#disposed || (!details && this.#load)) return
    const { tokensPerSecond } = this.#status
    const info = this.#tenant?.provider.info
    const base = {
      model: info?.model ?? this.#wanted?.model ?? this.#status.model,
      device: info?.device ?? '',
      deviceReason: info?.deviceReason ?? '',
      tokensPerSecond,
    }
    const { progress, ...rest } = details ?? this.#resting()
    const next: EngineStatus = { ...base, ...rest, ...(progress === undefined ? {} : { progress }) }
    if (JSON.stringify(next) === JSON.stringify(this.#status)) return
    this.#status = next
    this.parts.onStatus(next)
  }

  /** The state while nothing is being loaded. An old model goes on answering after a load that failed. */
  #resting(): { state: EngineState; message: string; progress?: undefined } {
    const failure = this.#failure && describeError(this.#failure)
    if (!this.#tenant) return { state: failure ? 'error' : 'starting', message: failure ?? 'Starting.' }
    if (this.#tenant.active > 0) return { state: 'busy', message: 'Writing.' }
    const { model } = this.#tenant.provider.info
    return { state: 'ready', message: failure ? `${model} stays in use. ${failure}` : `${model} is ready.` }
  }
}

function sameChoice(one: ModelChoice, other: ModelChoice): boolean {
  return (
    one.model === other.model &&
    one.device === other.device &&
    one.contextLength === other.contextLength &&
    one.quantize === other.quantize &&
    one.kvCache === other.kvCache &&
    one.draftModel === other.draftModel
  )
}

/** Lets the first report through, and then one at most every `reportEveryMs`. */
function seldom(report: Progress['report']): Progress {
  let last = -Infinity
  return {
    report: (fraction, text) => {
      const now = performance.now()
      if (now - last < reportEveryMs) return
      last = now
      report(fraction, text)
    },
  }
}

/** Resolves with the promise, or throws the signal's reason when that comes first. */
function untilAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const leave = (): void =>
      reject(signal.reason instanceof Error ? signal.reason : new DOMException('Aborted', 'AbortError'))
    if (signal.aborted) return leave()
    signal.addEventListener('abort', leave, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave))
  })
}

function ignore(): void {
  return undefined
}
