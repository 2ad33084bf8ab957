// What a file declares, by lines and indentation: cheap enough for every open file, and right often enough for a prompt.
import { indentWidth, isBlank, isCloserLine } from '../lines'
import { languageFamily } from './language-family'

export interface Declared {
  name: string
  /** Its head without the body; of a type, with its members' heads. */
  text: string
  /** Counted from 0. */
  line: number
  /** Inside another declaration: used as `x.name`. */
  isMember: boolean
}

// A method as scripts and Java spell it. Statements look alike, and are told by their first word.
const statement = String.raw`(?:if|for|foreach|while|switch|catch|return|else|do|new|await|throw|using|with|super|this|yield|delete|typeof|case)\b`

/** A line that declares something. By the language that stands for its family. */
const declares: Readonly<Record<string, readonly RegExp[]>> = {
  typescript: [
    /^(?:export\s+)?(?:default\s+)?(?:declare\s+)?(?:abstract\s+)?(?:async\s+)?(?:function\b\s*\*?|class|interface|type|enum|namespace|const\s+enum|const|let|var)\s+(?<name>[\w$]+)/,
    new RegExp(
      String.raw`^\s+(?!${statement})(?!.*\bfunction\b)(?:(?:public|private|protected|static|async|override|abstract|get|set)\s+)*[*#]?(?<name>[\w$]+)\s*(?:<[^>]*>)?\(.*\)\s*(?::[^={]+)?\{\s*$`,
    ),
    /^(?:module\.)?exports\.(?<name>[\w$]+)\s*=/,
  ],
  python: [/^\s*(?:async\s+)?(?:def|class)\s+(?<name>\w+)/],
  go: [/^func\s+(?:\([^)]*\)\s*)?(?<name>\w+)/, /^type\s+(?<name>\w+)/],
  rust: [
    /^\s*(?:pub(?:\([^)]*\))?\s+)?(?:(?:async|unsafe|const|default|extern\s+"[^"]*")\s+)*(?:fn|struct|enum|trait|union|type|const|static)\s+(?<name>\w+)/,
    /^\s*macro_rules!\s*(?<name>\w+)/,
  ],
  java: [
    /^\s*(?:(?:public|private|protected|static|final|abstract|sealed|data|open|internal|override|inline|suspend)\s+)*(?:class|interface|enum|record|@interface|object|fun)\s+(?:<[^>]*>\s*)?(?<name>\w+)/,
    /^\s+(?:(?:public|private|protected|static|final|abstract|synchronized|native|default)\s+)+(?:<[^>]*>\s*)?[\w.$]+(?:<.*>)?(?:\[\])*\s+(?<name>\w+)\s*\(/,
  ],
  c: [
    /^\s*(?:template\s*<.*>\s*)?(?:typedef\s+)?(?:class|struct|union|enum(?:\s+class)?)\s+(?:\w+\s+)?(?<name>\w+)\s*(?:final\s*)?(?::[^;]*)?\{?\s*$/,
    new RegExp(
      String.raw`^\s*(?!${statement})(?:[\w:<>,~]+[\s*&]+)+(?:\w+::)*~?(?<name>\w+)\s*\([^;{}]*\)?[^;{}]*[;{,]?\s*$`,
    ),
    /^\s*#\s*define\s+(?<name>\w+)/,
  ],
  csharp: [
    /^\s*(?:(?:public|private|protected|internal|static|sealed|abstract|partial|readonly)\s+)*(?:class|interface|enum|record|struct)\s+(?<name>\w+)/,
    /^\s+(?:(?:public|private|protected|internal|static|virtual|override|abstract|async)\s+)+[\w.<>[\],? ]+\s+(?<name>\w+)\s*\(/,
  ],
  ruby: [/^\s*(?:def\s+(?:self\.)?|class\s+|module\s+)(?<name>\w+[?!]?)/],
  php: [
    /^\s*(?:(?:public|private|protected|static|final|abstract)\s+)*(?:function|class|interface|trait|enum)\s+&?(?<name>\w+)/,
  ],
  swift: [
    /^\s*(?:(?:public|private|internal|open|static|final|override|mutating|@\w+)\s+)*(?:func|class|struct|enum|protocol|extension|actor)\s+(?<name>\w+)/,
  ],
  lua: [/^\s*(?:local\s+)?function\s+(?:[\w.]+[.:])?(?<name>\w+)/],
}

const containers =
  /\b(?:class|interface|struct|enum|trait|type|record|union|protocol|object|namespace|module)\b/

const mostHeadLines = 6
const mostMembers = 10
const mostHeadChars = 400
const longestLine = 200

/** What `text` declares, from top to bottom; nothing in languages without a row. */
export function outline(text: string, languageId: string): Declared[] {
  const patterns = declares[languageFamily(languageId)]
  if (patterns === undefined) return []
  const lines = text.split('\n')
  return lines.flatMap((content, line) => {
    if (content.length > longestLine) return []
    const name = nameIn(content, patterns)
    const declared = name === undefined ? undefined : declarationAt(lines, line)
    return name === undefined || declared === undefined
      ? []
      : [{ name, text: declared, line, isMember: /^\s/.test(content) }]
  })
}

/** The declaration that begins at `line`: its head, and of a type its members' heads. Undefined when it is too long to be of use. */
export function declarationAt(lines: readonly string[], line: number): string | undefined {
  const end = headEnd(lines, line)
  const head = lines.slice(line, end + 1)
  const first = head[0] ?? ''
  const members = containers.test(first) ? memberLines(lines, end, indentWidth(first)) : []
  const text = [...withoutBody(head), ...members].join('\n')
  return text.trim() === '' || text.length > mostHeadChars * 2 ? undefined : text
}

function nameIn(line: string, patterns: readonly RegExp[]): string | undefined {
  for (const pattern of patterns) {
    const name = pattern.exec(line)?.groups?.['name']
    if (name !== undefined) return name
  }
  return undefined
}

// To the line that closes what the first one opens.
function headEnd(lines: readonly string[], line: number): number {
  let open = 0
  for (let at = line; at < Math.min(lines.length, line + mostHeadLines); at++) {
    const content = lines[at] ?? ''
    for (const sign of content) {
      if (sign === '(' || sign === '[') open++
      else if (sign === ')' || sign === ']') open--
    }
    if (open <= 0) return at
  }
  return line
}

function memberLines(lines: readonly string[], headEndsAt: number, base: number): string[] {
  const members: string[] = []
  let inner: number | undefined
  for (const line of lines.slice(headEndsAt + 1)) {
    if (isBlank(line)) continue
    const indent = indentWidth(line)
    if (indent <= base || members.length === mostMembers) break
    inner ??= indent
    if (indent > inner || isCloserLine(line) || isComment(line) || line.length > longestLine) continue
    members.push(...withoutBody([line]))
  }
  return members
}

function withoutBody(head: readonly string[]): string[] {
  return head.map((line, at) => (at === head.length - 1 ? line.replace(/\s*\{\s*$/, '') : line))
}

function isComment(line: string): boolean {
  return /^\s*(?:\/\/|\/\*|\*|#(?!\s*(?:define|\[))|@\w+\s*$|"""|''')/.test(line)
}
