// The command "Explain Code": finds the code, shows the chat, asks.
import * as vscode from 'vscode'
import type { ChatController } from './chat-controller'
import type { ChatView } from './chat-view'
import { explainTarget, explainTitle, type SymbolNode } from './explain-target'

/** Explains the selection, or what the cursor is in. Tells the user when there is no code. */
export async function explainCode(view: ChatView, chat: ChatController): Promise<void> {
  const editor = vscode.window.activeTextEditor
  if (editor === undefined) return tell('Open a file and put the cursor into the code to be explained.')
  const { document, selection } = editor
  const symbols = selection.isEmpty ? await documentSymbols(document) : []
  const target = explainTarget(document.getText().split(/\r?\n/), selection, symbols)
  if (target === undefined) return tell('This file is empty: there is nothing to explain.')

  const { start, end } = target.range
  const code = document.getText(new vscode.Range(start.line, start.character, end.line, end.character))
  const path = vscode.workspace.asRelativePath(document.uri)
  const { languageId } = document
  await view.reveal()
  await chat.explain(explainTitle(target, path, languageId, code), { code, languageId, path })
}

async function documentSymbols(document: vscode.TextDocument): Promise<SymbolNode[]> {
  const symbols = await vscode.commands.executeCommand<
    (vscode.DocumentSymbol | vscode.SymbolInformation)[] | undefined
  >('vscode.executeDocumentSymbolProvider', document.uri)
  // SymbolInformation is the old flat form: no nesting, and a range that may be the name alone. Of no use here.
  return (symbols ?? []).filter((symbol) => 'children' in symbol)
}

function tell(text: string): void {
  void vscode.window.showInformationMessage(`Hearth: ${text}`)
}
