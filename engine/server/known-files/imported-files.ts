// The files that a document imports by relative paths, read in the background.
import { URI, Utils } from 'vscode-uri'
import { relativeImports } from '../../complete/other-files/imports'
import type { OtherDocument } from '../../complete/other-files/surroundings'
import type { FileReader } from './file-reader'

export interface ImportedFilesParts {
  reader: FileReader
  /** Whether a file may be read at all. It is inside the workspace then. */
  mayRead: (uri: string) => Promise<boolean>
  relativePath: (uri: string) => string
  /** Something else is known now than before. */
  onRead: () => void
}

interface Known {
  /** What the document imported when they were read. */
  imports: string
  at: number
  files: readonly OtherDocument[]
}

const mostFiles = 16
const mostDocuments = 16

// A file that is changed by other programs is read again after so long.
const freshMs = 30_000

export class ImportedFiles {
  readonly #known = new Map<string, Known>()

  constructor(private readonly parts: ImportedFilesParts) {}

  /** Those that are known now. */
  of(uri: string): readonly OtherDocument[] {
    return this.#known.get(uri)?.files ?? []
  }

  /** Reads them unless that has been done. */
  async refresh(uri: string, languageId: string, text: string): Promise<void> {
    const candidates = relativeImports(text, languageId)
    const imports = JSON.stringify(candidates)
    const known = this.#known.get(uri)
    if (known?.imports === imports && performance.now() - known.at < freshMs) return
    // At once, so that it is not done twice.
    this.#remember(uri, { imports, at: performance.now(), files: known?.files ?? [] })
    const folder = Utils.dirname(URI.parse(uri))
    const files: OtherDocument[] = []
    for (const paths of candidates.slice(0, mostFiles)) {
      const file = await this.#first(
        paths.map((path) => Utils.joinPath(folder, path).toString()),
        languageId,
      )
      if (file && file.uri !== uri) files.push(file)
    }
    this.#remember(uri, { imports, at: performance.now(), files })
    if (JSON.stringify(files) !== JSON.stringify(known?.files ?? [])) this.parts.onRead()
  }

  clear(): void {
    this.#known.clear()
  }

  #remember(uri: string, known: Known): void {
    this.#known.delete(uri)
    this.#known.set(uri, known)
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= mostDocuments) break
      this.#known.delete(oldest)
    }
  }

  async #first(uris: readonly string[], languageId: string): Promise<OtherDocument | undefined> {
    for (const uri of uris) {
      if (!(await this.parts.mayRead(uri))) continue
      const text = await this.parts.reader.text(uri)
      if (text !== undefined) return { uri, path: this.parts.relativePath(uri), languageId, text }
    }
    return undefined
  }
}
