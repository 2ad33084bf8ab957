// Reconciles a suggestion with the closers an editor has already put after the cursor.
import { firstUnmatched } from './brackets'
import { closersOnly } from './context'

export interface Fitted {
  text: string
  /** Characters after the cursor that the suggestion replaces; it writes them itself, among others. */
  replaced: number
}

/**
 * `foo(┃)` and `a, b)` need `a, b` only. `foo(┃)` and `a).then(b)` must replace the `)`: an insertion alone would double it.
 * Editors show a replacement as ghost text only when the replaced text is contained in it in order, so nothing else is replaced.
 */
export function fitClosers(text: string, lineSuffix: string): Fitted {
  const untouched = { text, replaced: 0 }
  if (!closersOnly.test(lineSuffix)) return untouched
  const there = lineSuffix.trim()
  const at = firstUnmatched(text, there.charAt(0))
  if (at < 0) return untouched
  const tail = text.slice(at).trimEnd()
  if (there.startsWith(tail)) return { text: text.slice(0, at), replaced: 0 }
  if (containsInOrder(tail, there)) return { text: text.trimEnd(), replaced: lineSuffix.trimEnd().length }
  return { text: text.slice(0, at), replaced: 0 }
}

function containsInOrder(text: string, wanted: string): boolean {
  let at = 0
  for (const char of wanted) {
    at = text.indexOf(char, at) + 1
    if (at === 0) return false
  }
  return true
}
