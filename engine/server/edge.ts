// Where the protocol meets the engine: tokens become signals, errors become response errors, unknown becomes typed.
import { LSPErrorCodes, ResponseError, type CancellationToken } from 'vscode-languageserver/node'
import * as v from 'valibot'
import { isAbort } from '../base/signal'
import type { Log } from '../base/log'
import { describeError, EngineError, toWire } from '../protocol/errors'

/** Runs a handler with a signal in place of the token. Whatever it throws fails this one request, with a code and a next step. */
export async function handle<T>(
  token: CancellationToken,
  log: Log,
  handler: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController()
  const listener = token.onCancellationRequested(() => controller.abort())
  if (token.isCancellationRequested) controller.abort()
  try {
    return await handler(controller.signal)
  } catch (error) {
    throw toResponseError(error, log)
  } finally {
    listener.dispose()
  }
}

/** Parameters as their type. Our own extension is trusted to send the right ones; any other editor may be wrong. */
export function parseParams<S extends v.GenericSchema>(schema: S, params: unknown): v.InferOutput<S> {
  const parsed = v.safeParse(schema, params)
  if (parsed.success) return parsed.output
  const [issue] = parsed.issues
  const where = v.getDotPath(issue) ?? 'the parameters'
  throw new EngineError('bad-request', `Bad request: ${where}: ${issue.message}.`, {
    hint: 'Update the extension or plugin that talks to Hearth.',
  })
}

function toResponseError(error: unknown, log: Log): Error {
  if (error instanceof ResponseError) return error
  if (isAbort(error)) return new ResponseError(LSPErrorCodes.RequestCancelled, 'The request was cancelled.')
  log.error(describeError(error))
  if (!(error instanceof EngineError) && error instanceof Error) log.debug(error.stack ?? error.message)
  return new ResponseError(LSPErrorCodes.RequestFailed, describeError(error), toWire(error))
}
