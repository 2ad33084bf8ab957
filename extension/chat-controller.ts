// The conversation: what the view asks for goes to the engine, what the engine answers goes to view and store.
import * as v from 'valibot'
import type { Log } from '../engine/base/log'
import { describeError } from '../engine/protocol/errors'
import type { ChatRequest, EngineStatus } from '../engine/protocol/messages'
import { fromViewSchema, type FromView, type ToView } from '../engine/protocol/webview'
import type { ChatEngine } from './chat-engine'
import { history, parseStored, toStored, toView, type Explanation, type Turn } from './conversation'

export type ViewCommand = Extract<FromView, { type: 'run' }>['command']

/** The world around the conversation. */
export interface ChatPorts {
  engine: ChatEngine
  /** To the view; nobody may be there to see it, since the conversation lives here. */
  post(message: ToView): void
  status(): EngineStatus
  store: { load(): unknown; save(turns: Turn[]): PromiseLike<void> }
  copy(text: string): PromiseLike<void>
  insert(text: string): PromiseLike<void>
  openLink(href: string): PromiseLike<void>
  run(command: ViewCommand): PromiseLike<void>
  log: Log
}

// One message to the view per token would cost more than the token on a fast GPU.
const batchMs = 40
const linkSchemes = new Set(['http:', 'https:'])

interface Running {
  abort: AbortController
  done: Promise<void>
}

export class ChatController {
  #turns: Turn[]
  #running: Running | undefined
  #unsent = { id: '', text: '' }
  #batch: NodeJS.Timeout | undefined

  constructor(private readonly ports: ChatPorts) {
    this.#turns = parseStored(ports.store.load())
  }

  get turns(): readonly Turn[] {
    return this.#turns
  }

  /** Resolves when the answer in progress, if any, has ended. */
  async idle(): Promise<void> {
    await this.#running?.done
  }

  /** One message from the view, which shows hostile text and is therefore not trusted. */
  onMessage(raw: unknown): void {
    const parsed = v.safeParse(fromViewSchema, raw)
    if (!parsed.success) {
      this.ports.log.warn(`Dropped a message of the chat view: ${v.summarize(parsed.issues)}`)
      return
    }
    this.#handle(parsed.output)
  }

  /** Shows the question and streams the explanation; an answer in progress is stopped first. */
  async explain(title: string, what: Explanation): Promise<void> {
    // Somebody else who waited too may have asked first.
    while (this.#running !== undefined) await this.stop()
    this.#ask({ ...newTurn('user', title), explain: what })
  }

  /** Ends the answer in progress; what has arrived stays. */
  async stop(): Promise<void> {
    this.#running?.abort.abort()
    await this.idle()
  }

  async clear(): Promise<void> {
    while (this.#running !== undefined) await this.stop()
    this.#turns = []
    this.#save()
    this.ports.post({ type: 'conversation', messages: [] })
    // Only memory is at stake, and an engine that is not running holds none.
    await this.ports.engine.reset().catch((error: unknown) => this.ports.log.debug(describeError(error)))
  }

  #handle(message: FromView): void {
    switch (message.type) {
      case 'ready':
        // The conversation holds everything received so far, so the unsent part must not be added once more.
        this.#unsent = { id: '', text: '' }
        this.ports.post({ type: 'conversation', messages: this.#turns.map(toView) })
        this.ports.post({ type: 'status', status: this.ports.status() })
        return
      case 'send':
        if (message.text.trim() === '' || this.#running !== undefined) return
        this.#ask(newTurn('user', message.text.trim()))
        return
      case 'retry':
        this.#retry(message.id)
        return
      case 'stop':
        return this.#watch(this.stop())
      case 'clear':
        return this.#watch(this.clear())
      case 'copy':
        return this.#watch(this.ports.copy(message.text))
      case 'insert':
        return this.#watch(this.ports.insert(message.text))
      case 'run':
        return this.#watch(this.ports.run(message.command))
      case 'open-link':
        if (isWebLink(message.href)) this.#watch(this.ports.openLink(message.href))
        else this.ports.log.warn('Dropped a link of the chat view that is not http or https.')
        return
    }
  }

  #ask(question: Turn): void {
    const answer: Turn = { ...newTurn('assistant', ''), state: 'streaming' }
    this.#turns = [...this.#turns, question, answer]
    this.ports.post({ type: 'add', message: toView(question) })
    this.ports.post({ type: 'add', message: toView(answer) })
    this.#save()
    this.#start(answer.id)
  }

  #retry(id: string): void {
    const index = this.#turns.findIndex((turn) => turn.id === id)
    if (this.#running !== undefined || this.#turns[index]?.role !== 'assistant') return
    // An answer in the middle is asked anew as the end: what followed was said about the old one.
    this.#turns = [...this.#turns.slice(0, index), { ...newTurn('assistant', ''), id, state: 'streaming' }]
    this.ports.post({ type: 'conversation', messages: this.#turns.map(toView) })
    this.#start(id)
  }

  #start(answerId: string): void {
    const abort = new AbortController()
    const done = this.#stream(answerId, abort.signal).finally(() => {
      if (this.#running === mine) this.#running = undefined
      this.#save()
    })
    const mine: Running = { abort, done }
    this.#running = mine
  }

  async #stream(id: string, signal: AbortSignal): Promise<void> {
    const index = this.#turns.findIndex((turn) => turn.id === id)
    const question = this.#turns[index - 1]
    const onText = (text: string): void => this.#append(id, text)
    try {
      const result =
        question?.explain === undefined
          ? await this.ports.engine.chat(history(this.#turns, index), onText, signal)
          : await this.ports.engine.explain(question.explain, onText, signal)
      this.#finish(id, result)
    } catch (error) {
      this.#fail(id, describeError(error))
    }
  }

  #append(id: string, text: string): void {
    this.#update(id, (turn) => ({ ...turn, text: turn.text + text }))
    if (this.#unsent.id !== id) this.#flush()
    this.#unsent = { id, text: this.#unsent.text + text }
    this.#batch ??= setTimeout(() => this.#flush(), batchMs)
  }

  #flush(): void {
    clearTimeout(this.#batch)
    this.#batch = undefined
    if (this.#unsent.text !== '') this.ports.post({ type: 'delta', ...this.#unsent })
    this.#unsent = { id: '', text: '' }
  }

  #finish(id: string, { finishReason, usage, droppedMessages }: ChatRequest.Result): void {
    this.#flush()
    this.#update(id, (turn) => ({ ...turn, state: 'done', finishReason, usage, droppedMessages }))
    this.ports.post({ type: 'done', id, finishReason, usage, droppedMessages })
  }

  #fail(id: string, error: string): void {
    this.#flush()
    this.ports.log.error(`Chat: ${error}`)
    this.#update(id, (turn) => ({ ...turn, state: 'error', error }))
    this.ports.post({ type: 'error', id, error })
  }

  #update(id: string, change: (turn: Turn) => Turn): void {
    this.#turns = this.#turns.map((turn) => (turn.id === id ? change(turn) : turn))
  }

  #save(): void {
    this.#watch(this.ports.store.save(toStored(this.#turns)))
  }

  #watch(work: PromiseLike<void>): void {
    work.then(undefined, (error: unknown) => this.ports.log.error(`Chat: ${describeError(error)}`))
  }
}

function newTurn(role: Turn['role'], text: string): Turn {
  return { id: crypto.randomUUID(), role, text, state: 'done' }
}

function isWebLink(href: string): boolean {
  return URL.canParse(href) && linkSchemes.has(new URL(href).protocol)
}
