// Counts what becomes of suggestions, and keeps the counts on this machine.
import * as vscode from 'vscode'
import type { GhostTextObserver } from './ghost-text'
import { SaveInFocus } from './save-in-focus'
import { addDay, bucketOf, emptyDay, follow, parseStatistics, type Day, type Span } from './statistics'

const key = 'hearth.statistics'
const keptAfterMs = 30_000
const saveAfterMs = 2000

interface Watched {
  uri: string
  span: Span
}

export class StatisticsRecorder implements GhostTextObserver, vscode.Disposable {
  #today = emptyDay()
  #date = dateOf(new Date())
  #last: { uri: string; text: string } | undefined
  readonly #watched = new Map<Watched, NodeJS.Timeout>()
  // Typing must not write to the disk with every key, nor windows over what others counted.
  readonly #saving = new SaveInFocus(() => this.#store(), saveAfterMs, vscode.window.state.focused)
  readonly #listeners = [
    vscode.workspace.onDidChangeTextDocument((event) => this.#follow(event)),
    vscode.window.onDidChangeWindowState(({ focused }) => void this.#saving.focusChanged(focused)),
  ]

  /** @param memory of the extension on this machine; it is not synchronized to others */
  constructor(private readonly memory: vscode.Memento) {}

  suggested(uri: string, text: string, ms: number): void {
    const rest = this.#last?.uri === uri && this.#last.text.endsWith(text)
    this.#count((day) => {
      const bucket = bucketOf(ms)
      day.latency[bucket] = (day.latency[bucket] ?? 0) + 1
      if (!rest) day.shown++
    })
    this.#last = { uri, text }
  }

  /** The user took it; the cursor stands at its end. */
  accepted(uri: string, text: string): void {
    this.#count((day) => day.accepted++)
    this.#last = undefined
    const editor = vscode.window.activeTextEditor
    if (editor?.document.uri.toString() !== uri) return
    const end = editor.document.offsetAt(editor.selection.active)
    // Closers that were replaced may follow the cursor; what stands before it is what can be watched.
    const watched = { uri, span: { start: Math.max(0, end - text.length), end } }
    const timer = setTimeout(() => this.#settle(watched, true), keptAfterMs)
    this.#watched.set(watched, timer)
  }

  read(promptTokens: number, reusedTokens: number): void {
    this.#count((day) => {
      day.promptTokens += promptTokens
      day.reusedTokens += reusedTokens
    })
  }

  /** All days up to now. */
  async all(): Promise<Record<string, Day>> {
    await this.#saving.now()
    return parseStatistics(this.memory.get(key))
  }

  async reset(): Promise<void> {
    this.#saving.forget()
    this.#today = emptyDay()
    await this.memory.update(key, undefined)
  }

  dispose(): void {
    for (const listener of this.#listeners) listener.dispose()
    for (const timer of this.#watched.values()) clearTimeout(timer)
    this.#watched.clear()
    void this.#saving.now()
  }

  #follow({ document, contentChanges }: vscode.TextDocumentChangeEvent): void {
    if (this.#watched.size === 0) return
    const uri = document.uri.toString()
    for (const watched of this.#watched.keys()) {
      if (watched.uri !== uri) continue
      let span: Span | undefined = watched.span
      for (const { rangeOffset, rangeLength, text } of contentChanges)
        span &&= follow(span, { start: rangeOffset, removed: rangeLength, added: text.length })
      if (span === undefined) this.#settle(watched, false)
      else watched.span = span
    }
  }

  #settle(watched: Watched, kept: boolean): void {
    clearTimeout(this.#watched.get(watched))
    this.#watched.delete(watched)
    this.#count((day) => {
      day.watched++
      if (kept) day.kept++
    })
  }

  #count(change: (day: Day) => void): void {
    const date = dateOf(new Date())
    if (date !== this.#date) void this.#saving.now()
    this.#date = date
    change(this.#today)
    this.#saving.changed()
  }

  async #store(): Promise<void> {
    const more = this.#today
    this.#today = emptyDay()
    await this.memory.update(key, addDay(parseStatistics(this.memory.get(key)), this.#date, more))
  }
}

// By the clock of the person who types.
function dateOf(time: Date): string {
  const two = (part: number): string => String(part).padStart(2, '0')
  return `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`
}
