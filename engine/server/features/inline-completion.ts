// Ghost text, by the standard request that any LSP 3.18 editor knows.
import {
  InlineCompletionTriggerKind,
  type InlineCompletionContext,
  type InlineCompletionItem,
  type Position,
} from 'vscode-languageserver/node'
import type { TextDocument } from 'vscode-languageserver-textdocument'
import { URI, Utils } from 'vscode-uri'
import type { Suggestion } from '../../complete/complete'
import type { CompletionInput } from '../../complete/context'
import { describeError } from '../../protocol/errors'
import type { RequestLogRequest } from '../../protocol/messages'
import { handle } from '../edge'
import type { Feature } from '../feature'

export const inlineCompletion: Feature = {
  register(connection, host) {
    connection.languages.inlineCompletion.on((params, token) =>
      handle(token, host.log, async (signal) => {
        const document = host.documents.get(params.textDocument.uri)
        if (!document) return []
        const refusal = host.rules().refusal(document.uri)
        if (refusal !== undefined) {
          host.requests.add(refused(document.uri, params.position, refusal))
          return []
        }
        const { version } = document
        const above = host.notebooks.above(document)
        const input = readInput(document, params.position, params.context, above)
        host.ahead.asked(input)
        const suggestion = await host.completer
          .complete(input, signal)
          // While typing nothing pops up: editors show a failed request as a message. The log and the status tell.
          .catch((error: unknown) => {
            host.log.error(`No suggestion: ${describeError(error)}`)
            return undefined
          })
        const others =
          suggestion && input.trigger === 'invoked'
            ? await host.completer.alternatives(input, suggestion, signal)
            : []
        // Text that has changed since is not the text that was completed, even when the client forgot to cancel.
        const stale = document.version !== version
        if (!suggestion || stale) return []
        host.ahead.suggested(input, suggestion)
        return [suggestion, ...others].map((one) => toItem(document, one, above.length))
      }),
    )
    return { inlineCompletionProvider: true }
  },
}

/** Nothing of the text: that is the point. */
function refused(uri: string, position: Position, reason: string): Omit<RequestLogRequest.Entry, 'at'> {
  return {
    kind: 'completion',
    prompt: '',
    text: '',
    shown: '',
    outcome: `suggestions are off in this file: ${reason}`,
    answeredBy: 'gate',
    place: { uri, ...position },
  }
}

/** A place to complete. Without a `context` nobody has asked for it; `above` is the text of the cells above. */
export function readInput(
  document: TextDocument,
  position: Position,
  context?: InlineCompletionContext,
  above = '',
): CompletionInput {
  const selected = context?.selectedCompletionInfo
  const offsetAt = (place: Position): number => above.length + document.offsetAt(place)
  return {
    uri: document.uri,
    path: Utils.basename(URI.parse(document.uri)),
    languageId: document.languageId,
    text: above + document.getText(),
    above: above.length,
    offset: offsetAt(position),
    trigger: context?.triggerKind === InlineCompletionTriggerKind.Invoked ? 'invoked' : 'automatic',
    ...(selected
      ? {
          selected: {
            start: offsetAt(selected.range.start),
            end: offsetAt(selected.range.end),
            text: selected.text,
          },
        }
      : {}),
  }
}

function toItem(
  document: TextDocument,
  { text, start, end }: Suggestion,
  above: number,
): InlineCompletionItem {
  const windows = document.getText().includes('\r\n')
  return {
    insertText: windows ? text.replaceAll('\n', '\r\n') : text,
    range: { start: document.positionAt(start - above), end: document.positionAt(end - above) },
  }
}
