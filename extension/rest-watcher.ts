// Tells the engine where the cursor has come to rest, so that it can read there before somebody types.
import * as vscode from 'vscode'
import type { DidRestNotification } from '../engine/protocol/messages'
import { documentSelector } from './documents'

// Longer than a pause between two keystrokes, shorter than it takes to read a line.
const restMs = 500

export function watchRest(didRest: (params: DidRestNotification.Params) => void): vscode.Disposable {
  let timer: NodeJS.Timeout | undefined
  const moved = (): void => {
    clearTimeout(timer)
    timer = setTimeout(() => {
      const editor = vscode.window.activeTextEditor
      if (!editor?.selection.isEmpty || vscode.languages.match(documentSelector, editor.document) === 0)
        return
      const { line, character } = editor.selection.active
      didRest({ uri: editor.document.uri.toString(), position: { line, character } })
    }, restMs)
  }
  moved()
  return vscode.Disposable.from(
    vscode.window.onDidChangeActiveTextEditor(moved),
    vscode.window.onDidChangeTextEditorSelection(({ textEditor }) => {
      if (textEditor === vscode.window.activeTextEditor) moved()
    }),
    { dispose: () => clearTimeout(timer) },
  )
}
