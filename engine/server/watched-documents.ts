// Open documents as the client keeps them, which also tell what was changed in them.
import type { TextDocumentContentChangeEvent } from 'vscode-languageserver/node'
import { TextDocuments } from 'vscode-languageserver/node'
import { TextDocument } from 'vscode-languageserver-textdocument'
import type { LineChange } from '../complete/other-files/edit-history'

/** `changed` is called after each change. */
export function watchedDocuments(
  changed: (document: TextDocument, changes: readonly LineChange[]) => void,
): TextDocuments<TextDocument> {
  return new TextDocuments<TextDocument>({
    create: (uri, languageId, version, content) => TextDocument.create(uri, languageId, version, content),
    update: (document, changes, version) => {
      const updated = TextDocument.update(document, changes, version)
      changed(updated, changes.map(lineChange))
      return updated
    },
  })
}

function lineChange(change: TextDocumentContentChangeEvent): LineChange {
  const newLines = change.text.split('\n').length
  // The whole document, as editors send it that count no changes.
  if (!('range' in change)) return { firstLine: 0, lastLine: Number.MAX_SAFE_INTEGER, newLines }
  const { start, end } = change.range
  return { firstLine: start.line, lastLine: end.line, newLines }
}
