// Tells the engine where names near the cursor are declared, as VS Code's own language support says; never while somebody types.
import * as vscode from 'vscode'
import type { Log } from '../engine/base/log'
import { describeError } from '../engine/protocol/errors'
import { DeclarationsNotification, DidGrantTrustNotification } from '../engine/protocol/messages'
import type { Engine } from './client'
import { readSettings } from './configuration'
import { documentSelector } from './documents'
import { namesNear } from './names-near'
import { completionAllowed } from './settings'

// The cursor rests.
const restMs = 400

// Language support that needs longer is busy with something else.
const budgetMs = 1000

const linesBefore = 12

/** Until disposed. */
export function watchDeclarations(engine: Engine, log: Log): vscode.Disposable {
  let timer: NodeJS.Timeout | undefined
  let turn = 0
  const later = (): void => {
    turn++
    clearTimeout(timer)
    const mine = turn
    timer = setTimeout(() => {
      lookUp(engine, () => mine === turn).catch((error: unknown) =>
        log.debug(`Declarations were not looked up: ${describeError(error)}`),
      )
    }, restMs)
  }
  return vscode.Disposable.from(
    vscode.window.onDidChangeActiveTextEditor(later),
    vscode.window.onDidChangeTextEditorSelection(later),
    vscode.workspace.onDidGrantWorkspaceTrust(() => {
      engine
        .client()
        .then((client) => client.sendNotification(DidGrantTrustNotification.type))
        .catch((error: unknown) => log.debug(`The engine was not told of trust: ${describeError(error)}`))
    }),
    { dispose: () => clearTimeout(timer) },
  )
}

async function lookUp(engine: Engine, isNewest: () => boolean): Promise<void> {
  const editor = vscode.window.activeTextEditor
  if (!editor || !vscode.workspace.isTrusted || engine.status.state !== 'ready') return
  const { document, selection } = editor
  const settings = readSettings()
  if (settings.completion.otherFiles === 'off' || !completionAllowed(settings, document.languageId)) return
  if (vscode.languages.match(documentSelector, document) === 0) return
  const declarations = await declarationsNear(document, selection.active, isNewest)
  if (!isNewest() || declarations.length === 0) return
  const client = await engine.client()
  await client.sendNotification(DeclarationsNotification.type, { uri: document.uri.toString(), declarations })
}

async function declarationsNear(
  document: vscode.TextDocument,
  cursor: vscode.Position,
  isNewest: () => boolean,
): Promise<DeclarationsNotification.Params['declarations']> {
  const firstLine = Math.max(0, cursor.line - linesBefore)
  const before = document.getText(new vscode.Range(firstLine, 0, cursor.line, cursor.character))
  const deadline = performance.now() + budgetMs
  const declarations: DeclarationsNotification.Params['declarations'] = []
  // One after the other: what somebody waits for in the editor comes in between.
  for (const { name, line, character } of namesNear(before.split(/\r?\n/), firstLine)) {
    if (!isNewest() || performance.now() > deadline) break
    const place = await definitionOf(document.uri, new vscode.Position(line, character))
    if (place && place.uri !== document.uri.toString()) declarations.push({ name, ...place })
  }
  return declarations
}

async function definitionOf(
  uri: vscode.Uri,
  position: vscode.Position,
): Promise<{ uri: string; line: number } | undefined> {
  const [found] = await vscode.commands.executeCommand<(vscode.Location | vscode.LocationLink)[]>(
    'vscode.executeDefinitionProvider',
    uri,
    position,
  )
  if (found === undefined) return undefined
  return 'targetUri' in found
    ? { uri: found.targetUri.toString(), line: found.targetRange.start.line }
    : { uri: found.uri.toString(), line: found.range.start.line }
}
