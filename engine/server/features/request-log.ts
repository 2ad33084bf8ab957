// Hands out the last prompts, for "Show Log" and for finding out why nothing was suggested.
import { RequestLogRequest } from '../../protocol/messages'
import type { Feature } from '../feature'

export const requestLog: Feature = {
  register(connection, host) {
    connection.onRequest(RequestLogRequest.type, () => host.requests.entries())
    return {}
  },
}
