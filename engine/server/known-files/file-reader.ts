// Reads small text files by their address: those of this machine.
import { open, realpath } from 'node:fs/promises'
import { URI } from 'vscode-uri'

export interface FileReader {
  /** Undefined when there is no such file, or when it is no text or too large to be of use. */
  text(uri: string): Promise<string | undefined>
  /** The address behind links; the same where nothing is known. */
  real(uri: string): Promise<string>
}

/** Generated files are larger, and say little. */
export const mostFileBytes = 256 * 1024

export const diskReader: FileReader = {
  async text(uri) {
    const path = pathOf(uri)
    if (path === undefined) return undefined
    try {
      const file = await open(path, 'r')
      try {
        const { size, isFile } = await file
          .stat()
          .then((stat) => ({ size: stat.size, isFile: stat.isFile() }))
        if (!isFile || size > mostFileBytes) return undefined
        const text = await file.readFile('utf8')
        return text.includes('\0') ? undefined : text.replaceAll('\r\n', '\n')
      } finally {
        await file.close()
      }
    } catch {
      return undefined
    }
  },
  async real(uri) {
    const path = pathOf(uri)
    if (path === undefined) return uri
    try {
      return URI.file(await realpath(path)).toString()
    } catch {
      return uri
    }
  },
}

/** Cells of a notebook lie in its file. */
function pathOf(uri: string): string | undefined {
  const parsed = URI.parse(uri)
  return parsed.scheme === 'file' || parsed.scheme === 'vscode-notebook-cell'
    ? URI.file(parsed.path).fsPath
    : undefined
}
