// Puts text from the chat where the user was typing.
import * as vscode from 'vscode'

/** Replaces the selections of the last used editor; without one the text opens as a new document. */
export async function insertAtCursor(text: string, last: vscode.TextEditor | undefined): Promise<void> {
  const active = vscode.window.activeTextEditor
  const editor = active ?? (last !== undefined && !last.document.isClosed ? last : undefined)
  if (editor === undefined) {
    await vscode.window.showTextDocument(await vscode.workspace.openTextDocument({ content: text }))
    return
  }
  // A remembered editor may be behind another tab by now; showing its document gives the one to edit.
  const target = await vscode.window.showTextDocument(editor.document, {
    ...(editor.viewColumn === undefined ? {} : { viewColumn: editor.viewColumn }),
    selection: editor.selection,
  })
  const done = await target.edit((edit) => {
    for (const selection of target.selections) edit.replace(selection, text)
  })
  if (!done) void vscode.window.showWarningMessage('Hearth: this editor cannot be changed.')
}
