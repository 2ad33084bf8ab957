// Decides when to ask the model: too early wastes a prefill, too late feels slow.
import type { CursorContext } from './context'

export interface Typing {
  trigger: 'automatic' | 'invoked'
  /** The user has just taken a suggestion, and expects the next. */
  accepted: boolean
  /** `hearth.completion.debounceMs`. */
  debounceMs: number
}

/** Milliseconds to wait. Nobody pauses after asking by hand, after accepting, or on a fresh line: there is nothing to wait for. */
export function waitTime({ trigger, accepted, debounceMs }: Typing, context: CursorContext): number {
  const freshLine = context.linePrefix.trim() === '' && context.before.includes('\n')
  return trigger === 'invoked' || accepted || freshLine ? 0 : debounceMs
}
