// The gate that only the editor knows, and the mark that tells the engine which one was taken.
import * as vscode from 'vscode'
import type { Middleware } from 'vscode-languageclient/node'
import type { Log } from '../engine/base/log'
import { describeError } from '../engine/protocol/errors'
import type { DidNotAskNotification } from '../engine/protocol/messages'

/** Run by VS Code when a suggestion is taken whole; arguments: document URI, inserted text. */
export const didAcceptCommand = 'hearth.didAccept'

/** Hears of what the statistics count. */
export interface GhostTextObserver {
  /** The editor is given a suggestion, after so many milliseconds. */
  suggested(uri: string, text: string, ms: number): void
  /** The model was asked with a prompt of so many tokens. */
  read(promptTokens: number, reusedTokens: number): void
}

/**
 * Middleware for `textDocument/inlineCompletion`. Everything that needs thought happens in the engine; `didNotAsk` lets it tell people
 * about what does not.
 */
export function ghostTextMiddleware(
  log: Log,
  observer: GhostTextObserver,
  didNotAsk: (params: DidNotAskNotification.Params) => void,
): Pick<Middleware, 'provideInlineCompletionItems'> {
  return {
    async provideInlineCompletionItems(document, position, context, token, next) {
      if (hasSelection(document)) {
        const { line, character } = position
        didNotAsk({
          uri: document.uri.toString(),
          position: { line, character },
          reason: 'text is selected, and taking a suggestion would not replace it',
        })
        return null
      }
      try {
        const start = performance.now()
        const items = markItems(document, await next(document, position, context, token))
        const [text] = items.map(textOf)
        if (text !== undefined && !token.isCancellationRequested)
          observer.suggested(document.uri.toString(), text, performance.now() - start)
        return items
      } catch (error) {
        if (error instanceof vscode.CancellationError) return null
        log.warn(`No suggestion: ${describeError(error)}`)
        return null
      }
    },
  }
}

// Ghost text at one end of a selection would replace nothing and hide what Tab is going to do.
function hasSelection(document: vscode.TextDocument): boolean {
  const editor = vscode.window.activeTextEditor
  return editor?.document === document && !editor.selection.isEmpty
}

function markItems(
  document: vscode.TextDocument,
  answer: vscode.InlineCompletionItem[] | vscode.InlineCompletionList | null | undefined,
): vscode.InlineCompletionItem[] {
  const items = Array.isArray(answer) ? answer : (answer?.items ?? [])
  for (const item of items) {
    item.command = {
      command: didAcceptCommand,
      title: 'Suggestion accepted',
      arguments: [document.uri.toString(), textOf(item)],
    }
  }
  return items
}

function textOf({ insertText }: vscode.InlineCompletionItem): string {
  return typeof insertText === 'string' ? insertText : insertText.value
}
