// The real engine as a child process, and a language client's side of the wire to it.
import { spawn, type ChildProcess } from 'node:child_process'
import path from 'node:path'
import {
  createProtocolConnection,
  DidOpenTextDocumentNotification,
  ExitNotification,
  InitializedNotification,
  InitializeRequest,
  InlineCompletionRequest,
  InlineCompletionTriggerKind,
  IPCMessageReader,
  IPCMessageWriter,
  LogMessageNotification,
  ShutdownRequest,
  StreamMessageReader,
  StreamMessageWriter,
  type CancellationToken,
  type InitializeResult,
  type InlineCompletionItem,
  type ProtocolConnection,
} from 'vscode-languageserver-protocol/node'
import { protocolVersion, StatusNotification, type EngineStatus } from '../../engine/protocol/messages'

/** The engine under test; another build, such as a packaged one, may be named in the environment. */
export const enginePath = path.resolve(process.env['HEARTH_TEST_ENGINE'] ?? 'dist/engine.js')

export function tinyModel(name: 'tiny-llama-chat' | 'tiny-qwen2-fim'): string {
  return path.resolve('test', 'fixtures', 'tiny', `${name}.gguf`)
}

export interface Engine {
  child: ChildProcess
  connection: ProtocolConnection
  initialized: InitializeResult
  /** Every status so far, oldest first. */
  statuses: EngineStatus[]
  logs: string[]
  /** Resolves with the first status, past or future, that fits. */
  status(fits: (status: EngineStatus) => boolean): Promise<EngineStatus>
  open(uri: string, languageId: string, text: string): Promise<void>
  complete(
    uri: string,
    line: number,
    character: number,
    token?: CancellationToken,
    /** As after a keystroke when left out. */
    triggerKind?: InlineCompletionTriggerKind,
  ): Promise<InlineCompletionItem[]>
  /** Resolves with the exit code after an orderly goodbye. */
  quit(): Promise<number | null>
}

export interface StartOptions {
  settings?: unknown
  /** Replaces `initializationOptions` whole. */
  initializationOptions?: unknown
  transport?: 'stdio' | 'node-ipc'
  /** URI of the workspace's folder. */
  folder?: string
}

const running = new Set<ChildProcess>()

/** Starts an engine and shakes hands. Rejects when the handshake is refused; the child is gone then. */
export async function startEngine(options: StartOptions): Promise<Engine> {
  const { child, connection } = launch(options.transport ?? 'stdio')
  running.add(child)
  child.once('exit', () => running.delete(child))
  const statuses: EngineStatus[] = []
  const watchers = new Set<(status: EngineStatus) => void>()
  const logs: string[] = []
  connection.onNotification(StatusNotification.type, (status) => {
    statuses.push(status)
    for (const watcher of watchers) watcher(status)
  })
  connection.onNotification(LogMessageNotification.type, ({ message }) => {
    logs.push(message)
  })
  connection.listen()
  try {
    const initialized = await connection.sendRequest(InitializeRequest.type, {
      processId: process.pid,
      rootUri: null,
      ...(options.folder !== undefined && {
        workspaceFolders: [{ uri: options.folder, name: 'project' }],
      }),
      capabilities: {},
      initializationOptions:
        'initializationOptions' in options
          ? options.initializationOptions
          : { protocolVersion, settings: options.settings },
    })
    await connection.sendNotification(InitializedNotification.type, {})
    return {
      child,
      connection,
      initialized,
      statuses,
      logs,
      status: (fits) =>
        new Promise((resolve) => {
          const past = statuses.find(fits)
          if (past) return resolve(past)
          const watcher = (status: EngineStatus): void => {
            if (!fits(status)) return
            watchers.delete(watcher)
            resolve(status)
          }
          watchers.add(watcher)
        }),
      open: (uri, languageId, text) =>
        connection.sendNotification(DidOpenTextDocumentNotification.type, {
          textDocument: { uri, languageId, version: 1, text },
        }),
      complete: async (uri, line, character, token, triggerKind = InlineCompletionTriggerKind.Automatic) => {
        const context = { triggerKind }
        const params = { textDocument: { uri }, position: { line, character }, context }
        const answer = await connection.sendRequest(InlineCompletionRequest.type, params, token)
        return Array.isArray(answer) ? answer : (answer?.items ?? [])
      },
      quit: async () => {
        const gone = exited(child)
        await connection.sendRequest(ShutdownRequest.type)
        await connection.sendNotification(ExitNotification.type)
        return gone
      },
    }
  } catch (error) {
    child.kill()
    throw error
  }
}

export function exited(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode)
  return new Promise((resolve) => child.once('exit', (code) => resolve(code)))
}

/** For `afterEach`: a test that failed half-way leaves no process behind. */
export function killLeftEngines(): void {
  for (const child of running) child.kill('SIGKILL')
}

function launch(transport: 'stdio' | 'node-ipc'): { child: ChildProcess; connection: ProtocolConnection } {
  const args = [enginePath, 'lsp', `--${transport}`]
  if (transport === 'node-ipc') {
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] })
    const connection = createProtocolConnection(new IPCMessageReader(child), new IPCMessageWriter(child))
    return { child, connection }
  }
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  const connection = createProtocolConnection(
    new StreamMessageReader(child.stdout),
    new StreamMessageWriter(child.stdin),
  )
  return { child, connection }
}
