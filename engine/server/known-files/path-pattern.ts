// Patterns of paths as `.gitignore` spells them, matched without backtracking: a repository may bring any pattern.

export interface PathPattern {
  /** A `!` stands before it: what it matches is not ignored after all. */
  negated: boolean
  /** It ends with `/`. */
  foldersOnly: boolean
  /** Between slashes; `**` is any number of folders. */
  parts: readonly string[]
}

const mostChars = 1024

/** Undefined for an empty line, a comment, and what nobody writes by hand. */
export function parsePattern(line: string): PathPattern | undefined {
  const trimmed = line.replace(/\r$/, '').replace(/(?<!\\)[ \t]+$/, '')
  if (trimmed === '' || trimmed.startsWith('#') || trimmed.length > mostChars) return undefined
  const negated = trimmed.startsWith('!')
  const body = negated ? trimmed.slice(1) : trimmed
  const foldersOnly = body.endsWith('/')
  const inner = body.replace(/^\/|\/$/g, '')
  if (inner === '') return undefined
  const isAnchored = body.slice(0, -1).includes('/')
  const parts = inner.split('/')
  return { negated, foldersOnly, parts: isAnchored ? parts : ['**', ...parts] }
}

/** @param path relative to the folder that the pattern belongs to, with `/` */
export function matchesPath({ parts }: PathPattern, path: string): boolean {
  const names = path.split('/')
  // Row by row: which beginnings of the path the first parts match.
  let reached = [true, ...names.map(() => false)]
  for (const [at, part] of parts.entries()) {
    const next = names.map(() => false)
    next.unshift(false)
    if (part === '**') {
      // At the end it means everything inside, and not the folder itself.
      const isLast = at === parts.length - 1
      let open = false
      for (const [count, here] of reached.entries()) {
        next[count] = isLast ? open : open || here
        open ||= here
      }
    } else
      for (const [count, name] of names.entries())
        if (reached[count] === true && matchesName(part, name)) next[count + 1] = true
    reached = next
  }
  return reached.at(-1) === true
}

type Sign = { kind: 'star' } | { kind: 'one'; fits: (char: string) => boolean }

/** `*`, `?`, `[a-z]` and `\` within one name; case counts. */
function matchesName(pattern: string, name: string): boolean {
  const signs = signsOf(pattern)
  let at = 0
  let sign = 0
  let starSign = -1
  let starAt = 0
  while (at < name.length) {
    const current = signs[sign]
    if (current?.kind === 'one' && current.fits(name.charAt(at))) {
      at++
      sign++
    } else if (current?.kind === 'star') {
      starSign = sign++
      starAt = at
    } else if (starSign >= 0) {
      // Only the last star need give way: the ones before it have found their shortest match.
      sign = starSign + 1
      at = ++starAt
    } else return false
  }
  return signs.slice(sign).every(({ kind }) => kind === 'star')
}

function signsOf(pattern: string): Sign[] {
  const signs: Sign[] = []
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern.charAt(at)
    const close = char === '[' ? pattern.indexOf(']', at + 2) : -1
    if (char === '*') signs.push({ kind: 'star' })
    else if (char === '?') signs.push({ kind: 'one', fits: () => true })
    else if (close > 0) {
      signs.push({ kind: 'one', fits: charClass(pattern.slice(at + 1, close)) })
      at = close
    } else {
      const literal = char === '\\' && at + 1 < pattern.length ? pattern.charAt(++at) : char
      signs.push({ kind: 'one', fits: (other) => other === literal })
    }
  }
  return signs
}

function charClass(body: string): (char: string) => boolean {
  const isNegated = /^[!^]/.test(body)
  const inner = isNegated ? body.slice(1) : body
  const ranges: [string, string][] = []
  for (let at = 0; at < inner.length; at++) {
    const isRange = inner.charAt(at + 1) === '-' && at + 2 < inner.length
    ranges.push([inner.charAt(at), inner.charAt(isRange ? at + 2 : at)])
    if (isRange) at += 2
  }
  return (char) => ranges.some(([low, high]) => char >= low && char <= high) !== isNegated
}
