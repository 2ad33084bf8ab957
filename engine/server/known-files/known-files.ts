// What the engine knows of other files, for prompts: open documents, those closed lately, edits, imports and declarations.
import type { TextDocument } from 'vscode-languageserver-textdocument'
import { URI, Utils } from 'vscode-uri'
import type { Log } from '../../base/log'
import { EditHistory, type LineChange } from '../../complete/other-files/edit-history'
import type {
  Declaration,
  OtherDocument,
  OtherText,
  Surroundings,
} from '../../complete/other-files/surroundings'
import type { FileReader } from './file-reader'
import { mostFileBytes } from './file-reader'
import type { FileRules } from './file-rules'
import { GitIgnore } from './git-ignore'
import { ImportedFiles } from './imported-files'
import { holdsPrivateKey } from './secret-files'

export interface KnownFilesParts {
  reader: FileReader
  /** As the settings and the workspace are now. */
  rules: () => FileRules
  /** In a workspace that nobody trusts no other file counts, and nothing is read. */
  isTrusted: () => boolean
  log: Log
}

/** Where an editor says that a name is declared. */
export interface DeclaredAt {
  name: string
  uri: string
  /** Counted from 0. */
  line: number
}

interface Verdict {
  mayUse: boolean
  at: number
}

const mostClosed = 8
const mostDeclarations = 16
const mostLookedUp = 16

// Files that were looked for and are not there have one, too.
const mostVerdicts = 2048

// `.gitignore` may change.
const verdictMs = 10_000

// A declaration's head, and its members.
const declarationLines = 48

export class KnownFiles {
  /** The one used last comes last. */
  readonly #open = new Map<string, TextDocument>()
  readonly #closed = new Map<string, OtherDocument>()
  readonly #verdicts = new Map<string, Verdict>()
  readonly #declarations = new Map<string, readonly Declaration[]>()
  readonly #edits = new EditHistory()
  readonly #imports: ImportedFiles
  #git: GitIgnore
  #version = 0

  constructor(private readonly parts: KnownFilesParts) {
    this.#git = new GitIgnore(parts.reader)
    this.#imports = new ImportedFiles({
      reader: parts.reader,
      mayRead: (uri) => this.#mayRead(uri),
      relativePath: (uri) => parts.rules().relativePath(uri),
      onRead: () => void this.#version++,
    })
  }

  opened(document: TextDocument): void {
    this.#closed.delete(document.uri)
    this.#use(document)
    this.#learn(document)
  }

  changed(document: TextDocument, changes: readonly LineChange[]): void {
    for (const change of changes) this.#edits.note(document.uri, change)
    this.#use(document)
  }

  closed(document: TextDocument): void {
    const { uri } = document
    this.#open.delete(uri)
    this.#declarations.delete(uri)
    this.#edits.forget(uri)
    if (URI.parse(uri).scheme !== 'file' || !this.#mayUse(uri)) return
    this.#closed.set(uri, this.#asOther(document))
    for (const oldest of this.#closed.keys()) {
      if (this.#closed.size <= mostClosed) break
      this.#closed.delete(oldest)
    }
  }

  /** An editor has looked up names near the cursor of a document. */
  async declared(uri: string, found: readonly DeclaredAt[]): Promise<void> {
    const declarations: Declaration[] = []
    for (const { name, uri: file, line } of found.slice(0, mostDeclarations)) {
      if (file === uri || !(await this.#mayRead(file))) continue
      const text = this.#open.get(file)?.getText() ?? (await this.parts.reader.text(file))
      const lines = text?.split('\n').slice(line, line + declarationLines)
      if (lines === undefined || lines.length === 0) continue
      const languageId = this.#open.get(file)?.languageId ?? this.#open.get(uri)?.languageId ?? ''
      declarations.push({ name, path: this.#path(file), languageId, text: unixLines(lines.join('\n')) })
    }
    // Each move of the cursor brings others; those of a document just opened are worth reading it again.
    if (!this.#declarations.has(uri)) this.#version++
    this.#declarations.delete(uri)
    if (!this.#open.has(uri)) return
    this.#declarations.set(uri, declarations)
    for (const oldest of this.#declarations.keys()) {
      if (this.#declarations.size <= mostLookedUp) break
      this.#declarations.delete(oldest)
    }
  }

  /** For the document at the cursor. What is not known to be allowed is left out, and found out for the next time. */
  surroundings(uri: string): Surroundings | undefined {
    const document = this.#open.get(uri)
    if (document === undefined || !this.parts.isTrusted()) return undefined
    this.#learn(document)
    const open = [...this.#open.values()]
      .reverse()
      .filter((other) => other.uri !== uri && this.#mayUse(other.uri))
      .map((other) => this.#asOther(other))
    const closed = [...this.#closed.values()].reverse().filter((other) => this.#mayUse(other.uri))
    const seen = new Set([...open, ...closed].map((other) => other.uri))
    const imported = this.#imports.of(uri).filter((other) => !seen.has(other.uri) && this.#mayUse(other.uri))
    const folder = this.parts.rules().folderOf(uri)
    return {
      repository: folder === undefined ? '' : Utils.basename(URI.parse(folder)),
      path: this.#path(uri),
      documents: [...open, ...imported, ...closed].filter(isOfUse),
      edits: this.#editsOutside(uri),
      declarations: (this.#declarations.get(uri) ?? []).filter(isOfUse),
      version: this.#version,
    }
  }

  /** Rules, folders or trust have changed. */
  forget(): void {
    this.#version++
    this.#verdicts.clear()
    this.#declarations.clear()
    this.#imports.clear()
    this.#git = new GitIgnore(this.parts.reader)
    for (const document of this.#open.values()) this.#learn(document)
  }

  #use(document: TextDocument): void {
    const last = [...this.#open.keys()].at(-1)
    if (last !== document.uri) this.#version++
    this.#open.delete(document.uri)
    this.#open.set(document.uri, document)
  }

  #learn(document: TextDocument): void {
    if (!this.parts.isTrusted()) return
    this.#decide(document.uri)
      .then(() => this.#imports.refresh(document.uri, document.languageId, unixLines(document.getText())))
      .catch((error: unknown) => this.parts.log.debug(`Files were not looked at: ${String(error)}`))
  }

  #editsOutside(uri: string): OtherText[] {
    return this.#edits.edits().flatMap((edit) => {
      const document = this.#open.get(edit.uri)
      if (edit.uri === uri || document === undefined || !this.#mayUse(edit.uri)) return []
      const range = {
        start: { line: edit.startLine, character: 0 },
        end: { line: edit.endLine, character: 0 },
      }
      const text = unixLines(document.getText(range)).replace(/\n$/, '')
      return [{ path: this.#path(edit.uri), languageId: document.languageId, text }].filter(isOfUse)
    })
  }

  /** What is known of it by now. */
  #mayUse(uri: string): boolean {
    if (this.parts.rules().refusal(uri) !== undefined) return false
    const verdict = this.#verdicts.get(uri)
    if (verdict === undefined || performance.now() - verdict.at > verdictMs)
      this.#decide(uri).catch((error: unknown) => this.parts.log.debug(`${uri}: ${String(error)}`))
    return verdict?.mayUse === true
  }

  async #decide(uri: string): Promise<boolean> {
    const mayUse = await this.#isAllowed(uri)
    if (this.#verdicts.get(uri)?.mayUse !== mayUse) this.#version++
    if (this.#verdicts.size >= mostVerdicts) this.#verdicts.clear()
    this.#verdicts.set(uri, { mayUse, at: performance.now() })
    return mayUse
  }

  async #isAllowed(uri: string): Promise<boolean> {
    const { scheme } = URI.parse(uri)
    const rules = this.parts.rules()
    if (!this.parts.isTrusted() || rules.refusal(uri) !== undefined) return false
    if (scheme === 'untitled') return true
    // What Git ignores elsewhere nobody here can tell.
    if (scheme !== 'file' && scheme !== 'vscode-notebook-cell') return false
    const real = await this.parts.reader.real(uri)
    if (rules.refusal(real) !== undefined) return false
    return !(await this.#git.ignores(uri)) && (real === uri || !(await this.#git.ignores(real)))
  }

  /** Files that nobody has opened are read inside the workspace only, and links do not lead out of it. */
  async #mayRead(uri: string): Promise<boolean> {
    const { rules, reader } = this.parts
    if (rules().folderOf(uri) === undefined) return false
    if (!(await this.#decide(uri))) return false
    const real = await reader.real(uri)
    return real === uri || (await this.#isInside(real))
  }

  async #isInside(real: string): Promise<boolean> {
    if (this.parts.rules().folderOf(real) !== undefined) return true
    // The folder of the workspace itself may be a link.
    const folders = await Promise.all(
      this.parts.rules().folders.map((folder) => this.parts.reader.real(folder)),
    )
    return folders.some((folder) => real.startsWith(`${folder}/`))
  }

  #asOther(document: TextDocument): OtherDocument {
    const { uri, languageId } = document
    return { uri, languageId, path: this.#path(uri), text: unixLines(document.getText()) }
  }

  #path(uri: string): string {
    return this.parts.rules().relativePath(uri)
  }
}

function isOfUse({ text }: OtherText): boolean {
  return text.length <= mostFileBytes && text.trim() !== '' && !holdsPrivateKey(text)
}

function unixLines(text: string): string {
  return text.includes('\r') ? text.replaceAll('\r\n', '\n') : text
}
