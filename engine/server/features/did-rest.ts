// The cursor rests somewhere: time to read what stands there, before somebody types.
import * as v from 'valibot'
import { DidRestNotification } from '../../protocol/messages'
import { parseParams } from '../edge'
import type { Feature } from '../feature'
import { readInput } from './inline-completion'

const count = v.pipe(v.number(), v.integer(), v.minValue(0))
const didRestParams = v.object({
  uri: v.string(),
  position: v.object({ line: count, character: count }),
})

export const didRest: Feature = {
  register(connection, host) {
    connection.onNotification(DidRestNotification.type, (params) => {
      const { uri, position } = parseParams(didRestParams, params)
      const document = host.documents.get(uri)
      if (document && host.rules().refusal(uri) === undefined)
        host.ahead.rested(readInput(document, position))
    })
    return {}
  },
}
