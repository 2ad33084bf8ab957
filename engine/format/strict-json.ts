// JSON from untrusted files: bounded before it is parsed, and without the keys given twice that JSON.parse drops silently.
import { quote } from '../base/quote'

export interface JsonLimits {
  /** Brackets inside brackets. The parsed value costs more than its text only through brackets and keys, so both are counted. */
  depth: number
  keys: number
}

/** A parsed value, or what is wrong with the text, without a final dot. */
export type JsonResult = { value: unknown } | { problem: string }

/** Parses UTF-8 text; a byte order mark is an error, as in the formats that use this. */
export function parseStrictJson(bytes: Uint8Array, limits: JsonLimits): JsonResult {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (error) {
    if (error instanceof TypeError) return { problem: 'the text is not UTF-8' }
    throw error
  }
  const problem = scan(text, limits)
  if (problem !== undefined) return { problem }
  try {
    return { value: JSON.parse(text) as unknown }
  } catch (error) {
    if (error instanceof SyntaxError)
      return { problem: `the text is not JSON (${error.message.slice(0, 120)})` }
    throw error
  }
}

/** A parsed object, not an array and not null. */
export function isJsonObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * Walks through brackets and strings only. Texts that are not JSON may get past it, JSON.parse refuses them afterwards; what is
 * JSON is seen as it is.
 */
function scan(text: string, limits: JsonLimits): string | undefined {
  const open: (Set<string> | undefined)[] = []
  let keys = 0
  // Everything that matters is one of these characters; the regex skips the rest at the speed of the engine's own search.
  const marks = /["{}[\]]/g
  for (let mark = marks.exec(text); mark !== null; mark = marks.exec(text)) {
    if (mark[0] === '{' || mark[0] === '[') {
      if (open.push(mark[0] === '{' ? new Set() : undefined) > limits.depth) {
        return `its brackets are nested deeper than ${limits.depth}`
      }
    } else if (mark[0] === '}' || mark[0] === ']') {
      open.pop()
    } else {
      const end = endOfString(text, mark.index)
      if (end === undefined) return 'a string has no end'
      marks.lastIndex = end
      const seen = open.at(-1)
      if (seen === undefined || !isKey(text, end)) continue
      if (++keys > limits.keys) return `it has more than ${limits.keys} keys`
      const key = unescapeKey(text.slice(mark.index, end))
      if (seen.has(key)) return `${quote(key)} occurs twice`
      seen.add(key)
    }
  }
  return undefined
}

/** Just after the closing quote. */
function endOfString(text: string, start: number): number | undefined {
  for (let at = start + 1; ; at++) {
    const quote = text.indexOf('"', at)
    if (quote < 0) return undefined
    let backslashes = 0
    while (text[quote - 1 - backslashes] === '\\') backslashes++
    if (backslashes % 2 === 0) return quote + 1
    at = quote
  }
}

function isKey(text: string, end: number): boolean {
  let at = end
  while (text[at] === ' ' || text[at] === '\n' || text[at] === '\r' || text[at] === '\t') at++
  return text[at] === ':'
}

// Two spellings of one key are the same key; a bad escape is left to JSON.parse, which will refuse the whole text.
function unescapeKey(literal: string): string {
  if (!literal.includes('\\')) return literal.slice(1, -1)
  try {
    return JSON.parse(literal) as string
  } catch (error) {
    if (error instanceof SyntaxError) return literal
    throw error
  }
}
