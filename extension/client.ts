// The engine process seen from the editor: started, watched, started again; and the language client on top of it.
import { spawn, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import * as vscode from 'vscode'
import {
  CloseAction,
  DidChangeConfigurationNotification,
  ErrorAction,
  IPCMessageReader,
  IPCMessageWriter,
  LanguageClient,
  ResponseError,
  type LanguageClientOptions,
  type MessageTransports,
} from 'vscode-languageclient/node'
import { isAbort, sleep } from '../engine/base/signal'
import { describeError, EngineError } from '../engine/protocol/errors'
import {
  DidNotAskNotification,
  DidReadNotification,
  DidRestNotification,
  protocolVersion,
  StatusNotification,
  StatusRequest,
  type EngineStatus,
  type InitializationOptions,
} from '../engine/protocol/messages'
import type { Settings } from '../engine/protocol/settings'
import { readSettings } from './configuration'
import { documentSelector } from './documents'
import { ghostTextMiddleware, type GhostTextObserver } from './ghost-text'
import { findRuntime, runtimeEnvironment, stillHolds, type Choice, type Runtime } from './launch'
import type { LogChannel } from './log'
import { Renewable } from './renewable'
import { RestartPolicy } from './restart-policy'
import { fromWire } from './wire-error'

// How long a process may take to leave after it was told to.
const exitGraceMs = 2000

/** One engine at a time; `client()` is the way in, whatever happened to the process meanwhile. */
export class Engine implements vscode.Disposable {
  readonly #statusChanged = new vscode.EventEmitter<EngineStatus>()
  readonly #policy = new RestartPolicy()
  #status: EngineStatus = stopped('starting', 'Starting the engine.')
  #runtime: Choice | undefined
  #life: Life | undefined
  readonly #runs = new Renewable<LanguageClient>({
    begin: (failure, signal) => this.#quiet(this.#run(failure, signal)),
    end: () => this.#end(),
  })

  /** @param script absolute path of `dist/engine.js` */
  constructor(
    private readonly script: string,
    private readonly log: LogChannel,
    private readonly observer: GhostTextObserver,
  ) {}

  readonly onStatus = this.#statusChanged.event

  get status(): EngineStatus {
    return this.#status
  }

  /** Starts the engine unless it is there. Failures end up in `status`, never as a rejection. */
  start(): void {
    this.#runs.start()
  }

  /** The running client; waits while the engine starts. @throws EngineError when it could not be started. */
  async client(): Promise<LanguageClient> {
    const client = await this.#runs.current()
    if (client === undefined) throw new EngineError('internal', 'The engine is not running.')
    return client
  }

  /** Ends the process and starts a new one, looking for a runtime afresh. */
  async restart(): Promise<void> {
    await this.#runs.renew(() => {
      this.#policy.reset()
      this.#runtime = undefined
    })
  }

  /** Ends the process for good. */
  async stop(): Promise<void> {
    await this.#runs.stop()
  }

  /** Hands changed settings to the engine; before it runs there is nothing to do, it gets them at the start. */
  async configure(settings: Settings): Promise<void> {
    await this.#life?.client.sendNotification(DidChangeConfigurationNotification.type, {
      settings: { hearth: settings },
    })
  }

  /** Tells the engine where the cursor rests, if it runs. */
  async rested(params: DidRestNotification.Params): Promise<void> {
    await this.#life?.client.sendNotification(DidRestNotification.type, params)
  }

  /** Whether another Node.js might be chosen under these settings, which takes a restart. */
  needsRestart(settings: Settings): boolean {
    const wanted = { nodePath: settings.engine.nodePath, wantsGpu: settings.device !== 'cpu' }
    return this.#runtime === undefined || !stillHolds(this.#runtime, wanted)
  }

  dispose(): void {
    void this.stop()
    this.#statusChanged.dispose()
  }

  // Starts until it succeeds or patience ends. `failure` is why an earlier life ended.
  async #run(failure: Error | undefined, signal: AbortSignal): Promise<LanguageClient> {
    let reason = failure
    for (;;) {
      if (reason !== undefined) await this.#backOff(reason, signal)
      try {
        return await this.#open(signal)
      } catch (error) {
        signal.throwIfAborted()
        // An engine that answered "no" to the handshake, and a machine without Node.js, will not change their mind.
        if (error instanceof EngineError) throw error
        reason = error instanceof Error ? error : new Error(String(error))
      }
    }
  }

  async #open(signal: AbortSignal): Promise<LanguageClient> {
    this.#setStatus(stopped('starting', 'Starting the engine.'))
    const settings = readSettings()
    const runtime = await this.#findRuntime(settings, signal)
    signal.throwIfAborted()
    const life = new Life(runtime, this.script, this.log, this.observer)
    life.client.onNotification(StatusNotification.type, (status) => this.#setStatus(status))
    life.client.onNotification(DidReadNotification.type, ({ promptTokens, reusedTokens }) =>
      this.observer.read(promptTokens, reusedTokens),
    )
    this.#life = life
    try {
      await life.start()
      signal.throwIfAborted()
      this.#setStatus(await life.client.sendRequest(StatusRequest.type))
    } catch (error) {
      if (this.#life === life) this.#life = undefined
      await life.end()
      throw error
    }
    void life.ended.then((reason) => this.#onDeath(life, reason))
    return life.client
  }

  #onDeath(life: Life, reason: string): void {
    if (this.#life !== life) return
    this.#life = undefined
    this.#runs.replace(new Error(`The engine ended (${reason}).`))
  }

  async #end(): Promise<void> {
    const life = this.#life
    this.#life = undefined
    await life?.end()
  }

  async #backOff(reason: Error, signal: AbortSignal): Promise<void> {
    const wait = this.#policy.next(Date.now())
    if (wait === undefined) {
      throw new EngineError('internal', reason.message, {
        hint: `It was started again ${this.#policy.limit} times. See the log for the reason, then use "Restart Engine".`,
      })
    }
    const attempt = `${this.#policy.spent} of ${this.#policy.limit}`
    this.log.warn(`${reason.message} Starting it again in ${wait} ms (${attempt}).`)
    this.#setStatus(stopped('starting', `${reason.message} Starting it again (${attempt}).`))
    await sleep(wait, signal)
  }

  // Probing opens a GPU device, which takes a second; a restart after a crash need not ask again.
  async #findRuntime(settings: Settings, signal: AbortSignal): Promise<Runtime> {
    const wanted = { nodePath: settings.engine.nodePath, wantsGpu: settings.device !== 'cpu' }
    if (this.#runtime === undefined || !stillHolds(this.#runtime, wanted)) {
      const around = {
        nodePath: wanted.nodePath,
        execPath: process.execPath,
        electron: process.versions['electron'] !== undefined,
        path: process.env['PATH'] ?? '',
      }
      this.#runtime = await findRuntime(this.script, around, wanted, this.log, signal)
    }
    return this.#runtime.runtime
  }

  // Marks the promise as looked after: a start that nobody waits for must not be an unhandled rejection.
  #quiet(run: Promise<LanguageClient>): Promise<LanguageClient> {
    run.catch((error: unknown) => {
      if (isAbort(error)) return
      const message = describeError(error)
      this.log.error(message)
      this.#setStatus(stopped('error', message))
      void this.#offerRestart(message)
    })
    return run
  }

  async #offerRestart(message: string): Promise<void> {
    const answer = await vscode.window.showErrorMessage(`Hearth: ${message}`, 'Restart Engine', 'Show Log')
    if (answer === 'Restart Engine') await this.restart()
    if (answer === 'Show Log') this.log.channel.show()
  }

  #setStatus(status: EngineStatus): void {
    this.#status = status
    this.#statusChanged.fire(status)
  }
}

// One process with one client. A LanguageClient whose start failed cannot be started again, so neither is reused.
class Life {
  readonly client: QuietClient
  /** Resolves once with the reason, when the process is gone. */
  readonly ended: Promise<string>
  readonly #child: ChildProcess

  constructor(runtime: Runtime, script: string, log: LogChannel, observer: GhostTextObserver) {
    // IPC rather than stdio: the messages have a channel of their own, so a native library or GPU driver
    // that prints to stdout cannot break the protocol; whatever it prints lands in the log.
    this.#child = spawn(runtime.command, [script, 'lsp', '--node-ipc'], {
      env: runtimeEnvironment(runtime),
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      windowsHide: true,
    })
    const child = this.#child
    let lastWords = ''
    this.ended = new Promise((resolve) => {
      child.on('error', (error) => resolve(error.message))
      const finish = (code: number | null, signal: string | null): void =>
        resolve(`${signal ?? `exit code ${code}`}${lastWords}`)
      // `close` comes after the last output, which often tells the reason; but a child of the engine could hold
      // its pipes open for ever.
      child.once('close', finish)
      child.once('exit', (code, signal) => setTimeout(finish, 500, code, signal))
    })
    copyLines(child.stdout, (line) => log.info(line))
    copyLines(child.stderr, (line) => {
      log.warn(line)
      if (line.trim() !== '') lastWords = `: ${line.trim().slice(0, 200)}`
    })
    void this.ended.then((reason) => log.info(`Engine process ${child.pid ?? ''} ended: ${reason}`))
    this.client = new QuietClient(
      'hearth',
      'Hearth',
      () => Promise.resolve(transports(child)),
      clientOptions(log, {
        observer,
        kill: () => this.kill(),
        didNotAsk: (params) => this.#tell(params, log),
      }),
    )
  }

  /** @throws EngineError when the engine refused the handshake; Error when it ended meanwhile. */
  async start(): Promise<void> {
    const died = this.ended.then((reason) => {
      throw new Error(`The engine ended while starting (${reason}).`)
    })
    // The handshake may win, and then nobody waits for this any more.
    died.catch(() => undefined)
    try {
      await Promise.race([this.client.start(), died])
    } catch (error) {
      if (error instanceof ResponseError && this.#child.exitCode === null && this.#child.signalCode === null)
        throw fromWire(error)
      throw error
    }
  }

  /** A polite goodbye first, then a kill; resolves when the process is gone. */
  async end(): Promise<void> {
    const killTimer = setTimeout(() => this.kill(), exitGraceMs)
    try {
      if (this.client.isRunning()) await this.client.stop(exitGraceMs)
      else this.kill()
    } catch {
      // The goodbye went unheard; the language client has logged it, and the kill below settles it.
      this.kill()
    }
    await this.ended
    clearTimeout(killTimer)
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }

  #tell(params: DidNotAskNotification.Params, log: LogChannel): void {
    this.client.sendNotification(DidNotAskNotification.type, params).catch((error: unknown) => {
      log.debug(`The engine was not told why it was not asked: ${describeError(error)}`)
    })
  }
}

// The language client shows a notification for nearly every failure. Ours go to the log and the status bar:
// a failed suggestion must not interrupt typing, and a failed start is told once, by `Engine`.
class QuietClient extends LanguageClient {
  override error(message: string, data?: unknown): void {
    super.error(message, data, false)
  }

  // After a failed handshake the base class calls `stop` without looking at the result, and `stop` rejects
  // while the client is not running.
  override stop(timeout?: number): Promise<void> {
    return this.isRunning() ? super.stop(timeout) : Promise.resolve()
  }
}

interface LifeLine {
  observer: GhostTextObserver
  kill: () => void
  didNotAsk: (params: DidNotAskNotification.Params) => void
}

function clientOptions(log: LogChannel, { observer, kill, didNotAsk }: LifeLine): LanguageClientOptions {
  return {
    documentSelector,
    outputChannel: log.channel,
    initializationOptions: (): InitializationOptions => ({
      protocolVersion,
      settings: readSettings(),
      trusted: vscode.workspace.isTrusted,
    }),
    initializationFailedHandler: () => false,
    errorHandler: {
      error: () => ({ action: ErrorAction.Continue, handled: true }),
      // Restarting is `Engine`'s business. A process that only closed its channel is of no use any more.
      closed: () => {
        kill()
        return {
          action: CloseAction.DoNotRestart,
          handled: true,
          message: 'The connection to the engine is closed.',
        }
      },
    },
    middleware: {
      ...ghostTextMiddleware(log, observer, didNotAsk),
      // `Engine.configure` sends the settings; what the base class would send has the wrong shape.
      workspace: { didChangeConfiguration: () => Promise.resolve() },
    },
  }
}

function transports(child: ChildProcess): MessageTransports {
  return { reader: new IPCMessageReader(child), writer: new IPCMessageWriter(child) }
}

function copyLines(stream: Readable | null, write: (line: string) => void): void {
  if (stream !== null) createInterface({ input: stream }).on('line', write)
}

function stopped(state: 'starting' | 'error', message: string): EngineStatus {
  return { state, model: readSettings().model, device: '', deviceReason: '', tokensPerSecond: 0, message }
}
