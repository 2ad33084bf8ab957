// Whether Git ignores a file: the `.gitignore` of every folder up to the repository's, and its `info/exclude`.
import { URI, Utils } from 'vscode-uri'
import type { FileReader } from './file-reader'
import { matchesPath, parsePattern, type PathPattern } from './path-pattern'

interface FolderRules {
  rules: readonly PathPattern[]
  /** Nothing above it belongs to the repository. */
  isRoot: boolean
}

const deepest = 64
const mostPatterns = 4096

export class GitIgnore {
  readonly #folders = new Map<string, { at: number; rules: Promise<FolderRules> }>()

  constructor(
    private readonly reader: FileReader,
    private readonly freshMs = 10_000,
  ) {}

  /** @param uri of a file; what is in no repository follows the files that are there */
  async ignores(uri: string): Promise<boolean> {
    // From the file's folder up to the repository's.
    const levels: { folder: string; rules: readonly PathPattern[] }[] = []
    let folder = Utils.dirname(URI.parse(uri).with({ fragment: '', query: '' }))
    for (let depth = 0; depth < deepest; depth++) {
      const { rules, isRoot } = await this.#rulesOf(folder)
      levels.unshift({ folder: folder.path, rules })
      const above = Utils.dirname(folder)
      if (isRoot || above.path === folder.path) break
      folder = above
    }
    const { path } = URI.parse(uri)
    const top = levels[0]?.folder.replace(/\/$/, '') ?? ''
    const names = path.slice(top.length + 1).split('/')
    // What is inside an ignored folder stays ignored, whatever is said further down.
    return names.some((_, at) => {
      const part = `${top}/${names.slice(0, at + 1).join('/')}`
      return decides(levels, part, at < names.length - 1)
    })
  }

  #rulesOf(folder: URI): Promise<FolderRules> {
    const key = folder.toString()
    const known = this.#folders.get(key)
    const now = performance.now()
    if (known && now - known.at < this.freshMs) return known.rules
    const rules = this.#read(folder)
    this.#folders.set(key, { at: now, rules })
    return rules
  }

  async #read(folder: URI): Promise<FolderRules> {
    const text = async (...names: string[]): Promise<string | undefined> =>
      this.reader.text(Utils.joinPath(folder, ...names).toString())
    const [own = '', head, link] = await Promise.all([text('.gitignore'), text('.git', 'HEAD'), text('.git')])
    const isRoot = head !== undefined || link !== undefined
    const extra = isRoot ? ((await text('.git', 'info', 'exclude')) ?? '') : ''
    const lines = `${extra}\n${own}`.split('\n').slice(0, mostPatterns)
    return { rules: lines.flatMap((line) => parsePattern(line) ?? []), isRoot }
  }
}

/** The last pattern that matches, of the deepest folder that has one. */
function decides(
  levels: readonly { folder: string; rules: readonly PathPattern[] }[],
  path: string,
  isFolder: boolean,
): boolean {
  for (const { folder, rules } of levels.toReversed()) {
    const inside = folder.endsWith('/') ? folder : `${folder}/`
    if (!path.startsWith(inside)) continue
    const relative = path.slice(inside.length)
    const last = rules.findLast((rule) => (isFolder || !rule.foldersOnly) && matchesPath(rule, relative))
    if (last) return !last.negated
  }
  return false
}
