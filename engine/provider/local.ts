// The model on this machine as a provider: prompts in the model's own form, one session for typing and one for chat.
import type { Backend } from '../backend/backend'
import { DraftModel } from '../generate/draft-model'
import { createSampler, greedy, type SamplerOptions } from '../generate/sampler'
import { Scheduler, type Priority } from '../generate/scheduler'
import { Session, type GenerateEnd, type GenerateOptions } from '../generate/session'
import { endToHeal, HealingSampler } from '../generate/token-healing'
import type { Model } from '../model/model'
import type { ChatMessage } from '../protocol/chat'
import type { ChatTemplate } from '../tokenizer/chat-template'
import type { Fim } from '../tokenizer/fim'
import { fimPrompt, fimRepositoryPrompt } from '../tokenizer/fim'
import { TokenPrefixes } from '../tokenizer/token-prefixes'
import { userText, type TextPiece } from '../tokenizer/tokenizer'
import { fitMessages } from './fit-messages'
import type {
  ChatOptions,
  CompletionRequest,
  OtherFiles,
  Provider,
  ProviderInfo,
  TextStream,
} from './provider'

export interface LocalProviderParts {
  model: Model
  /** A smaller one of the same vocabulary, which guesses tokens of answers. */
  draftModel?: Model
  backend: Backend
  fim: Fim | undefined
  chatTemplate: ChatTemplate | undefined
  info: ProviderInfo
}

/** Most tokens of prompt and suggestion together: enough for a screenful on both sides of the cursor. */
const typingWindow = 2048

/** Share of the typing window that text after the cursor may take. */
const suffixShare = 0.25

export class LocalProvider implements Provider {
  readonly capabilities: Provider['capabilities']
  readonly lost: Promise<Error>
  readonly #scheduler = new Scheduler()
  readonly #typing: Session
  readonly #chat: Session
  readonly #draft: DraftModel | undefined
  readonly #prefixes: TokenPrefixes

  constructor(private readonly parts: LocalProviderParts) {
    this.capabilities = {
      fim: parts.fim !== undefined,
      chat: parts.chatTemplate !== undefined,
      repository: parts.fim?.files !== undefined,
    }
    this.lost = parts.backend.lost
    this.#typing = new Session(parts.model, typingWindow)
    this.#prefixes = new TokenPrefixes(parts.model.tokenizer)
    const { contextLength } = parts.info
    this.#draft = parts.draftModel && new DraftModel(parts.draftModel, contextLength)
    // Suggestions are too short to read their prompt twice.
    this.#chat = new Session(parts.model, contextLength, this.#draft)
  }

  /** Does what the first request would wait for. Throws `out-of-memory` while there is still another model to go back to. */
  async warmUp(signal: AbortSignal): Promise<void> {
    this.#prefixes.prepare()
    // A GPU compiles its shaders and misses its memory at the first step; the cpu does neither, and would only take long.
    if (this.parts.backend.kind === 'cpu') return
    await this.#typing.warmUp(signal)
    await this.#chat.warmUp(signal)
  }

  get info(): ProviderInfo {
    return this.parts.info
  }

  countTokens(text: string): number {
    return this.encode([userText(text)]).length
  }

  encode(pieces: readonly TextPiece[]): number[] {
    return this.parts.model.tokenizer.encode(pieces)
  }

  /** Greedy unless the request wants it otherwise: the same keystroke always gets the same ghost. The cursor may stand inside a token. */
  async *complete(request: CompletionRequest, signal: AbortSignal): TextStream {
    // A small window is shared by half: a suggestion that left no room for its prompt would be a guess.
    const maxTokens = Math.min(request.maxTokens, this.#typing.capacity >> 1)
    const { tokenizer } = this.#prefixes
    const healed = endToHeal(request.prefix + request.typed, this.#prefixes)
    const prompt = this.#completionPrompt({ ...takenBack(request, healed.length), maxTokens })
    const sampling: SamplerOptions = { ...greedy, ...request.sampling }
    const options: GenerateOptions = {
      maxTokens,
      sampler: new HealingSampler(healed, this.#prefixes, createSampler(sampling, tokenizer.size)),
      skip: healed.length,
      stop: request.stop,
      timeBudgetMs: request.timeBudgetMs,
      ...(request.onToken ? { onToken: request.onToken } : {}),
      ...(this.parts.fim ? { stopTokens: this.parts.fim.stopTokens } : {}),
    }
    const end = yield* this.#generate(this.#typing, prompt, options, 'typing', signal)
    return { ...end, droppedMessages: 0 }
  }

  async *chat(request: ChatOptions, signal: AbortSignal): TextStream {
    const room = Math.max(1, this.#chat.capacity - Math.min(request.maxTokens, this.#chat.capacity >> 2))
    const { tokens, dropped } = fitMessages(request.messages, room, (messages) => this.#encodeChat(messages))
    const sampler: SamplerOptions = {
      temperature: request.temperature,
      topK: 40,
      topP: request.topP,
      minP: 0.05,
      repeatPenalty: request.repeatPenalty,
      repeatWindow: 64,
      ...(request.seed === undefined ? {} : { seed: request.seed }),
    }
    const template = this.parts.chatTemplate
    const stop = template?.stops ?? transcriptStops
    const stopTokens = template?.stopTokens ?? new Set<number>()
    const end = yield* this.#generate(
      this.#chat,
      tokens,
      { maxTokens: request.maxTokens, sampler, stop, stopTokens },
      'chat',
      signal,
    )
    return { ...end, droppedMessages: dropped }
  }

  /** Plain continuation of a prompt, for the command line and for measurements. Throws `bad-request` when it does not fit. */
  continueText(
    prompt: readonly TextPiece[],
    options: GenerateOptions,
    signal: AbortSignal,
  ): AsyncGenerator<string, GenerateEnd> {
    return this.#generate(this.#chat, this.parts.model.tokenizer.encode(prompt), options, 'chat', signal)
  }

  resetChat(signal: AbortSignal): Promise<void> {
    return this.#chat.reset(signal)
  }

  dispose(): Promise<void> {
    this.#typing[Symbol.dispose]()
    this.#chat[Symbol.dispose]()
    this.#draft?.[Symbol.dispose]()
    this.parts.draftModel?.[Symbol.dispose]()
    this.parts.model[Symbol.dispose]()
    this.parts.backend.dispose()
    return Promise.resolve()
  }

  #generate(
    session: Session,
    prompt: readonly number[],
    options: GenerateOptions,
    priority: Priority,
    signal: AbortSignal,
  ): AsyncGenerator<string, GenerateEnd> {
    return session.generate(prompt, options, this.#scheduler.enter(priority, signal))
  }

  #completionPrompt(request: CompletionRequest): number[] {
    const tokenizer = this.parts.model.tokenizer
    const fim = this.parts.fim
    const room = this.#typing.capacity - request.maxTokens - 1
    const suffix = fim
      ? endEarlier(request.suffix, Math.floor(room * suffixShare), (text) => this.countTokens(text))
      : ''
    const encode = (files: OtherFiles | undefined, prefix: string, typed: string): number[] =>
      tokenizer.encode(completionPieces(fim, files, prefix, suffix, typed))
    // In a tiny window the text at the cursor comes first.
    const files = encode(request.files, '', '').length > room >> 1 ? undefined : request.files
    const heading = files ? '' : (request.files?.heading ?? '')
    const render = (prefix: string, typed: string): number[] => encode(files, heading + prefix, typed)
    const whole = render(request.prefix, request.typed)
    if (whole.length <= room) return whole
    const shorten = (text: string, limit: number): string =>
      startLater(text, limit, Math.max(1, room >> 2), (part) => this.countTokens(part))
    const typed = shorten(request.typed, room - render('', '').length)
    return render(shorten(request.prefix, room - render('', typed).length), typed)
  }

  #encodeChat(messages: readonly ChatMessage[]): number[] {
    const pieces = this.parts.chatTemplate?.render(messages) ?? transcript(messages)
    return this.parts.model.tokenizer.encode(pieces)
  }
}

/** Cuts whole lines off the end until the text has at most `limit` tokens; a line is cut only when it is the last one left. */
export function endEarlier(text: string, limit: number, count: (text: string) => number): string {
  let kept = text
  for (let tokens = count(kept); tokens > limit && kept.length > 0; tokens = count(kept)) {
    // Proportional, and a little more, so that a huge text needs a few counts only.
    const length = Math.min(kept.length - 1, Math.floor((kept.length * limit * 0.95) / tokens))
    const cut = kept.slice(0, length)
    const lineBreak = cut.lastIndexOf('\n')
    kept = lineBreak < 0 ? cut : cut.slice(0, lineBreak + 1)
  }
  return kept
}

/**
 * Cuts the start off until the text has at most `limit` tokens: a multiple of `step` characters, and the rest of the line. The text of
 * the next request, which is a little longer, mostly starts at the same place, so that the model need not read it again.
 */
export function startLater(
  text: string,
  limit: number,
  step: number,
  count: (text: string) => number,
): string {
  let kept = text
  let cut = 0
  for (let tokens = count(kept); tokens > limit && kept.length > 0; tokens = count(kept)) {
    // A token is a character at least, but for rare ones.
    cut += Math.max(1, Math.floor((tokens - limit) / step)) * step
    const rest = text.slice(cut)
    const lineBreak = rest.indexOf('\n')
    kept = lineBreak < 0 ? rest : rest.slice(lineBreak + 1)
  }
  return kept
}

/** Other files in the form that the model was trained on, or else as text under their names in comments. */
function completionPieces(
  fim: Fim | undefined,
  context: OtherFiles | undefined,
  prefix: string,
  suffix: string,
  typed: string,
): TextPiece[] {
  if (context && fim?.files) return fimRepositoryPrompt(fim, context, prefix, suffix, typed)
  const files = context?.files.map(({ heading, text }) => `${heading}${text}\n\n`).join('') ?? ''
  const whole = `${files}${context?.heading ?? ''}${prefix}`
  return fim ? fimPrompt(fim, whole, suffix, typed) : [userText(whole + typed)]
}

/** The request with `count` characters less before the cursor. */
function takenBack(request: CompletionRequest, count: number): CompletionRequest {
  const { prefix, typed } = request
  const fromTyped = Math.min(count, typed.length)
  return {
    ...request,
    prefix: prefix.slice(0, prefix.length - (count - fromTyped)),
    typed: typed.slice(0, typed.length - fromTyped),
  }
}

// A base model has no turn markers; it continues a transcript, and stops where it would speak for the user.
const transcriptStops = ['\nUser:', '\nSystem:']

function transcript(messages: readonly ChatMessage[]): TextPiece[] {
  const speaker = { system: 'System', user: 'User', assistant: 'Assistant' } as const
  const turns = messages.map((message) => `${speaker[message.role]}: ${message.content.trim()}\n\n`)
  return [userText(`${turns.join('')}Assistant:`)]
}
