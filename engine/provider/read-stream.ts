// Reads an answer of the model to its end, or leaves it in good order.
import { breather } from '../base/breath'
import type { Finished, TextStream } from './provider'

/** How an answer ends that was stopped before its first word. */
export const nothingSaid: Finished = {
  finishReason: 'cancelled',
  usage: { promptTokens: 0, reusedTokens: 0, completionTokens: 0, prefillMs: 0, decodeMs: 0 },
  droppedMessages: 0,
}

/** Hands every piece to `onText` and resolves with how the answer ended. Throws what the stream or `onText` throws. */
export async function readStream(stream: TextStream, onText: (text: string) => void): Promise<Finished> {
  // A tiny model on a fast machine answers in one go otherwise, deaf to "stop".
  const breathe = breather()
  try {
    let next = await stream.next()
    while (!next.done) {
      onText(next.value)
      await breathe()
      next = await stream.next()
    }
    return next.value
  } finally {
    // Left at a piece, the generator would keep its session locked for ever; at its end this does nothing.
    await stream.return(nothingSaid)
  }
}
