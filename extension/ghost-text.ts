// The gates before a suggestion is asked for, and the mark that tells the engine which one was taken.
import * as vscode from 'vscode'
import type { Middleware } from 'vscode-languageclient/node'
import type { Log } from '../engine/base/log'
import { describeError } from '../engine/protocol/errors'
import { readSettings } from './configuration'
import { completionAllowed } from './settings'

/** Run by VS Code when a suggestion is taken whole; arguments: document URI, inserted text. */
export const didAcceptCommand = 'hearth.didAccept'

/** Middleware for `textDocument/inlineCompletion`. Everything that needs thought happens in the engine. */
export function ghostTextMiddleware(log: Log): Pick<Middleware, 'provideInlineCompletionItems'> {
  return {
    async provideInlineCompletionItems(document, position, context, token, next) {
      if (!isOpen(document, context)) return null
      try {
        const answer = await next(document, position, context, token)
        return markItems(document, answer)
      } catch (error) {
        if (error instanceof vscode.CancellationError) return null
        log.warn(`No suggestion: ${describeError(error)}`)
        return null
      }
    },
  }
}

function isOpen(document: vscode.TextDocument, context: vscode.InlineCompletionContext): boolean {
  const editor = vscode.window.activeTextEditor
  // Ghost text at one end of a selection would replace nothing and hide what Tab is going to do.
  if (editor?.document === document && !editor.selection.isEmpty) return false
  // Asked for by hand: the user wants one now, whatever the switch for typing says.
  if (context.triggerKind === vscode.InlineCompletionTriggerKind.Invoke) return true
  return completionAllowed(readSettings(), document.languageId)
}

function markItems(
  document: vscode.TextDocument,
  answer: vscode.InlineCompletionItem[] | vscode.InlineCompletionList | null | undefined,
): vscode.InlineCompletionItem[] {
  const items = Array.isArray(answer) ? answer : (answer?.items ?? [])
  for (const item of items) {
    const text = typeof item.insertText === 'string' ? item.insertText : item.insertText.value
    item.command = {
      command: didAcceptCommand,
      title: 'Suggestion accepted',
      arguments: [document.uri.toString(), text],
    }
  }
  return items
}
