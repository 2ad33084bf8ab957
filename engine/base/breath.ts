// Keeps a loop of quick steps from holding the event loop: promises alone never let the wire be read.
import { breathe } from './signal'

/** A function to await between steps; it lets the event loop run once when `everyMs` milliseconds have passed since it last did. */
export function breather(everyMs = 8): () => Promise<void> {
  let rested = performance.now()
  return async () => {
    if (performance.now() - rested < everyMs) return
    await breathe()
    rested = performance.now()
  }
}
