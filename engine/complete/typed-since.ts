// Whether what is typed leads from one place to another, and still agrees with what the model writes there.
import type { CursorContext } from './context'
import { sameAfter } from './ghost-cache'

/** What was typed between two places, or undefined when one does not lead to the other. */
export function typedSince(then: CursorContext, now: CursorContext): string | undefined {
  if (then.uri !== now.uri || !sameAfter(then.after, now.after)) return undefined
  // The end of the older text is looked up in the newer one; both hold the last characters only.
  const anchor = then.near.slice(-128)
  const at = now.near.lastIndexOf(anchor)
  if (at < 0 || (then.near.length < 128 && at > 0)) return undefined
  return now.near.slice(at + anchor.length)
}

/** Whether a suggestion and what was typed can both be right so far. */
export function agrees(text: string, typed: string): boolean {
  return text.startsWith(typed) || typed.startsWith(text)
}
