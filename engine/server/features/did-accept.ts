// The user took a suggestion: the next one is expected at once.
import { DidAcceptNotification } from '../../protocol/messages'
import type { Feature } from '../feature'

export const didAccept: Feature = {
  register(connection, host) {
    connection.onNotification(DidAcceptNotification.type, ({ uri }) => {
      host.completer.accepted(uri)
      const document = host.documents.get(uri)
      if (document) host.ahead.accepted(uri, document.getText())
    })
    return {}
  },
}
