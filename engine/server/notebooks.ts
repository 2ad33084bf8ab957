// Notebooks: each cell is a document of its own, and what its code stands on is in the cells above.
import {
  NotebookCellKind,
  NotebookDocuments,
  type Connection,
  type ServerCapabilities,
  type TextDocuments,
} from 'vscode-languageserver/node'
import type { TextDocument } from 'vscode-languageserver-textdocument'

export interface Notebooks {
  readonly capabilities: ServerCapabilities
  /** Code of the cells above a cell, in its language, each with an empty line after it; empty for every other document. */
  above(cell: TextDocument): string
}

/** Cells of clients that know notebooks come into `documents`, as if each had been opened by itself. Call it before `listen`. */
export function listenToNotebooks(connection: Connection, documents: TextDocuments<TextDocument>): Notebooks {
  const notebooks = new NotebookDocuments(documents)
  notebooks.listen(connection)
  return {
    capabilities: {
      notebookDocumentSync: { notebookSelector: [{ notebook: '*', cells: [{ language: '*' }] }] },
    },
    above({ uri, languageId }) {
      const cells = notebooks.findNotebookDocumentForCell(uri)?.cells ?? []
      return cells
        .slice(
          0,
          cells.findIndex(({ document }) => document === uri),
        )
        .filter(({ kind }) => kind === NotebookCellKind.Code)
        .map(({ document }) => documents.get(document))
        .filter((document) => document?.languageId === languageId)
        .map((document) => `${document?.getText().trimEnd()}\n\n`)
        .join('')
    },
  }
}
