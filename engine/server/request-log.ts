// The last prompts, for "why did it say that?". In memory only: they hold the user's code.
import type { RequestLogRequest } from '../protocol/messages'

type Entry = RequestLogRequest.Entry

export interface RequestLog {
  add(entry: Omit<Entry, 'at'>): void
  /** Newest first. */
  entries(): Entry[]
}

export function createRequestLog(capacity = 20): RequestLog {
  const kept: Entry[] = []
  return {
    add(entry) {
      kept.unshift({ at: new Date().toISOString(), ...entry })
      kept.length = Math.min(kept.length, capacity)
    },
    entries: () => [...kept],
  }
}
