// The last prompts, for "why did it say that?". In memory only: they hold the user's code.
import type { Log } from '../base/log'
import type { RequestLogRequest } from '../protocol/messages'

type Entry = RequestLogRequest.Entry

export interface RequestLog {
  add(entry: Omit<Entry, 'at'>): void
  /** Newest first. */
  entries(): Entry[]
}

/** Every entry also goes to `log`, at `trace`: it holds the user's code. */
export function createRequestLog(log: Log, capacity = 50): RequestLog {
  const kept: Entry[] = []
  return {
    add(entry) {
      log.trace(`${entry.kind}, ${entry.outcome}:\n${entry.prompt}\n→ ${entry.text}`)
      kept.unshift({ at: new Date().toISOString(), ...entry })
      kept.length = Math.min(kept.length, capacity)
    },
    entries: () => [...kept],
  }
}
