// Hands out the last prompts, for "Show Log" and for finding out why nothing was suggested.
import * as v from 'valibot'
import { DidNotAskNotification, RequestLogRequest, WhyPageRequest } from '../../protocol/messages'
import { parseParams } from '../edge'
import type { Feature } from '../feature'
import { writeWhyPage } from '../why-page'

const count = v.pipe(v.number(), v.integer(), v.minValue(0))
const didNotAskParams = v.object({
  uri: v.string(),
  position: v.object({ line: count, character: count }),
  reason: v.string(),
})

export const requestLog: Feature = {
  register(connection, host) {
    connection.onRequest(RequestLogRequest.type, () => host.requests.entries())
    connection.onRequest(WhyPageRequest.type, () => {
      const provider = host.models.current()
      return writeWhyPage(host.requests.entries(), {
        ...(provider && { countTokens: (text) => provider.countTokens(text) }),
      })
    })
    connection.onNotification(DidNotAskNotification.type, (params) => {
      const { uri, position, reason } = parseParams(didNotAskParams, params)
      host.requests.add({
        kind: 'completion',
        prompt: '',
        text: '',
        shown: '',
        outcome: reason,
        answeredBy: 'gate',
        place: { uri, ...position },
      })
    })
    return {}
  },
}
