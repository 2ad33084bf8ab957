// Open documents as the client keeps them, which also tell what was changed in them.
import type { TextDocumentContentChangeEvent } from 'vscode-languageserver/node'
import { TextDocuments } from 'vscode-languageserver/node'
import { TextDocument } from 'vscode-languageserver-textdocument'
import type { LineChange } from '../complete/other-files/edit-history'

/** `changed` is called after each change; one of the whole document has no lines. */
export function watchedDocuments(
  changed: (document: TextDocument, changes: readonly LineChange[]) => void,
): TextDocuments<TextDocument> {
  return new TextDocuments<TextDocument>({
    create: (uri, languageId, version, content) => TextDocument.create(uri, languageId, version, content),
    update: (document, changes, version) => {
      const updated = TextDocument.update(document, changes, version)
      changed(updated, changes.flatMap(lineChange))
      return updated
    },
  })
}

function lineChange(change: TextDocumentContentChangeEvent): LineChange[] {
  if (!('range' in change)) return []
  const { start, end } = change.range
  return [{ firstLine: start.line, lastLine: end.line, newLines: change.text.split('\n').length }]
}
