// The one shape of everything the server can do, and what a feature may reach.
import type {
  Connection,
  InitializeParams,
  ServerCapabilities,
  TextDocuments,
} from 'vscode-languageserver/node'
import type { TextDocument } from 'vscode-languageserver-textdocument'
import type { Log } from '../base/log'
import type { Ahead } from '../complete/ahead'
import type { Completer } from '../complete/complete'
import type { ModelInfo } from '../protocol/messages'
import type { Settings } from '../protocol/settings'
import type { FileRules } from './known-files/file-rules'
import type { KnownFiles } from './known-files/known-files'
import type { ModelHost } from './model-host'
import type { Notebooks } from './notebooks'
import type { RequestLog } from './request-log'

export interface Host {
  readonly log: Log
  readonly documents: TextDocuments<TextDocument>
  readonly notebooks: Notebooks
  readonly models: ModelHost
  readonly completer: Completer
  readonly ahead: Ahead
  readonly requests: RequestLog
  /** Other files, for prompts. */
  readonly files: KnownFiles
  /** What must not be used for suggestions. */
  rules(): FileRules
  grantTrust(): void
  /** URIs of folders of the workspace. */
  changeFolders(added: readonly string[], removed: readonly string[]): void
  settings(): Settings
  /** Takes new settings: most count from the next request, the model's own reload it. */
  configure(raw: unknown): void
  /** The catalog, with what is on this machine. */
  listModels(): Promise<ModelInfo[]>
}

/** Registers its handlers and returns what it adds to the server's capabilities. Runs inside `initialize`. */
export interface Feature {
  register(connection: Connection, host: Host, client: InitializeParams): ServerCapabilities
}
