// Takes out what belongs to the prompt format or to Markdown, not to the document.
import type { CursorContext } from '../context'

// Control tokens as plain text, and bytes that are no character: a model that writes them has left the document.
const control =
  /<\|[a-z0-9_]+\|>|<｜[^｜\n]{1,40}｜>|<fim_(?:prefix|suffix|middle|pad)>|<(?:PRE|SUF|MID|EOT)>|\[(?:PREFIX|SUFFIX|MIDDLE)\]|\ufffd/u

const openingFence = /^\s*```[\w+-]*[ \t]*\n/
const laterFence = /(?:^|\n)[ \t]*```/

export function stripLeaked(text: string, context: CursorContext): string {
  const token = control.exec(text)
  const kept = token ? text.slice(0, token.index) : text
  if (context.languageId === 'markdown') return kept
  const inside = kept.replace(openingFence, '')
  const fence = laterFence.exec(inside)
  return fence ? inside.slice(0, fence.index) : inside
}
