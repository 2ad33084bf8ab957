// Types into the engine as an editor does: every change is sent, every unanswered request cancelled, every ghost looked at.
import { setTimeout as wait } from 'node:timers/promises'
import {
  CancellationTokenSource,
  DidChangeTextDocumentNotification,
  DidCloseTextDocumentNotification,
  InlineCompletionRequest,
  InlineCompletionTriggerKind,
  type InlineCompletionItem,
} from 'vscode-languageserver-protocol/node'
import { TextDocument } from 'vscode-languageserver-textdocument'
import {
  DidAcceptNotification,
  DidRestNotification,
  RequestLogRequest,
  type AnsweredBy,
} from '../../engine/protocol/messages'
import type { Engine } from '../lsp/engine-process'
import { randomNumbers } from '../quality/random'
import { Typist, type Ghost, type StrokeKind, type Task } from './typist'

export type LogEntry = RequestLogRequest.Entry

/** What one keystroke caused. */
export interface StrokeRecord {
  kind: StrokeKind
  /** When, in milliseconds since 1970. */
  at: number
  /** The last characters before the cursor, by which the log's entries are told apart. */
  before: string
  offset: number
  /** Whether ghost text was asked for: editors ask after changes of the text. */
  asked: boolean
  /** Whether it is the first change after the document was opened or the cursor has moved. */
  first: boolean
  /** Whether the answer came before the next keystroke. */
  answered: boolean
  answeredBy?: AnsweredBy
  ms?: number
  ghost?: Ghost
  /** The document as it would be with the ghost. */
  taken?: string
  /** Prompt tokens that the model read on account of this keystroke. */
  recomputed: number
  /** Prompt tokens that it did not have to read. */
  reused: number
  /** Whether the model was asked on account of it. */
  model: boolean
}

export interface Replay {
  strokes: StrokeRecord[]
  /** Every request to the model, oldest first. */
  runs: LogEntry[]
  /** Those of them that were made before anybody asked. */
  ahead: LogEntry[]
  /** Ghosts that were shown and that neither an answer of the model nor a copy leads to. */
  stale: string[]
}

export interface ReplayOptions {
  strokes: number
  seed: number
  /** Milliseconds between two keystrokes: at least, and at most. */
  pause: readonly [least: number, most: number]
  /** Share of the keystrokes after which the typist waits for the ghost, and how many milliseconds at most. */
  look: { share: number; ms: number }
  /** Milliseconds for which the cursor rests where it has come to, before typing goes on. */
  restMs: number
}

const keyChars = 120

export async function replay(
  engine: Engine,
  tasks: readonly Task[],
  options: ReplayOptions,
): Promise<Replay> {
  const strokes: StrokeRecord[] = []
  const log = new LogReader(engine)
  const random = randomNumbers(options.seed)
  for (const [at, task] of tasks.entries()) {
    if (strokes.length >= options.strokes) break
    await typeTask(engine, new Typist(task, options.seed + at), { ...options, random }, strokes, log)
  }
  // What was given up last ends within its step.
  await wait(1000)
  await log.read()
  const ahead = log.entries.filter(({ answeredBy }) => answeredBy === 'ahead')
  const runs = log.entries.filter((entry) => entry.answeredBy === 'model' || ahead.includes(entry))
  attribute(
    strokes,
    log.entries.filter((entry) => !ahead.includes(entry)),
  )
  const copies = log.entries.filter(({ answeredBy }) => answeredBy === 'copy')
  return { strokes, runs, ahead, stale: findStale(strokes, runs, copies) }
}

async function typeTask(
  engine: Engine,
  typist: Typist,
  options: ReplayOptions & { random: () => number },
  strokes: StrokeRecord[],
  log: LogReader,
): Promise<void> {
  const { connection } = engine
  const { uri, languageId } = typist.task
  const { random, pause, look } = options
  let version = 1
  await engine.open(uri, languageId, typist.text)
  const rest = async (): Promise<void> => {
    if (options.restMs === 0) return
    const position = TextDocument.create(uri, languageId, version, typist.text).positionAt(typist.offset)
    await connection.sendNotification(DidRestNotification.type, { uri, position })
    await wait(options.restMs)
  }
  await rest()
  let first = true
  let asked: Asked | undefined
  while (!typist.done && strokes.length < options.strokes) {
    const old = TextDocument.create(uri, languageId, version, typist.text)
    const stroke = typist.next(strokes.at(-1)?.ghost)
    asked?.leave()
    const record: StrokeRecord = {
      kind: stroke.kind,
      at: Date.now(),
      offset: typist.offset,
      before: unix(typist.text.slice(0, typist.offset)).slice(-keyChars),
      asked: stroke.edit !== undefined,
      first,
      answered: false,
      recomputed: 0,
      reused: 0,
      model: false,
    }
    strokes.push(record)
    if (stroke.edit) {
      const { text, start, end } = stroke.edit
      const range = { start: old.positionAt(start), end: old.positionAt(end) }
      await connection.sendNotification(DidChangeTextDocumentNotification.type, {
        textDocument: { uri, version: ++version },
        contentChanges: [{ range, text }],
      })
      if (stroke.kind === 'whole suggestion')
        await connection.sendNotification(DidAcceptNotification.type, { uri, text })
      asked = ask(engine, uri, typist, record)
    }
    const looks = random() < look.share
    await wait(pause[0] + random() * (pause[1] - pause[0]))
    first = stroke.kind === 'jump'
    if (first) await rest()
    if (looks && asked) await Promise.race([asked.end, wait(look.ms)])
    if (strokes.length % 8 === 0) await log.read()
  }
  asked?.leave()
  await connection.sendNotification(DidCloseTextDocumentNotification.type, { textDocument: { uri } })
}

interface Asked {
  end: Promise<void>
  /** The next keystroke came: what has not been answered is cancelled. */
  leave: () => void
}

function ask(engine: Engine, uri: string, typist: Typist, record: StrokeRecord): Asked {
  const source = new CancellationTokenSource()
  const { text } = typist
  const document = TextDocument.create(uri, '', 0, text)
  const params = {
    textDocument: { uri },
    position: document.positionAt(typist.offset),
    context: { triggerKind: InlineCompletionTriggerKind.Automatic },
  }
  const start = performance.now()
  const end = engine.connection
    .sendRequest(InlineCompletionRequest.type, params, source.token)
    .then((answer) => {
      if (source.token.isCancellationRequested) return
      record.answered = true
      record.ms = performance.now() - start
      const [item] = Array.isArray(answer) ? answer : (answer?.items ?? [])
      if (!item) return
      const ghost = toGhost(document, item)
      record.ghost = ghost
      record.taken = text.slice(0, ghost.start) + ghost.text + text.slice(ghost.end)
    })
    .catch((error: unknown) => {
      // A request may be refused because it was cancelled, and for nothing else.
      if (!source.token.isCancellationRequested) throw error
    })
  return { end, leave: () => (record.answered ? undefined : source.cancel()) }
}

function toGhost(document: TextDocument, { insertText, range }: InlineCompletionItem): Ghost {
  const text = typeof insertText === 'string' ? insertText : insertText.value
  if (!range) throw new Error('a suggestion without a range')
  return { text, start: document.offsetAt(range.start), end: document.offsetAt(range.end) }
}

/** The engine's request log, read often enough to miss nothing. */
class LogReader {
  /** Oldest first. */
  readonly entries: LogEntry[] = []
  #last = ''

  constructor(private readonly engine: Engine) {}

  async read(): Promise<void> {
    const newest = await this.engine.connection.sendRequest(RequestLogRequest.type)
    const known = newest.findIndex((entry) => JSON.stringify(entry) === this.#last)
    if (known < 0 && this.#last !== '') throw new Error('the request log has forgotten what nobody read yet')
    this.entries.push(...newest.slice(0, known < 0 ? undefined : known).reverse())
    if (newest[0]) this.#last = JSON.stringify(newest[0])
  }
}

/** Gives each entry of the log to the keystroke at whose cursor it was asked for, the latest of several. */
function attribute(strokes: readonly StrokeRecord[], entries: readonly LogEntry[]): void {
  for (const { at, prompt, answeredBy, usage } of entries) {
    const cursor = prompt.slice(0, prompt.indexOf('┃'))
    const stroke = strokes.findLast(
      ({ asked, at: asking, before }) => asked && asking <= Date.parse(at) && cursor.endsWith(before),
    )
    if (!stroke) throw new Error(`a request that nobody made: ${cursor.slice(-200)}`)
    if (stroke.answered && answeredBy) stroke.answeredBy = answeredBy
    if (!usage) continue
    stroke.model = true
    stroke.recomputed += usage.promptTokens - usage.reusedTokens
    stroke.reused += usage.reusedTokens
  }
}

/**
 * A ghost stands at the cursor, and is what the model has written somewhere before it, less what was typed since; or the same of a copy,
 * which stands in the document once more.
 */
function findStale(
  strokes: readonly StrokeRecord[],
  runs: readonly LogEntry[],
  copies: readonly LogEntry[],
): string[] {
  const textOf = ({ prompt, text }: LogEntry): string => prompt.slice(0, prompt.indexOf('┃')) + text
  const [written, copied] = [runs.map(textOf), copies.map(textOf)]
  return strokes.flatMap(({ ghost, before, offset, taken = '' }) => {
    if (!ghost) return []
    const tail = before.slice(-60)
    // Filters may have shortened it, or set its blanks right.
    const start = ghost.text.trimStart().slice(0, 6)
    const fits = (text: string): boolean =>
      text
        .split(tail)
        .some((_, at, parts) => at > 0 && parts.slice(at).join(tail).trimStart().startsWith(start))
    const isCopy = copied.some(fits) && taken.split(ghost.text.trim()).length > 2
    return ghost.start === offset && (written.some(fits) || isCopy) ? [] : [`${tail}┃${ghost.text}`]
  })
}

function unix(text: string): string {
  return text.replaceAll('\r\n', '\n')
}
