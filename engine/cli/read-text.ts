// Reads the user's text files, with an error for each way that can fail.
import { readFile, stat } from 'node:fs/promises'
import { EngineError } from '../protocol/errors'

// A hundred times what any window holds; the point is not to read a disk image by mistake.
const mostBytes = 64 << 20

/** Throws `bad-request`. */
export async function readText(file: string): Promise<string> {
  const found = await stat(file).catch((error: unknown) => {
    throw unreadable(file, error)
  })
  if (found.isDirectory()) throw unreadable(file, new Error('it is a folder'))
  if (found.size > mostBytes) throw unreadable(file, new Error(`it has ${found.size} bytes`))
  const bytes = await readFile(file).catch((error: unknown) => {
    throw unreadable(file, error)
  })
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new EngineError('bad-request', `${file} is not UTF-8 text.`, {
      hint: 'Convert it to UTF-8.',
      cause,
    })
  }
}

function unreadable(file: string, cause: unknown): EngineError {
  const missing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT'
  const why = missing ? 'there is no such file' : cause instanceof Error ? cause.message : String(cause)
  return new EngineError('bad-request', `${file} cannot be read: ${why}.`, { hint: 'Check the path.', cause })
}
