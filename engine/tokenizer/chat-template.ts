// Renders a conversation with the model's own Jinja template, such that nothing inside a message can pass for a turn marker.
import { randomUUID } from 'node:crypto'
import { optionalNumberOf, optionalStringOf, type Metadata } from '../format/metadata'
import type { ChatMessage } from '../protocol/chat'
import { EngineError } from '../protocol/errors'
import { BoundedTemplate } from './bounded-template'
import { findBuiltInTemplate } from './built-in-templates'
import { templateText, userText, type TextPiece, type Tokenizer } from './tokenizer'

export interface ChatTemplate {
  /** The prompt that lets the model answer next. Throws EngineError `bad-request` when the template refuses the conversation. */
  render(messages: readonly ChatMessage[]): TextPiece[]
  /** Texts and tokens that end an answer, besides the tokenizer's `eog`. */
  readonly stops: readonly string[]
  readonly stopTokens: ReadonlySet<number>
}

/** The template of the file, else the one its vocabulary is made for, or undefined for a model that was not trained to chat. */
export function chatTemplate(metadata: Metadata, tokenizer: Tokenizer): ChatTemplate | undefined {
  const builtIn = findBuiltInTemplate(metadata, tokenizer)
  const given = optionalStringOf(metadata, 'tokenizer.chat_template')
  // Some converters write a bare name instead of a template.
  const source = given !== undefined && /\{[{%]/.test(given) ? given : builtIn?.template
  if (source === undefined) return undefined
  const eos = optionalNumberOf(metadata, 'tokenizer.ggml.eos_token_id')
  const variables = {
    add_generation_prompt: true,
    bos_token: tokenizer.bos === undefined ? '' : tokenizer.pieceOf(tokenizer.bos),
    eos_token: eos === undefined ? '' : tokenizer.pieceOf(eos),
    // Baichuan's turns begin with tokens that its versions spell differently.
    token_195: tokenizer.pieceOf(195),
    token_196: tokenizer.pieceOf(196),
  }
  let parsed: BoundedTemplate | undefined
  const fill = (messages: readonly ChatMessage[]): string => {
    // Parsed late: a broken template costs the chat, not the completions of the same model.
    parsed ??= new BoundedTemplate(source)
    return parsed.render({ ...variables, messages })
  }
  return {
    render: (messages) => renderSafely(messages, fill, tokenizer),
    stops: builtIn?.stops ?? [],
    stopTokens: new Set(builtIn?.ends?.flatMap((spelling) => tokenizer.idOf(spelling) ?? [])),
  }
}

type Fill = (messages: readonly ChatMessage[]) => string

/** Some templates know no system role, or insist on user and assistant taking turns: then the conversation is reshaped to fit. */
const shapes: readonly ((messages: readonly ChatMessage[]) => readonly ChatMessage[])[] = [
  (messages) => messages,
  systemIntoUser,
  (messages) => joinRuns(systemIntoUser(messages)),
]

function renderSafely(messages: readonly ChatMessage[], fill: Fill, tokenizer: Tokenizer): TextPiece[] {
  let silent: TextPiece[] | undefined
  let failure: unknown
  for (const shape of shapes) {
    try {
      const { pieces, lostSystem } = renderOnce(shape(messages), fill, tokenizer)
      if (!lostSystem) return pieces
      silent ??= pieces
    } catch (error) {
      if (error instanceof EngineError) throw error
      failure = error
    }
  }
  if (silent !== undefined) return silent
  throw new EngineError(
    'bad-request',
    `The model's chat template refuses this conversation: ${failure instanceof Error ? failure.message : String(failure)}.`,
    { hint: 'Start a new chat, or choose another model.', cause: failure },
  )
}

/**
 * Renders twice. First with an unguessable mark in place of each message, cut out afterwards: what is not a mark is template.
 * Then with the messages themselves, control tokens in them broken by a mark. Both give the same text unless the template looks
 * into messages (cuts reasoning away, changes case); in that case the second one is right, and its breaks keep it safe.
 */
function renderOnce(
  messages: readonly ChatMessage[],
  fill: Fill,
  tokenizer: Tokenizer,
): { pieces: TextPiece[]; lostSystem: boolean } {
  const secret = randomUUID()
  const parts = messages.map((message) => partsOf(message.content))
  const marked = fill(
    messages.map(({ role }, i) => {
      const { before, core, after } = parts[i] ?? noParts
      // Space around a message stays outside the mark, so that `trim` finds it. An empty message stays empty for `if`.
      return { role, content: before + (core === '' ? '' : `${secret}:${i}:`) + after }
    }),
  )
  const seen = new Set<number>()
  const pieces: TextPiece[] = []
  marked.split(new RegExp(`${secret}:(\\d+):`)).forEach((text, i) => {
    if (i % 2 === 0) {
      if (text !== '') pieces.push(templateText(text))
      return
    }
    seen.add(Number(text))
    pieces.push(userText(parts[Number(text)]?.core ?? ''))
  })

  const broken = fill(
    messages.map(({ role, content }) => ({ role, content: breakControlTokens(content, secret, tokenizer) })),
  )
  const looksInside = broken.replaceAll(secret, '') !== pieces.map((piece) => piece.text).join('')
  const lostSystem = messages.some(
    ({ role }, i) => role === 'system' && parts[i]?.core !== '' && !seen.has(i),
  )
  return {
    // Pieces end at each break, and a control token is only found inside one piece.
    pieces: looksInside ? broken.split(secret).map(templateText) : pieces,
    lostSystem,
  }
}

const noParts = { before: '', core: '', after: '' }

function partsOf(content: string): { before: string; core: string; after: string } {
  const core = content.trim()
  const start = content.indexOf(core)
  return { before: content.slice(0, start), core, after: content.slice(start + core.length) }
}

/** Puts `mark` into every control token that `text` spells. */
function breakControlTokens(text: string, mark: string, tokenizer: Tokenizer): string {
  let result = text
  // A long token may hide a shorter one, which shows when the long one is broken.
  for (;;) {
    const pieces = result.split(mark).map(templateText)
    const spellings = new Set(
      tokenizer
        .encode(pieces)
        .filter(
          (token, i) => !(i === 0 && token === tokenizer.bos && !result.startsWith(tokenizer.pieceOf(token))),
        )
        .filter((token) => tokenizer.bytesOf(token).length === 0)
        .map((token) => tokenizer.pieceOf(token)),
    )
    const before = result
    for (const spelling of spellings) {
      if (spelling.length > 1)
        result = result.replaceAll(spelling, spelling.slice(0, 1) + mark + spelling.slice(1))
    }
    if (result === before) return result
  }
}

function systemIntoUser(messages: readonly ChatMessage[]): ChatMessage[] {
  const system = messages.filter((message) => message.role === 'system').map((message) => message.content)
  const rest = messages.filter((message) => message.role !== 'system')
  if (system.length === 0) return rest
  const first = rest.findIndex((message) => message.role === 'user')
  const text = system.join('\n\n')
  if (first < 0) return [{ role: 'user', content: text }, ...rest]
  return rest.map((message, i) =>
    i === first ? { role: 'user', content: `${text}\n\n${message.content}` } : message,
  )
}

function joinRuns(messages: readonly ChatMessage[]): ChatMessage[] {
  const joined: ChatMessage[] = []
  for (const message of messages) {
    const last = joined.at(-1)
    if (last?.role === message.role) {
      joined[joined.length - 1] = { role: last.role, content: `${last.content}\n\n${message.content}` }
    } else joined.push(message)
  }
  return joined
}
