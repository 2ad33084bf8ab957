// What the model gets to see around the cursor, and what kind of suggestion fits there.
import { commentLine } from './comment-line'
import { PromptLayout, windowEnd, type Layout } from './prompt-layout'
import type { Window } from './window-size'

/** A place to complete. `text` is the whole document; offsets count UTF-16 units into it. */
export interface CompletionInput {
  uri: string
  /** Name of the file as the model may see it. */
  path: string
  languageId: string
  text: string
  /** Characters at the start of `text` that stand in the cells above; absent outside notebooks. */
  above?: number
  offset: number
  trigger: 'automatic' | 'invoked'
  /** What the editor's own completion list has selected: the suggestion must continue as if it were taken. */
  selected?: { start: number; end: number; text: string }
}

/** Line breaks are `\n` in every text here, whatever the document uses. */
export interface CursorContext {
  uri: string
  languageId: string
  /** The last characters before the cursor, whatever the window: what caches recognize a place by. */
  near: string
  /** Text of the window before the cursor, and what follows it as filters see it, whatever the window. */
  before: string
  after: string
  /** What stands above the window. */
  above: string
  /** The cursor's line on both sides of it. */
  linePrefix: string
  lineSuffix: string
  /** Where the cursor stands in the document, counted from 0. */
  position: { line: number; character: number }
  /** One line, or a block: where a body is expected and nothing follows on the line. */
  mode: 'line' | 'block'
  /** The file's name as a comment, with which `prompt.prefix` begins; empty in languages without comments. */
  header: string
  /** What the provider is asked. */
  prompt: { prefix: string; typed: string; suffix: string }
  /** Where its parts come from. */
  layout: Layout
}

/** Characters that editors put after the cursor by themselves. */
export const closersOnly = /^\s*[)\]}>"'`]+\s*[;,:]?\s*$/

/**
 * Signs that are put after the cursor before what is between them is written: closers, and `{` of a head. A model that does not see
 * them is likely to write them too, and they are cut.
 */
export const signsOnly = /^(?=.{0,8}$)\s*[)\]}>"'`]*\s*(?:=>\s*)?[{;,:]?\s*$/

const nearChars = 512

// A suggestion of many lines is compared with as many below.
const afterChars = 1024

/** `window` bounds what the model reads, `prompts` knows what it has read. */
export function readContext(
  input: CompletionInput,
  window: Window,
  prompts: PromptLayout = new PromptLayout(),
): CursorContext {
  const { text, offset } = takeSelected(input)
  const layout = prompts.next({ uri: input.uri, text, offset }, window)
  const before = unixLines(layout.prefix + layout.typed)
  const after = unixLines(text.slice(offset, windowEnd(text, offset, afterChars)))
  const linePrefix = before.slice(before.lastIndexOf('\n') + 1)
  const lineSuffix = after.split('\n', 1)[0] ?? ''
  const header = commentLine(input.languageId, input.path)
  return {
    uri: input.uri,
    languageId: input.languageId,
    near: unixLines(text.slice(Math.max(0, offset - nearChars), offset)),
    before,
    after,
    above: unixLines(text.slice(0, layout.start)),
    linePrefix,
    lineSuffix,
    position: positionOf(input),
    mode: expectsBlock(linePrefix, lineSuffix) ? 'block' : 'line',
    header,
    prompt: {
      prefix: header + unixLines(layout.prefix),
      typed: unixLines(layout.typed),
      suffix: unixLines(layout.suffix),
    },
    layout,
  }
}

/** The document as it would be with the selected item of the completion list taken. */
export function takeSelected({ text, offset, selected }: CompletionInput): { text: string; offset: number } {
  if (!selected) return { text, offset }
  return {
    text: text.slice(0, selected.start) + selected.text + text.slice(selected.end),
    offset: selected.start + selected.text.length,
  }
}

function positionOf({ text, above = 0, offset }: CompletionInput): CursorContext['position'] {
  let line = 0
  let start = above
  for (let end = text.indexOf('\n', start); end >= 0 && end < offset; end = text.indexOf('\n', start)) {
    line++
    start = end + 1
  }
  return { line, character: offset - start }
}

export function opensBlock(line: string): boolean {
  return /[{([:]\s*$|=>\s*$|\b(?:then|do|else|begin)\s*$/.test(line)
}

function expectsBlock(linePrefix: string, lineSuffix: string): boolean {
  if (lineSuffix.trim() !== '') return false
  return linePrefix.trim() === '' || opensBlock(linePrefix)
}

export function unixLines(text: string): string {
  return text.includes('\r') ? text.replaceAll('\r\n', '\n') : text
}
