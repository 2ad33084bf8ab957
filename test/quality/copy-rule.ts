// A rule without a model: what followed the same last tokens earlier in the file.

const token = /[\p{L}\p{N}_$]+|[^\p{L}\p{N}_$\s]/gu
const lengths = [3, 2, 1] as const

/** The rest of the line that followed the nearest earlier place with the same last 3 tokens, else 2, else 1; undefined when there is none. */
export function copyRule(document: string, offset: number): string | undefined {
  const before = document.slice(0, offset)
  const tokens = [...before.matchAll(token)].map(({ 0: text, index }) => ({ text, end: index + text.length }))
  for (const length of lengths) {
    const last = tokens.slice(-length)
    for (let at = tokens.length - 2; at >= length - 1; at--) {
      if (!last.every(({ text }, i) => tokens[at - length + 1 + i]?.text === text)) continue
      const copied = restOfLine(before, tokens[at]?.end ?? offset)
      if (copied !== '') return copied
    }
  }
  return undefined
}

function restOfLine(before: string, from: number): string {
  const rest = before.slice(from)
  const blankLine = /(^|\n)[ \t]*$/.test(before)
  const start = blankLine ? /^\s*/.exec(rest) : /\s$/.test(before) ? /^[ \t]*/.exec(rest) : undefined
  return (
    rest
      .slice(start?.[0].length ?? 0)
      .split('\n', 1)[0]
      ?.trimEnd() ?? ''
  )
}
