// Which code "Explain Code" is about: the selection, else what the cursor is in.

export interface Position {
  line: number
  character: number
}

export interface Range {
  start: Position
  end: Position
}

/** As VS Code's DocumentSymbol: a tree, each range containing its children. */
export interface SymbolNode {
  name: string
  /** VS Code's SymbolKind. */
  kind: number
  range: Range
  children: readonly SymbolNode[]
}

export interface ExplainTarget {
  /** Name of the symbol, or undefined for a stretch of lines. */
  name: string | undefined
  /** 0-based, end exclusive in characters. */
  range: Range
}

// Up to here a file is better explained whole than by the paragraph around the cursor.
const smallFileLines = 60

// What is worth explaining by itself, as vscode.SymbolKind counts: class, method, constructor, enum, interface,
// function, struct, operator. A local variable is a symbol too, and says nothing without its function.
const wholeKinds = new Set([4, 5, 8, 9, 10, 11, 22, 24])

/**
 * The selection without the blank lines around it; else the innermost function, class or the like around the
 * cursor, else the innermost symbol of several lines, else the innermost of all; else the whole file while it is
 * small; else the paragraph (lines up to the next blank one). Undefined when there is nothing but blank lines.
 */
export function explainTarget(
  lines: readonly string[],
  selection: Range,
  symbols: readonly SymbolNode[],
): ExplainTarget | undefined {
  const selected = withoutBlankEnds(lines, selection)
  if (selected !== undefined) return { name: undefined, range: selected }
  const symbol = worthExplaining(enclosing(symbols, selection.start))
  if (symbol !== undefined) return { name: symbol.name, range: symbol.range }
  if (lines.every((line) => line.trim() === '')) return undefined
  return {
    name: undefined,
    range:
      lines.length <= smallFileLines
        ? lineRange(lines, 0, lines.length - 1)
        : paragraph(lines, selection.start.line),
  }
}

/** The question as the conversation shows it: "Explain `name` (path:3-9)" and the code. */
export function explainTitle(target: ExplainTarget, path: string, languageId: string, code: string): string {
  const lines = `${target.range.start.line + 1}-${target.range.end.line + 1}`
  const what = target.name === undefined ? `\`${path}:${lines}\`` : `\`${target.name}\` (${path}:${lines})`
  // A fence longer than any inside, so that Markdown files can be explained too.
  const longest = Math.max(2, ...[...code.matchAll(/`+/g)].map(([run]) => run.length))
  const fence = '`'.repeat(longest + 1)
  return `Explain ${what}\n\n${fence}${languageId}\n${code.replace(/\n$/, '')}\n${fence}`
}

// Selecting whole lines ends at the start of the next one, and often begins on a blank one. Undefined when nothing is left.
function withoutBlankEnds(lines: readonly string[], { start, end }: Range): Range | undefined {
  let first = start
  let last = end
  while (isBefore(first, last) && textAfter(lines, first) === '')
    first = { line: first.line + 1, character: 0 }
  while (isBefore(first, last) && textBefore(lines, last) === '') {
    last = { line: last.line - 1, character: lines[last.line - 1]?.length ?? 0 }
  }
  return isBefore(first, last) ? { start: first, end: last } : undefined
}

function textAfter(lines: readonly string[], { line, character }: Position): string {
  return (lines[line] ?? '').slice(character).trim()
}

function textBefore(lines: readonly string[], { line, character }: Position): string {
  return (lines[line] ?? '').slice(0, character).trim()
}

function worthExplaining(around: readonly SymbolNode[]): SymbolNode | undefined {
  return (
    around.findLast(({ kind }) => wholeKinds.has(kind)) ??
    around.findLast(({ range }) => range.end.line > range.start.line) ??
    around.at(-1)
  )
}

// Outermost first.
function enclosing(symbols: readonly SymbolNode[], position: Position): SymbolNode[] {
  const around = symbols.find(({ range }) => contains(range, position))
  return around === undefined ? [] : [around, ...enclosing(around.children, position)]
}

function paragraph(lines: readonly string[], at: number): Range {
  const isBlank = (line: number): boolean => (lines[line] ?? '').trim() === ''
  let middle = at
  // On a blank line: the paragraph below it, else the one above.
  while (middle < lines.length - 1 && isBlank(middle)) middle++
  while (middle > 0 && isBlank(middle)) middle--
  let first = middle
  let last = middle
  while (first > 0 && !isBlank(first - 1)) first--
  while (last < lines.length - 1 && !isBlank(last + 1)) last++
  return lineRange(lines, first, last)
}

function lineRange(lines: readonly string[], first: number, last: number): Range {
  return { start: { line: first, character: 0 }, end: { line: last, character: lines[last]?.length ?? 0 } }
}

function contains({ start, end }: Range, position: Position): boolean {
  return !isBefore(position, start) && !isBefore(end, position)
}

function isBefore(a: Position, b: Position): boolean {
  return a.line < b.line || (a.line === b.line && a.character < b.character)
}
