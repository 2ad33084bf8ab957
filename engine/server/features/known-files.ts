// Other files for prompts: which are open, where names are declared, what the workspace is and whether it is trusted.
import * as v from 'valibot'
import { DidChangeWorkspaceFoldersNotification } from 'vscode-languageserver/node'
import { DeclarationsNotification, DidGrantTrustNotification } from '../../protocol/messages'
import { parseParams } from '../edge'
import type { Feature } from '../feature'

const declarationsParams = v.object({
  uri: v.string(),
  declarations: v.array(
    v.object({ name: v.string(), uri: v.string(), line: v.pipe(v.number(), v.integer(), v.minValue(0)) }),
  ),
})

export const knownFiles: Feature = {
  register(connection, host) {
    host.documents.onDidOpen(({ document }) => host.files.opened(document))
    host.documents.onDidClose(({ document }) => host.files.closed(document))
    connection.onNotification(DeclarationsNotification.type, async (params) => {
      const { uri, declarations } = parseParams(declarationsParams, params)
      await host.files.declared(uri, declarations)
    })
    connection.onNotification(DidGrantTrustNotification.type, () => host.grantTrust())
    connection.onNotification(DidChangeWorkspaceFoldersNotification.type, ({ event }) =>
      host.changeFolders(
        event.added.map(({ uri }) => uri),
        event.removed.map(({ uri }) => uri),
      ),
    )
    return { workspace: { workspaceFolders: { supported: true, changeNotifications: true } } }
  },
}
