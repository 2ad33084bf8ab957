// Which closing bracket or quote of a suggestion closes something that was opened before it.

const openerOf: Readonly<Record<string, string>> = { ')': '(', ']': '[', '}': '{', '>': '<' }
const quotes = `"'\``

/**
 * Index of the first `closer` in `text` with no opener in `text`, or -1. For a quote, `text` starts inside the string, so
 * the first unescaped one ends it; for a bracket, string literals inside `text` are skipped.
 */
export function firstUnmatched(text: string, closer: string): number {
  if (quotes.includes(closer)) return nextQuote(text, 0, closer)
  const opener = openerOf[closer]
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at)
    if (quotes.includes(char)) {
      const end = nextQuote(text, at + 1, char)
      // An apostrophe in a comment opens nothing.
      if (end > 0) at = end
    } else if (char === opener) depth++
    else if (char === closer && depth-- === 0) return at
  }
  return -1
}

/** Index of the first `char` in `text` that no bracket and no quote of `text` is around, or -1. */
export function firstOutside(text: string, char: string): number {
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const here = text.charAt(at)
    if (depth === 0 && here === char) return at
    if (quotes.includes(here)) at = Math.max(at, nextQuote(text, at + 1, here))
    else if ('([{'.includes(here)) depth++
    else if (')]}'.includes(here)) depth--
  }
  return -1
}

/** End of the last line of `text` after which no bracket that `text` opened is open; 0 when there is none. */
export function lastBalancedLine(text: string): number {
  let open = 0
  let end = 0
  for (let at = 0; at < text.length; at++) {
    const here = text.charAt(at)
    if (here === '\n' && open === 0) end = at
    if (quotes.includes(here)) at = Math.max(at, nextQuote(text, at + 1, here))
    else if ('([{'.includes(here)) open++
    // What was opened before the text may be closed in it.
    else if (')]}'.includes(here)) open = Math.max(0, open - 1)
  }
  return open === 0 ? text.length : end
}

/** Index of the first bracket that `text` opens and does not close, or -1. */
export function firstUnclosed(text: string): number {
  const open: number[] = []
  for (let at = 0; at < text.length; at++) {
    const here = text.charAt(at)
    if (quotes.includes(here)) at = Math.max(at, nextQuote(text, at + 1, here))
    else if ('([{'.includes(here)) open.push(at)
    else if (')]}'.includes(here)) open.pop()
  }
  return open[0] ?? -1
}

function nextQuote(text: string, from: number, quote: string): number {
  for (let at = from; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === quote) return at
    else if (text[at] === '\n' && quote !== '`') return -1
  }
  return -1
}
