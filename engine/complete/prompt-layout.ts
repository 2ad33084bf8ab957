// Which text goes where in a prompt, so that a keystroke leaves all of it but the end as the model has read it.
import type { Window } from './window-size'

/** A cursor in a document. */
export interface Place {
  uri: string
  text: string
  offset: number
}

/** Parts of the document as it is, line breaks included. */
export interface Layout {
  /** Where the model's text begins. */
  start: number
  /** From there to the line in which typing began. */
  prefix: string
  /** From the end of `prefix` to the cursor. */
  typed: string
  /** What followed the cursor when typing began, apart from closers that the editor has added since. */
  suffix: string
}

// A text that has grown so much beyond the window is begun anew; half of it, after going up, is too little.
const mostWindows = 1.5
const leastWindows = 0.5

// What is typed stands after the suffix in most prompts. Models have seen middles of a few lines there.
const mostTyped = 512

// By so much the beginning of a window is found again.
const headChars = 256

const addedByEditors = /^[\s)\]}>"'`]{0,16}/

/** Remembers what the model has read last. */
export class PromptLayout {
  #read: (Layout & { uri: string }) | undefined

  /** The layout to ask with, which is the one before, where it still fits. */
  next(place: Place, window: Window): Layout {
    return this.#continued(place, window) ?? this.#anew(place, window)
  }

  /** Whether a prompt with this layout only adds to what the model has read last. */
  continues(uri: string, { prefix, suffix }: Layout): boolean {
    return this.#read?.uri === uri && this.#read.prefix === prefix && this.#read.suffix === suffix
  }

  /** The model is asked with this. */
  note(uri: string, layout: Layout): void {
    this.#read = { uri, ...layout }
  }

  #continued({ uri, text, offset }: Place, window: Window): Layout | undefined {
    const read = this.#read
    if (read?.uri !== uri) return undefined
    const { prefix, suffix } = read
    const start = find(prefix, text, read.start, Math.max(0, offset - mostTyped - prefix.length), offset)
    if (start === undefined || offset - start > mostWindows * window.before) return undefined
    const anchor = start + prefix.length
    if (anchor > offset || offset - anchor > mostTyped || !follows(suffix, text, offset)) return undefined
    return { start, prefix, typed: text.slice(anchor, offset), suffix }
  }

  #anew(place: Place, window: Window): Layout {
    const { text, offset } = place
    const start = this.#sameStart(place, window) ?? freshStart(text, offset, window.before)
    const lineStart = Math.max(start, text.lastIndexOf('\n', offset - 1) + 1)
    const anchor = offset - lineStart > mostTyped ? offset : lineStart
    return {
      start,
      prefix: text.slice(start, anchor),
      typed: text.slice(anchor, offset),
      suffix: text.slice(offset, windowEnd(text, offset, window.after)),
    }
  }

  #sameStart({ uri, text, offset }: Place, window: Window): number | undefined {
    const read = this.#read
    if (read?.uri !== uri) return undefined
    const head = read.prefix.slice(0, headChars)
    if (read.start > 0 && head.length < headChars) return undefined
    const start = find(head, text, read.start, Math.max(0, offset - mostWindows * window.before), offset)
    return start !== undefined && fits(offset - start, start, window) ? start : undefined
  }
}

/** Up to `chars` of what follows the cursor, to the end of a line. */
export function windowEnd(text: string, offset: number, chars: number): number {
  const end = Math.min(text.length, offset + chars)
  if (end === text.length) return end
  const lineEnd = text.lastIndexOf('\n', end)
  return lineEnd > offset ? lineEnd : end
}

function freshStart(text: string, offset: number, chars: number): number {
  if (offset <= chars) return 0
  const lineStart = text.indexOf('\n', offset - chars) + 1
  return lineStart > 0 && lineStart <= offset ? lineStart : offset - chars
}

/**
 * Where `part` stands: at `before`, or between `from` and `to` after an edit above it. The beginning of a document has nothing above,
 * and what is new there is to be read.
 */
function find(part: string, text: string, before: number, from: number, to: number): number | undefined {
  if (text.startsWith(part, before)) return before
  if (before === 0) return undefined
  const at = text.slice(from, to).lastIndexOf(part)
  return at < 0 ? undefined : from + at
}

function fits(chars: number, start: number, { before }: Window): boolean {
  return chars >= 0 && chars <= mostWindows * before && (start === 0 || chars >= leastWindows * before)
}

/** Whether `suffix` follows the cursor, or what an editor puts in between does. */
function follows(suffix: string, text: string, offset: number): boolean {
  const added = addedByEditors.exec(text.slice(offset, offset + 16))?.[0].length ?? 0
  for (let count = 0; count <= added; count++) {
    // At the end of a document nothing follows.
    if (suffix === '' ? offset + count === text.length : text.startsWith(suffix, offset + count)) return true
  }
  return false
}
