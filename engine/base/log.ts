// A log is passed, never global: the sink is the language client's channel, stderr, or memory in tests.

export type LogLevel = 'error' | 'warn' | 'info' | 'debug' | 'trace'

/** User code and prompts appear at `trace` only. */
export interface Log {
  error(text: string): void
  warn(text: string): void
  info(text: string): void
  debug(text: string): void
  trace(text: string): void
}

/** A Log that hands every line to one function. */
export function createLog(sink: (level: LogLevel, text: string) => void): Log {
  return {
    error: (text) => sink('error', text),
    warn: (text) => sink('warn', text),
    info: (text) => sink('info', text),
    debug: (text) => sink('debug', text),
    trace: (text) => sink('trace', text),
  }
}

export const silentLog: Log = createLog(() => undefined)
