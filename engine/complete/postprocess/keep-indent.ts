// Gives a suggestion the document's indentation: where the cursor is, with tabs or spaces as around it.
import { opensBlock, type CursorContext } from '../context'
import { indentWidth, isBlank, lineAbove } from '../lines'

export function keepIndent(text: string, context: CursorContext): string {
  if (context.mode === 'line') return text
  const own = restyle(text, context.before)
  return isBlank(context.linePrefix) ? startAtCursor(own, context) : startOnNextLine(own)
}

/** The body of a block that was opened on the cursor's line: one line break, however many the model wrote. */
function startOnNextLine(text: string): string {
  return text.replace(/^[ \t]*\n(?:[ \t]*\n)*/, '\n')
}

/** On an empty line the cursor says how deep the text goes, unless the line above has just opened a block. */
function startAtCursor(text: string, context: CursorContext): string {
  const leading = /^(?:[ \t]*\n)+/.exec(text)?.[0] ?? ''
  const lines = text.slice(leading.length).split('\n')
  const first = lines[0] ?? ''
  const indent = /^[ \t]*/.exec(first)?.[0] ?? ''
  if (leading !== '') {
    // After line breaks of its own, the first line carries its whole indent.
    if (indentWidth(indent) < indentWidth(context.linePrefix)) return ''
    return shift(lines, indent, context.linePrefix)
  }
  const above = lineAbove(context.before)
  const deeper =
    above !== undefined && opensBlock(above) && indentWidth(above) >= indentWidth(context.linePrefix)
  return deeper ? lines.join('\n') : shift(lines, context.linePrefix + indent, context.linePrefix)
}

/** The text with its first line at the cursor and every other line moved along from `from` to `to`. */
function shift(lines: readonly string[], from: string, to: string): string {
  return lines
    .map((line, at) => {
      if (at === 0) return line.trimStart()
      return line.startsWith(from) ? to + line.slice(from.length) : line
    })
    .join('\n')
}

/** Tabs or spaces at line starts, as the document has them. */
function restyle(text: string, before: string): string {
  const lines = text.split('\n')
  const documentIndents = indentsOf(before.split('\n'))
  if (documentIndents.length === 0) return text
  const usesTabs = documentIndents.some((indent) => indent.includes('\t'))
  const unit = unitOf(usesTabs ? indentsOf(lines.slice(1)) : documentIndents)
  return lines
    .map((line, at) => {
      const indent = /^[ \t]*/.exec(line)?.[0] ?? ''
      if (at === 0 || indent === '' || usesTabs !== indent.includes(' ')) return line
      const restyled = usesTabs
        ? indent.replaceAll(' '.repeat(unit), '\t')
        : indent.replaceAll('\t', ' '.repeat(unit))
      return restyled + line.slice(indent.length)
    })
    .join('\n')
}

// One space is the lead of a comment's line, not an indent.
function unitOf(indents: readonly string[]): number {
  const widths = indents.filter((indent) => /^ {2,}$/.test(indent)).map((indent) => indent.length)
  return [4, 2, 3].find((unit) => widths.every((width) => width % unit === 0)) ?? 4
}

function indentsOf(lines: readonly string[]): string[] {
  return lines.filter((line) => !isBlank(line)).flatMap((line) => /^[ \t]+/.exec(line)?.[0] ?? [])
}
