// What the page "Why No Suggestion?" says: the engine writes it.
import { describeError } from '../engine/protocol/errors'
import { WhyPageRequest } from '../engine/protocol/messages'
import type { Engine } from './client'
import { fromWire } from './wire-error'

/** Never rejects: an engine that does not run is the answer to the page's question. */
export async function readWhyPage(engine: Engine): Promise<string> {
  try {
    const client = await engine.client()
    return await client.sendRequest(WhyPageRequest.type)
  } catch (error) {
    return `# Why no suggestion?\n\nThe engine does not answer. ${describeError(fromWire(error))}\n`
  }
}
