// Every failure a user can meet, as one class with a code and a next step.

/** What went wrong, as a word that programs can switch on. Exit codes of the CLI are in `cli/exit-codes.ts`. */
export type EngineErrorCode =
  | 'bad-file' // a model file is damaged, truncated or not what it claims to be
  | 'unsupported-arch' // a valid file with a model family or tensor type we do not know
  | 'model-missing' // no such model in the catalog, the cache or on disk
  | 'download-failed' // every source of a model failed
  | 'checksum' // the bytes arrived, but are not the promised ones
  | 'disk' // writing failed: full disk, no permission
  | 'out-of-memory'
  | 'no-gpu'
  | 'device-lost'
  | 'bad-request' // a prompt, setting or argument that cannot be served
  | 'internal'

export interface EngineErrorOptions {
  /** The user's next step, as a full sentence. */
  hint?: string
  cause?: unknown
}

/** The only error class that crosses a floor. `message` says what happened, `hint` what to do. */
export class EngineError extends Error {
  override readonly name = 'EngineError'
  readonly hint: string | undefined

  constructor(
    readonly code: EngineErrorCode,
    message: string,
    options: EngineErrorOptions = {},
  ) {
    super(onOneLine(message), options.cause === undefined ? undefined : { cause: options.cause })
    this.hint = options.hint
  }
}

// Messages quote files and servers. What these send must not move a cursor, begin a line or pass for the next step.
function onOneLine(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ')
}

/** The shape of an EngineError inside `ResponseError.data` and `--json` output. */
export interface WireError {
  code: EngineErrorCode
  message: string
  hint?: string
}

/** Any thrown value as a WireError; what is not an EngineError is a bug and becomes `internal`. */
export function toWire(error: unknown): WireError {
  if (error instanceof EngineError) {
    return {
      code: error.code,
      message: error.message,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    }
  }
  return {
    code: 'internal',
    message: error instanceof Error ? error.message : String(error),
    hint: 'This is a bug in Hearth. Please report it with the log (command "Hearth: Show Log").',
  }
}

/** One line for people: what happened, then what to do. */
export function describeError(error: unknown): string {
  const { message, hint } = toWire(error)
  return hint === undefined ? message : `${message} ${hint}`
}
