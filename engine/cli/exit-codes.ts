// How the process ends, for scripts. `hearth help` prints this table.
import { isAbort } from '../base/signal'
import { EngineError, type EngineErrorCode } from '../protocol/errors'

export const exitCodes = {
  ok: { code: 0, meaning: 'done' },
  internal: { code: 1, meaning: 'a bug in Hearth' },
  usage: { code: 2, meaning: 'a wrong argument, or a prompt that cannot be served' },
  model: { code: 3, meaning: 'the model is missing, damaged or not supported' },
  device: { code: 4, meaning: 'no GPU, a lost GPU, or not enough memory' },
  download: { code: 5, meaning: 'a download, its checksum or the disk failed' },
  interrupted: { code: 130, meaning: 'interrupted (Ctrl+C)' },
} as const satisfies Record<string, { code: number; meaning: string }>

type Outcome = keyof typeof exitCodes

const outcomes: Record<EngineErrorCode, Outcome> = {
  'bad-file': 'model',
  'unsupported-arch': 'model',
  'model-missing': 'model',
  'download-failed': 'download',
  checksum: 'download',
  disk: 'download',
  'out-of-memory': 'device',
  'no-gpu': 'device',
  'device-lost': 'device',
  'bad-request': 'usage',
  internal: 'internal',
}

export function exitCodeOf(error: unknown): number {
  if (isAbort(error)) return exitCodes.interrupted.code
  return exitCodes[error instanceof EngineError ? outcomes[error.code] : 'internal'].code
}

/** The table as text. */
export function describeExitCodes(): string {
  return Object.values(exitCodes)
    .map(({ code, meaning }) => `  ${String(code).padEnd(4)} ${meaning}`)
    .join('\n')
}
