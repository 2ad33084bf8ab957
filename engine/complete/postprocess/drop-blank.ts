// Ghost text that cannot be seen is only in the way.
import type { CursorContext } from '../context'

export function dropBlank(text: string, { lineSuffix }: CursorContext): string {
  if (text.trim() === '') return ''
  // Before other text a blank may be meant: `{ a: 1 ┃}`.
  return lineSuffix.trim() === '' ? text.trimEnd() : text
}
