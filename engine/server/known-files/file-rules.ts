// What the engine must not make suggestions from, as far as a path tells.
import { URI, Utils } from 'vscode-uri'
import { expandBraces, isMatchedBy, isSecretPath } from './secret-files'
import { parsePattern, type PathPattern } from './path-pattern'

// More documents are not open at once.
const mostRemembered = 1000

export class FileRules {
  readonly #excluded: readonly PathPattern[]
  // Asked with every keystroke.
  readonly #refusals = new Map<string, string | undefined>()

  /**
   * @param exclude `hearth.exclude`
   * @param folders URIs of the workspace
   */
  constructor(
    exclude: readonly string[],
    readonly folders: readonly string[],
  ) {
    this.#excluded = exclude.flatMap(expandBraces).flatMap((pattern) => parsePattern(pattern) ?? [])
  }

  /** Why its text is not to be used, as part of a sentence; undefined when nothing speaks against it. */
  refusal(uri: string): string | undefined {
    if (this.#refusals.has(uri)) return this.#refusals.get(uri)
    if (this.#refusals.size >= mostRemembered) this.#refusals.clear()
    const refusal = this.#refuse(uri)
    this.#refusals.set(uri, refusal)
    return refusal
  }

  #refuse(uri: string): string | undefined {
    const { path } = URI.parse(uri)
    if (isSecretPath(path)) return 'its name is that of a file of keys or passwords'
    const relative = this.folderOf(uri) === undefined ? path.replace(/^\/+/, '') : this.relativePath(uri)
    return isMatchedBy(this.#excluded, relative) ? 'hearth.exclude names it' : undefined
  }

  /** The folder of the workspace that it is in. */
  folderOf(uri: string): string | undefined {
    const { scheme, authority, path } = URI.parse(uri)
    return this.folders
      .filter((folder) => {
        const root = URI.parse(folder)
        const isKin = root.scheme === scheme || scheme === 'vscode-notebook-cell'
        const inside = root.path.endsWith('/') ? root.path : `${root.path}/`
        return isKin && root.authority === authority && path.startsWith(inside)
      })
      .sort((one, other) => other.length - one.length)[0]
  }

  /** Below its folder of the workspace, with `/`; outside of all of them, its name. */
  relativePath(uri: string): string {
    const folder = this.folderOf(uri)
    const file = URI.parse(uri)
    return folder === undefined
      ? Utils.basename(file)
      : file.path.slice(URI.parse(folder).path.length).replace(/^\/+/, '')
  }
}
