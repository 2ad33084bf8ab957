// Decides when to ask the model before anybody does: after a suggestion was taken, while one is looked at, and where the cursor rests.
import type { Completer, Suggestion } from './complete'
import { opensBlock, type CompletionInput } from './context'

export interface AheadParts {
  completer: Pick<Completer, 'prepare' | 'stopPreparing'>
  /** Whether work that nobody has asked for may be done now. */
  allowed: () => boolean
  /** Milliseconds for which a suggestion is looked at before what follows it is prepared. */
  lookMs?: number
}

/** What may be asked for next. Whoever really asks goes first: the completer sees to that. */
export interface Ahead {
  /** An editor asks: whatever was to be prepared for another place is not. */
  asked(input: CompletionInput): void
  /** An editor shows this. */
  suggested(input: CompletionInput, suggestion: Suggestion): void
  /** A suggestion was taken whole, and this is the document since. */
  accepted(uri: string, text: string): void
  /** The cursor rests here, and nobody types. */
  rested(input: CompletionInput): void
  /** Another model answers from now on. */
  modelChanged(): void
  /** Somebody else wants the model, until the returned function is called. */
  makeWay(): () => void
}

// Longer than the pause between two keystrokes of most people.
const defaultLookMs = 400

export function createAhead(parts: AheadParts): Ahead {
  return new Preparation(parts)
}

class Preparation implements Ahead {
  /** The document as it will be when the suggestion is taken. */
  #taken: CompletionInput | undefined
  #rested: CompletionInput | undefined
  #timer: NodeJS.Timeout | undefined
  #others = 0

  constructor(private readonly parts: AheadParts) {}

  asked(input: CompletionInput): void {
    clearTimeout(this.#timer)
    if (this.#taken?.text !== input.text) this.#taken = undefined
    this.#rested = undefined
  }

  suggested(input: CompletionInput, suggestion: Suggestion): void {
    // With an item of a list selected, another key may still choose another one.
    if (input.selected) return
    const taken = take(input, suggestion)
    this.#taken = taken
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#prepare(taken, true), this.parts.lookMs ?? defaultLookMs)
    // An engine that is to end must not wait for it.
    this.#timer.unref()
  }

  accepted(uri: string, text: string): void {
    const taken = this.#taken
    if (taken?.uri === uri && taken.text === text) void this.#prepareAfter(taken)
  }

  rested(input: CompletionInput): void {
    this.#rested = input
    void this.#prepare(input, false)
  }

  modelChanged(): void {
    if (this.#rested) void this.#prepare(this.#rested, false)
  }

  makeWay(): () => void {
    this.#others++
    clearTimeout(this.#timer)
    this.parts.completer.stopPreparing()
    let gone = false
    return () => {
      if (!gone) this.#others--
      gone = true
    }
  }

  /** The end of a line mostly has nothing to add: then the next line is what comes. */
  async #prepareAfter(taken: CompletionInput): Promise<void> {
    const next = await this.#prepare(taken, false)
    const line = nextLine(taken)
    if (next === '' && line && this.#taken === taken) await this.#prepare(line, true)
  }

  async #prepare(input: CompletionInput, supposed: boolean): Promise<string | undefined> {
    if (this.#others > 0 || !this.parts.allowed()) return undefined
    return this.parts.completer.prepare(input, supposed)
  }
}

function take(input: CompletionInput, { text, start, end }: Suggestion): CompletionInput {
  const written = input.text.includes('\r\n') ? text.replaceAll('\n', '\r\n') : text
  return {
    ...input,
    text: input.text.slice(0, start) + written + input.text.slice(end),
    offset: start + written.length,
    trigger: 'automatic',
  }
}

/** The document with a line begun below the cursor's, as far as an editor would indent it like the one above. */
function nextLine(input: CompletionInput): CompletionInput | undefined {
  const { text, offset } = input
  const line = text.slice(text.lastIndexOf('\n', offset - 1) + 1, offset)
  if (!/^[ \t]*\r?(?:\n|$)/.test(text.slice(offset)) || line.trim() === '' || opensBlock(line))
    return undefined
  const added = `${text.includes('\r\n') ? '\r\n' : '\n'}${/^[ \t]*/.exec(line)?.[0] ?? ''}`
  return { ...input, text: text.slice(0, offset) + added + text.slice(offset), offset: offset + added.length }
}
