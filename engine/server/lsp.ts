// The engine as a language server: ghost text for any editor, and Hearth's own requests.
import {
  LSPErrorCodes,
  ResponseError,
  TextDocumentSyncKind,
  type TextDocuments,
  type Connection,
  type InitializeParams,
  type InitializeResult,
} from 'vscode-languageserver/node'
import type { TextDocument } from 'vscode-languageserver-textdocument'
import { expandHome } from '../base/home-path'
import { createLog, type Log } from '../base/log'
import { createAhead } from '../complete/ahead'
import { createCompleter } from '../complete/complete'
import { describeError, toWire, EngineError } from '../protocol/errors'
import { DidReadNotification, protocolVersion, StatusNotification } from '../protocol/messages'
import { parseSettings, type Settings } from '../protocol/settings'
import { ensureModel, listModels } from '../provider/hub'
import { openLocal } from '../provider/open-local'
import { watchPower } from '../provider/power'
import type { Feature, Host } from './feature'
import { chat } from './features/chat'
import { configuration } from './features/configuration'
import { didAccept } from './features/did-accept'
import { didRest } from './features/did-rest'
import { inlineCompletion } from './features/inline-completion'
import { knownFiles } from './features/known-files'
import { models } from './features/models'
import { requestLog } from './features/request-log'
import { diskReader } from './known-files/file-reader'
import { FileRules } from './known-files/file-rules'
import { KnownFiles } from './known-files/known-files'
import { displayOwn } from './load-display'
import { createModelHost, type ModelChoice } from './model-host'
import { listenToNotebooks, type Notebooks } from './notebooks'
import { createRequestLog } from './request-log'
import { openWire, type Transport } from './transport'
import { watchedDocuments } from './watched-documents'

const features: readonly Feature[] = [
  inlineCompletion,
  knownFiles,
  chat,
  models,
  didAccept,
  didRest,
  requestLog,
  configuration,
]

/** Serves one client until it says goodbye or is gone; then everything is freed and the promise resolves. */
export async function runLspServer(options: { transport: Transport }): Promise<void> {
  const { connection, closed } = openWire(options.transport)
  const log = connectionLog(connection)
  // A promise nobody waited for is a bug worth a line, not worth the user's conversation.
  process.on('unhandledRejection', (error) => log.error(`Unhandled: ${describeError(error)}`))

  let host: Host | undefined
  const documents = watchedDocuments((document, changes) => host?.files.changed(document, changes))
  const notebooks = listenToNotebooks(connection, documents)
  connection.onInitialize((client) => {
    const refused = refuse(client)
    if (refused) return refused
    host = createHost(connection, documents, notebooks, client, log)
    return initializeResult(connection, host, client)
  })
  // The client may not be sent anything before it has said `initialized`.
  connection.onInitialized(() => host?.models.configure(choiceOf(host.settings())))
  connection.onShutdown(() => host?.models.dispose())
  documents.listen(connection)
  connection.listen()

  await closed
  await host?.models.dispose()
}

/** A client of another version is told so once, instead of failing in odd ways later. */
function refuse({ initializationOptions }: InitializeParams): ResponseError<never> | undefined {
  const version = field(initializationOptions, 'protocolVersion')
  if (version === undefined || version === protocolVersion) return undefined
  const error = new EngineError(
    'bad-request',
    `The editor speaks version ${JSON.stringify(version)} of Hearth's protocol, this engine version ${protocolVersion}.`,
    { hint: 'Reload the window, so that extension and engine come from the same installation.' },
  )
  return new ResponseError(
    LSPErrorCodes.RequestFailed,
    describeError(error),
    toWire(error),
  ) as ResponseError<never>
}

function initializeResult(connection: Connection, host: Host, client: InitializeParams): InitializeResult {
  const added = features.map((feature) => feature.register(connection, host, client))
  return {
    capabilities: Object.assign(
      { textDocumentSync: TextDocumentSyncKind.Incremental },
      host.notebooks.capabilities,
      ...added,
    ) as object,
    serverInfo: { name: 'Hearth' },
  }
}

function createHost(
  connection: Connection,
  documents: TextDocuments<TextDocument>,
  notebooks: Notebooks,
  client: InitializeParams,
  log: Log,
): Host {
  let settings = parseSettings(field(client.initializationOptions, 'settings'))
  let isTrusted = field(client.initializationOptions, 'trusted') !== false
  let folders = workspaceFolders(client)
  let rules = new FileRules(settings.exclude, folders)
  const files = new KnownFiles({ reader: diskReader, rules: () => rules, isTrusted: () => isTrusted, log })
  const requests = createRequestLog(log)
  const modelHost = createModelHost(
    {
      source: {
        ensure: (model, report, signal) => ensureModel(expandHome(model), report, signal),
        open: openLocal,
      },
      log,
      display: (title) => displayOwn(connection, title, log),
      onSwap: () => {
        completer.reset()
        ahead.modelChanged()
      },
      onStatus: (status) => {
        connection.sendNotification(StatusNotification.type, status).catch((error: unknown) => {
          log.debug(`A status was not sent: ${String(error)}`)
        })
      },
    },
    choiceOf(settings),
  )
  const completer = createCompleter({
    provider: () => modelHost.current(),
    settings: () => settings.completion,
    surroundings: (uri) => files.surroundings(uri),
    log,
    record: (record) => {
      requests.add({ kind: 'completion', ...record })
      if (record.usage === undefined) return
      const { promptTokens, reusedTokens } = record.usage
      connection
        .sendNotification(DidReadNotification.type, { promptTokens, reusedTokens })
        .catch((error: unknown) => log.debug(`Counts were not sent: ${String(error)}`))
    },
  })
  const power = watchPower()
  const ahead = createAhead({
    completer,
    allowed: () => settings.lowPower === 'off' || (settings.lowPower === 'auto' && !power.onBattery()),
  })
  return {
    log,
    documents,
    notebooks,
    models: modelHost,
    completer,
    ahead,
    requests,
    files,
    rules: () => rules,
    changeFolders(added, removed) {
      folders = [...folders.filter((folder) => !removed.includes(folder)), ...added]
      rules = new FileRules(settings.exclude, folders)
      files.forget()
    },
    grantTrust() {
      isTrusted = true
      files.forget()
    },
    settings: () => settings,
    listModels,
    configure(raw) {
      const before = settings
      settings = parseSettings(raw)
      if (JSON.stringify(settings.exclude) !== JSON.stringify(before.exclude)) {
        rules = new FileRules(settings.exclude, folders)
        files.forget()
        completer.reset()
      }
      modelHost.configure(choiceOf(settings))
    },
  }
}

/** URIs. Editors of before workspaces had several folders say `rootUri`. */
function workspaceFolders({ workspaceFolders: several, rootUri }: InitializeParams): string[] {
  // Deprecated, and the only one that some editors send.
  return several?.map(({ uri }) => uri) ?? (typeof rootUri === 'string' ? [rootUri] : [])
}

function choiceOf({ model, device, contextLength, quantize, kvCache, draftModel }: Settings): ModelChoice {
  return { model, device, contextLength, quantize, kvCache, draftModel }
}

/** `window/logMessage`; prompts and code only go to a client that has switched tracing on. */
function connectionLog(connection: Connection): Log {
  return createLog((level, text) => {
    if (level === 'trace') connection.tracer.log(text)
    else connection.console[level](text)
  })
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined
}
