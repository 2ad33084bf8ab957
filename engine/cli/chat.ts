// `hearth chat`: a conversation in the terminal. Ctrl+C stops an answer, and at the prompt it ends the program.
import { createInterface, type Interface } from 'node:readline'
import { answer, chatOptions } from '../chat/chat'
import type { ChatMessage, Usage } from '../protocol/chat'
import { EngineError, toWire } from '../protocol/errors'
import { parseSettings } from '../protocol/settings'
import type { LocalProvider } from '../provider/local'
import type { CommandContext, Run } from './commands'
import { exitCodes } from './exit-codes'
import { modelOptionNames, withModel } from './open-model'
import { inOptions, parseOptions, type Options } from './options'
import { describeSpeed } from './speed'
import { printable } from './terminal'

export const chat: Run = async (context, _args, raw) => {
  const options = parseOptions(['maxTokens', 'temperature', 'seed', ...modelOptionNames], raw)
  return withModel(context, options, async (provider) => {
    context.terminal.note(`${provider.info.model} on ${provider.info.device}. /reset, /stats, /exit`)
    const terminal = process.stdin.isTTY && process.stderr.isTTY
    const lines = createInterface({
      input: process.stdin,
      // Prompt and echo are not the answer: they stay out of a pipe.
      output: process.stderr,
      terminal,
      prompt: terminal ? '> ' : '',
    })
    await new Conversation(context, provider, options, lines).run()
    return context.signal.aborted ? exitCodes.interrupted.code : exitCodes.ok.code
  })
}

class Conversation {
  #messages: ChatMessage[] = []
  #last: Usage | undefined
  #answering: AbortController | undefined

  constructor(
    private readonly context: CommandContext,
    private readonly provider: LocalProvider,
    private readonly options: Options<'maxTokens' | 'temperature' | 'seed'>,
    private readonly lines: Interface,
  ) {}

  async run(): Promise<void> {
    const { lines, context } = this
    const close = (): void => lines.close()
    context.signal.addEventListener('abort', close, { once: true })
    // In raw mode the terminal sends no signal, so readline tells.
    lines.on('SIGINT', () => (this.#answering ? this.#answering.abort() : close()))
    // The input may end while its last lines are still being answered; newer Nodes refuse to prompt then.
    let closed = false
    lines.once('close', () => (closed = true))
    lines.prompt()
    for await (const line of lines) {
      if (line.trim() === '/exit') break
      await this.#handle(line)
      if (context.signal.aborted) break
      if (!closed) lines.prompt()
    }
    lines.close()
  }

  async #handle(line: string): Promise<void> {
    const { terminal, signal } = this.context
    const text = line.trim()
    if (text === '') return
    if (text === '/reset') {
      this.#messages = []
      await this.provider.resetChat(signal)
      terminal.note('The conversation starts anew.')
    } else if (text === '/stats') {
      terminal.note(this.#stats())
    } else if (/^\/\w+$/.test(text)) {
      terminal.note(`There is no command ${text}; there are /reset, /stats and /exit.`)
    } else {
      await this.#ask(text)
    }
  }

  async #ask(content: string): Promise<void> {
    const { terminal, signal } = this.context
    const asked: ChatMessage[] = [...this.#messages, { role: 'user', content }]
    const { maxTokens, temperature, seed } = this.options
    const settings = { ...parseSettings({}).chat, maxTokens, temperature }
    this.#answering = new AbortController()
    try {
      const request = { ...chatOptions(asked, settings), ...(seed === undefined ? {} : { seed }) }
      const stop = AbortSignal.any([signal, this.#answering.signal])
      const said = await answer(this.provider, request, (text) => void terminal.out(printable(text)), stop)
      await terminal.out('\n')
      if (said.finishReason !== 'stop') terminal.note(endings[said.finishReason])
      if (said.droppedMessages > 0) terminal.note('The oldest messages no longer fit and were left out.')
      this.#messages = [...asked, { role: 'assistant', content: said.text }]
      this.#last = said.usage
    } catch (error) {
      // A message that is too long ends nothing: the next one may be shorter.
      if (!(error instanceof EngineError) || error.code !== 'bad-request') throw error
      const { message, hint = '' } = toWire(error)
      terminal.note(`${message} ${inOptions(hint)}`)
    } finally {
      this.#answering = undefined
    }
  }

  #stats(): string {
    const { model, device, contextLength } = this.provider.info
    const head = `${model} on ${device}, window of ${contextLength} tokens, ${this.#messages.length} messages`
    if (!this.#last) return head
    const used = this.#last.promptTokens + this.#last.completionTokens
    return `${head}, ${used} tokens in use\nlast answer: ${describeSpeed(this.#last)}`
  }
}

const endings = {
  length: '(cut off after --max-tokens)',
  'context-full': '(the window is full; /reset starts anew)',
  cancelled: '(stopped)',
} as const
