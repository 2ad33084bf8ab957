// Chooses holes by syntax, from a seed: the same seed cuts the same holes out of the same packages.
import { kinds, type CaseRow, type Kind } from './case'
import { languageIds, languages, type Language, type LanguageId } from './languages'
import type { Package } from './packages'
import { randomNumbers, shuffled } from './random'
import type { SourceFile } from './sources'
import { childrenOf, walk, type Syntax, type SyntaxNode } from './syntax'

interface Parsed {
  package: Package
  file: SourceFile
  holes: Readonly<Record<Kind, readonly Hole[]>>
}

interface Hole {
  start: number
  end: number
  definition?: string
}

// Nobody has a file open that is nearly empty, and one that is huge is a table.
const fileChars = { least: 800, most: 120_000 }
// Before that there are licences and imports.
const leastBefore = 300
// Most of one kind from one file.
const perFile = 2

/**
 * `perCell` cases of each kind in each language, fewer where the packages have no more. The first of every language and kind come first, so that
 * any beginning of the list is balanced.
 */
export function cutCases(
  sources: ReadonlyMap<Package, readonly SourceFile[]>,
  syntax: Syntax,
  seed: number,
  perCell: number,
): CaseRow[] {
  const random = randomNumbers(seed)
  const cells = languageIds.flatMap((language) => {
    const parsed = [...sources]
      .filter(([from]) => from.language === language)
      .flatMap(([from, files]) => parsePackage(from, files, syntax))
    return kinds.map((kind) => cutCell(parsed, kind, random, perCell))
  })
  return Array.from({ length: perCell }, (_, at) => cells.flatMap((cell) => cell[at] ?? [])).flat()
}

function cutCell(parsed: readonly Parsed[], kind: Kind, random: () => number, perCell: number): CaseRow[] {
  const rows: CaseRow[] = []
  // By package first: a large one would crowd out the others.
  const byPackage = new Map<Package, Parsed[]>()
  for (const one of shuffled(parsed, random))
    byPackage.set(one.package, [...(byPackage.get(one.package) ?? []), one])
  for (let round = 0; round < perFile; round++) {
    const files = [...byPackage.values()]
    const most = Math.max(0, ...files.map(({ length }) => length))
    const inTurns = Array.from({ length: most }, (_, at) => files.flatMap((list) => list[at] ?? [])).flat()
    for (const { package: from, file, holes } of inTurns) {
      const mine = holes[kind].filter(
        (hole) => !rows.some((row) => row.file === file.path && overlaps(row, hole)),
      )
      const hole = mine[Math.floor(random() * mine.length)]
      if (rows.length < perCell && hole) rows.push({ package: from.name, file: file.path, ...hole, kind })
    }
  }
  return rows
}

function overlaps(one: Hole, other: Hole): boolean {
  return one.start < other.end && other.start < one.end
}

function parsePackage(from: Package, all: readonly SourceFile[], syntax: Syntax): Parsed[] {
  const language = languages[from.language]
  const files = all.filter(
    ({ text }) => text.length >= fileChars.least && text.length <= fileChars.most && !text.includes('\r'),
  )
  const defined = new Map<string, Set<string>>()
  for (const file of files)
    for (const name of definedNames(file, from.language, syntax))
      defined.set(name, (defined.get(name) ?? new Set()).add(file.path))
  return files.map((file) => ({
    package: from,
    file,
    holes: syntax.parse(from.language, file.text, (root) => holesOf(root, file, language, defined)),
  }))
}

function definedNames(file: SourceFile, id: LanguageId, syntax: Syntax): Set<string> {
  const { definitions } = languages[id]
  return syntax.parse(id, file.text, (root) => {
    const nodes = [...walk(root, () => true)].filter(({ type }) => definitions.includes(type))
    return new Set(nodes.flatMap((node) => nameOf(node) ?? []))
  })
}

/** The name of a definition; that of C++ is inside its declarator. */
function nameOf(node: SyntaxNode): string | undefined {
  let at: SyntaxNode | null = node.childForFieldName('name') ?? node.childForFieldName('declarator')
  while (at?.childForFieldName('declarator')) at = at.childForFieldName('declarator')
  return at?.text.split(/::|\./).at(-1)
}

function holesOf(
  root: SyntaxNode,
  file: SourceFile,
  language: Language,
  defined: ReadonlyMap<string, ReadonlySet<string>>,
): Record<Kind, Hole[]> {
  const holes: Record<Kind, Hole[]> = {
    'line-end': [],
    'mid-line': [],
    block: [],
    'after-comment': [],
    'call-arguments': [],
  }
  const inside = (node: SyntaxNode): boolean => !language.whole.includes(node.type) && !node.isError
  for (const node of walk(root, inside)) {
    if (node.isError || node.isMissing || node.endIndex < leastBefore) continue
    const add = (kind: Kind, hole: Hole | undefined): void => {
      if (hole && hole.start >= leastBefore && hole.end < file.text.length) holes[kind].push(hole)
    }
    if (language.comments.includes(node.type)) add('after-comment', afterComment(node, file.text, language))
    if (!inside(node)) continue
    if (childrenOf(node).length === 0) add('line-end', lineEnd(node, file.text))
    if (node.isNamed) add('mid-line', midLine(node, file.text))
    if (language.blocks.includes(node.type)) add('block', block(node, file.text))
    add('call-arguments', callArguments(node, file, language, defined))
  }
  return holes
}

/** From a token in the middle of a line to the line's end. */
function lineEnd(node: SyntaxNode, text: string): Hole | undefined {
  const { before, after } = lineAround(text, node.startIndex)
  const rest = after.trimEnd()
  if (!/\w/.test(before) || !/\w/.test(rest) || rest.length < 4 || rest.length > 80) return undefined
  return { start: node.startIndex, end: node.startIndex + rest.length }
}

/** An expression or a name within a line, with more code after it; the rest is mostly short, as it is while a line is written. */
function midLine(node: SyntaxNode, text: string): Hole | undefined {
  const hole = text.slice(node.startIndex, node.endIndex)
  if (hole.length < 3 || hole.length > 60 || hole.includes('\n') || !/\w/.test(hole)) return undefined
  const { before } = lineAround(text, node.startIndex)
  const rest = lineAround(text, node.endIndex).after.trimEnd()
  if (before.trim() === '' || rest === '') return undefined
  // By place rather than by chance, so that the same file has the same holes: a quarter of the long rests stay.
  if (rest.length > 8 && node.startIndex % 4 > 0) return undefined
  return { start: node.startIndex, end: node.endIndex }
}

/** All statements of a block, from the first one's indentation on. */
function block(node: SyntaxNode, text: string): Hole | undefined {
  const statements = childrenOf(node).filter(({ isNamed }) => isNamed)
  const first = statements[0]
  const last = statements.at(-1)
  if (!first || !last || lineAround(text, first.startIndex).before.trim() !== '') return undefined
  return linesHole(first.startIndex, last.endIndex, text, { least: 20, lines: 8 })
}

/** The statement below a comment that says something. */
function afterComment(node: SyntaxNode, text: string, { comments }: Language): Hole | undefined {
  const next = node.nextNamedSibling
  if (!next || comments.includes(next.type) || next.isError) return undefined
  const between = text.slice(node.endIndex, next.startIndex)
  if ((node.text.match(/\p{L}{2,}/gu) ?? []).length < 4) return undefined
  if (/^\s*$/.test(between) === false || (between.match(/\n/g) ?? []).length > 1) return undefined
  if (lineAround(text, node.startIndex).before.trim() !== '') return undefined
  if (lineAround(text, next.startIndex).before.trim() !== '') return undefined
  return linesHole(next.startIndex, next.endIndex, text, { least: 10, lines: 6 })
}

/** What is between the parentheses of a call to something that another file of the package defines, and this one does not. */
function callArguments(
  node: SyntaxNode,
  file: SourceFile,
  { calls }: Language,
  defined: ReadonlyMap<string, ReadonlySet<string>>,
): Hole | undefined {
  const row = calls.find(({ type }) => type === node.type)
  const name = row && calleeName(node.childForFieldName(row.callee))
  const given = node.childForFieldName('arguments')
  if (name === undefined || name.length < 4 || !given?.text.startsWith('(') || !given.text.endsWith(')'))
    return undefined
  const files = defined.get(name)
  const definition = files && !files.has(file.path) ? [...files].sort()[0] : undefined
  if (definition === undefined) return undefined
  const hole = { start: given.startIndex + 1, end: given.endIndex - 1 }
  const text = file.text.slice(hole.start, hole.end)
  if (text.length < 2 || text.length > 80 || text.includes('\n') || !/\w/.test(text)) return undefined
  return { ...hole, definition }
}

/** `d` of `a.b::c->d<T>`. */
function calleeName(node: SyntaxNode | null): string | undefined {
  return node?.text
    .replace(/<.*$/s, '')
    .split(/::|\.|->/)
    .at(-1)
    ?.trim()
}

function linesHole(
  start: number,
  endOfNode: number,
  text: string,
  { least, lines }: { least: number; lines: number },
): Hole | undefined {
  const trimmed = text.slice(start, endOfNode).trimEnd()
  // A grammar may leave the semicolon to a sibling.
  const end = start + trimmed.length + (/^;/.test(text.slice(start + trimmed.length)) ? 1 : 0)
  if (trimmed.length < least || trimmed.split('\n').length > lines) return undefined
  return lineAround(text, end).after.trim() === '' ? { start, end } : undefined
}

function lineAround(text: string, offset: number): { before: string; after: string } {
  const end = text.indexOf('\n', offset)
  return {
    before: text.slice(text.lastIndexOf('\n', offset - 1) + 1, offset),
    after: text.slice(offset, end < 0 ? text.length : end),
  }
}
