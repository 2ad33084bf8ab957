// Turns what a failed request rejects with into an EngineError with a next step.
import { ErrorCodes, ResponseError } from 'vscode-languageserver-protocol'
import { EngineError, type WireError } from '../engine/protocol/errors'

/** An error of the language connection as an EngineError; anything else is returned wrapped as `internal`. */
export function fromWire(error: unknown): EngineError {
  if (error instanceof EngineError) return error
  if (error instanceof ResponseError) {
    if (isWireError(error.data))
      return new EngineError(error.data.code, error.data.message, {
        ...(error.data.hint === undefined ? {} : { hint: error.data.hint }),
        cause: error,
      })
    if (isConnectionLoss(error.code)) return connectionLost(error)
  }
  // Writing to a connection that was closed a moment ago is an Error of another class.
  if (error instanceof Error && /disposed|closed/i.test(error.message)) return connectionLost(error)
  return new EngineError('internal', error instanceof Error ? error.message : String(error), { cause: error })
}

function connectionLost(cause: Error): EngineError {
  return new EngineError('internal', 'The engine stopped while it was answering.', {
    hint: 'It starts again by itself; then try again.',
    cause,
  })
}

function isConnectionLoss(code: number): boolean {
  return code === ErrorCodes.PendingResponseRejected || code === ErrorCodes.ConnectionInactive
}

function isWireError(data: unknown): data is WireError {
  return (
    typeof data === 'object' &&
    data !== null &&
    'code' in data &&
    'message' in data &&
    typeof data.message === 'string'
  )
}
