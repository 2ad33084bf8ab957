// For models without fill-in-the-middle tokens: in the middle of a line they do not see what follows, and what they write counts only if it
// comes to that by itself.
import { firstUnclosed } from './brackets'
import { closersOnly, signsOnly } from './context'
import type { Doubt } from './postprocess/confidence'

// A few characters, to the end of a word: further on a model may well say the same in other words.
const compared = /^.{0,6}[\p{L}\p{N}_$]*/u

/** Whether the rest of the line is more than signs that an editor puts there, and not behind a bracket, which ends the text anyway. */
export function hasRest(lineSuffix: string): boolean {
  const rest = lineSuffix.trim()
  return rest !== '' && !/^[)\]}]/.test(rest) && !closersOnly.test(lineSuffix) && !signsOnly.test(lineSuffix)
}

/** Where in `text` the rest of the line begins, or -1: the part before it is what belongs at the cursor. */
export function restAt(text: string, lineSuffix: string): number {
  const rest = compared.exec(lineSuffix.trim())?.[0] ?? ''
  for (let at = text.indexOf(rest, 1); at >= 0; at = text.indexOf(rest, at + 1)) {
    const before = text.slice(0, at)
    if (!splitsWord(before, rest) && firstUnclosed(before) < 0) return at
  }
  return -1
}

/** What to keep of a text that has ended. */
export function doubtBeforeRest(text: string, lineSuffix: string): Doubt {
  const at = restAt(text, lineSuffix)
  if (at >= 0) {
    const before = text.slice(0, at)
    const keep = /^\s/.test(lineSuffix) ? before.trimEnd().length : at
    return { keep, reason: 'up to what follows on the line' }
  }
  return {
    keep: 0,
    reason: 'what was written does not come to the rest of the line, which this model does not see',
  }
}

function splitsWord(before: string, rest: string): boolean {
  return /[\p{L}\p{N}_$]$/u.test(before) && /^[\p{L}\p{N}_$]/u.test(rest)
}
