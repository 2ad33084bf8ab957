// One growing sequence: its tokens, its state, and the loop that adds to both.
import type { ChosenToken } from '../backend/backend'
import type { TokenChoice } from '../backend/choose-token'
import { logProbability } from '../backend/log-probability'
import { Utf8Stream } from '../base/utf8-stream'
import { isAbort } from '../base/signal'
import type { ForwardOptions, Model } from '../model/model'
import type { State } from '../model/state'
import type { AnswerToken, FinishReason, Usage } from '../protocol/chat'
import { EngineError } from '../protocol/errors'
import type { DraftModel } from './draft-model'
import { createSampler, greedy, type Sampler, type SamplerOptions } from './sampler'
import type { Turn } from './scheduler'
import { Speculation, StepCosts, type SpeculationMode } from './speculation'
import { StopFilter } from './stop'

export interface GenerateOptions {
  maxTokens: number
  /** How tokens are chosen, or who does. */
  sampler: SamplerOptions | Sampler
  /** Text that ends the answer and is not part of it. */
  stop: readonly string[]
  /** Characters at the start that are not part of the answer, because they were taken back from the prompt. 0 when left out. */
  skip?: number
  /** Tokens that end the answer, beyond the model's own end-of-generation tokens. */
  stopTokens?: ReadonlySet<number>
  /** Milliseconds of decoding after which what is there is good enough. */
  timeBudgetMs?: number
  /** Told of every token of the answer before its text comes. How likely it was takes time to work out; left out, nobody does. */
  onToken?: (token: AnswerToken) => void
  /** Whether steps may try guessed tokens; `auto` when left out. */
  speculation?: SpeculationMode
}

export interface GenerateEnd {
  finishReason: FinishReason
  usage: Usage
  /** The generated tokens, without the one that ended them. */
  tokens: number[]
  drafts: DraftCounts
}

/** What guessing was good for. */
export interface DraftCounts {
  /** Steps that tried guessed tokens. */
  steps: number
  /** Guessed tokens that were tried. */
  tried: number
  /** Of these, the ones that came true. */
  accepted: number
}

/** Tokens between two checkpoints of an answer: a continued chat reads no more than these again, and some, where the turn ends. */
const decodeCheckpoint = 16

/** Keeps the state of the last request, so that the next one only computes what differs. */
export class Session implements Disposable {
  readonly #state: State
  readonly #mutex = new Mutex()
  readonly #costs = new StepCosts()
  #tokens: number[] = []
  /** What follows the token that was drawn last, which the state has already and `#tokens` has not. */
  #ahead: ChosenToken | undefined
  /** When a chosen token was read last. */
  #readAt = 0
  /** Logits of a step that tried a draft; the state has the draft's tokens, `#tokens` those that came true. */
  #tried: Tried | undefined

  /** `draftModel`, if there is one, guesses tokens that nothing in the text suggests; its owner disposes it. */
  constructor(
    private readonly model: Model,
    capacity: number,
    private readonly draftModel?: DraftModel,
  ) {
    this.#state = model.createState(capacity)
  }

  /** Most tokens of prompt and answer together. */
  get capacity(): number {
    return this.#state.capacity
  }

  /**
   * Streams the answer to `prompt`. Cancelling, through the turn's signal, ends it at the next prefill chunk or token with
   * `cancelled`; what was computed is kept for the next request. A second call waits until the first generator has ended. Throws `bad-request` when the prompt does not fit.
   */
  async *generate(
    prompt: readonly number[],
    options: GenerateOptions,
    turn: Turn,
  ): AsyncGenerator<string, GenerateEnd> {
    const usage: Usage = {
      promptTokens: prompt.length,
      reusedTokens: 0,
      completionTokens: 0,
      prefillMs: 0,
      decodeMs: 0,
    }
    const generated: number[] = []
    const text = new TextOut(options.stop, options.skip ?? 0)
    const drafts: DraftCounts = { steps: 0, tried: 0, accepted: 0 }
    const end = (finishReason: FinishReason): GenerateEnd => ({
      finishReason,
      usage,
      tokens: generated,
      drafts,
    })
    this.#checkFits(prompt)

    const release = await this.#mutex.acquire(turn.signal)
    if (!release) {
      usage.promptTokens = 0
      return end('cancelled')
    }
    const request: Request = {
      options,
      sampler: this.#sampler(options),
      generated,
      drafts,
      turn,
      logProbability: undefined,
    }
    let token: number | undefined
    const prefillStart = performance.now()
    try {
      token = await this.#prefill(prompt, usage, request)
      usage.prefillMs = performance.now() - prefillStart

      const decodeStart = performance.now()
      const speculation = this.#speculation(options)
      for (;;) {
        if (generated.length >= options.maxTokens) break
        if (this.model.tokenizer.eog.has(token) || options.stopTokens?.has(token)) {
          yield* text.end()
          return end('stop')
        }
        generated.push(token)
        usage.completionTokens = generated.length
        const piece = text.push(this.model.tokenizer.bytesOf(token))
        usage.decodeMs = performance.now() - decodeStart
        options.onToken?.({ length: piece.length, logProbability: request.logProbability })
        if (piece.text) yield piece.text
        if (piece.stopped) return end('stop')
        if (generated.length >= options.maxTokens || usage.decodeMs > (options.timeBudgetMs ?? Infinity))
          break
        if (this.#tokens.length >= this.#state.capacity) {
          yield* text.end()
          return end('context-full')
        }
        speculation?.came(token)
        token = this.#alreadyTried(token, request) ?? (await this.#decode(token, speculation, request))
        if (generated.length % decodeCheckpoint === 0) this.#state.checkpoint()
        usage.decodeMs = performance.now() - decodeStart
      }
      yield* text.end()
      return end('length')
    } catch (error) {
      if (!isAbort(error) || !turn.signal.aborted) throw error
      if (token === undefined) {
        usage.promptTokens = this.#tokens.length
        usage.prefillMs = performance.now() - prefillStart
      }
      yield* text.end()
      return end('cancelled')
    } finally {
      this.#land(token)
      if (this.#tried) this.#rewind(this.#tokens.length)
      release()
    }
  }

  /**
   * One step of every kind a request takes, then forgotten: shaders are compiled before somebody waits for them, and a device
   * without enough memory says so while the model is being loaded.
   */
  async warmUp(signal: AbortSignal): Promise<void> {
    const { choice } = createSampler(greedy, this.model.tokenizer.size)
    for (const tokens of [[0], [0, 0]]) {
      signal.throwIfAborted()
      if (choice && this.model.pipelined) await (await this.model.choose(this.#state, tokens, choice)).read()
      else await this.model.forward(this.#state, tokens, { outputs: 'last' }, signal)
    }
    this.#rewind(0)
  }

  /** Forgets the sequence once the request in progress has ended; its memory stays for the next one. */
  async reset(signal: AbortSignal): Promise<void> {
    const release = await this.#mutex.acquire(signal)
    if (!release) return
    this.#rewind(0)
    release()
  }

  [Symbol.dispose](): void {
    this.#state[Symbol.dispose]()
  }

  #sampler({ sampler }: GenerateOptions): Sampler {
    return 'next' in sampler ? sampler : createSampler(sampler, this.model.tokenizer.size)
  }

  /** Reads the prompt and draws the first token. */
  async #prefill(prompt: readonly number[], usage: Usage, request: Request): Promise<number> {
    // The last token is always computed again: its logits are what decoding starts from.
    const common = commonLength(this.#tokens, prompt, prompt.length - 1)
    usage.reusedTokens = this.#rewind(common)
    for (let rest = prompt.slice(usage.reusedTokens); ;) {
      const count = this.#chunkLength(rest)
      const chunk = rest.slice(0, count)
      rest = rest.slice(count)
      const choice = this.#choiceOf(request)
      if (rest.length === 0 && choice) return this.#chosenStep(chunk, choice, true, request)
      const logits = await this.#step(chunk, request.turn, rest.length === 0 ? 'last' : 'none')
      this.#state.checkpoint()
      if (rest.length === 0) return this.#draw(logits, request)
    }
  }

  // The next prompt is likely to be this one with another last token, or with none; a state that goes back to checkpoints only needs
  // one there.
  #chunkLength(rest: readonly number[]): number {
    const count = this.model.stepLength(this.#state, rest)
    return count === rest.length && count > 1 && !this.#state.rewindsAnywhere ? count - 1 : count
  }

  #speculation({ speculation = 'auto' }: GenerateOptions): Speculation | undefined {
    if (speculation === 'off' || !this.#state.takesBack) return undefined
    return new Speculation(this.#tokens, this.#costs, speculation)
  }

  /** The token after `token`, when the step before has tried it. */
  #alreadyTried(token: number, request: Request): number | undefined {
    const { drafts, turn } = request
    const tried = this.#tried
    if (!tried) return undefined
    turn.signal.throwIfAborted()
    const { draft, logits, accepted } = tried
    if (tried.byModel) this.draftModel?.judge(draft[accepted] === token)
    if (draft[accepted] !== token) {
      this.#rewind(this.#tokens.length)
      return undefined
    }
    drafts.accepted++
    this.#tokens.push(token)
    tried.accepted++
    if (tried.accepted === draft.length) this.#tried = undefined
    return this.#draw(rowOf(logits, tried.accepted, draft.length + 1), request)
  }

  /** The token after `token`. The step tries some tokens more, where that promises to pay. */
  async #decode(token: number, speculation: Speculation | undefined, request: Request): Promise<number> {
    const { options, generated, drafts, turn } = request
    const room = this.#state.capacity - this.#tokens.length - 1
    const most = Math.min(options.maxTokens - generated.length - 1, room)
    // Copies cost nothing, so they go first.
    const copied = speculation?.draft(most) ?? []
    const mode = options.speculation ?? 'auto'
    const byModel = copied.length === 0 && speculation !== undefined
    const guesses = byModel ? (this.draftModel?.wanted(this.#costs, mode, most) ?? 0) : 0
    const choice = this.#choiceOf(request)
    // A draft goes after a token that is known, and so does a step in common with another job: the one in flight comes first.
    const more = copied.length === 0 && guesses === 0 && turn.contended !== true
    if (choice && (this.#ahead || more)) return this.#chosenStep([token], choice, more, request)
    const draft = guesses > 0 ? await this.#modelDraft(token, guesses, turn) : copied
    const logits = await this.#step([token], turn, draft.length > 0 ? 'all' : 'last', draft)
    if (draft.length > 0) {
      this.#tried = { draft, logits, accepted: 0, byModel }
      drafts.steps++
      drafts.tried += draft.length
    }
    return this.#draw(rowOf(logits, 0, draft.length + 1), request)
  }

  #draw(logits: Float32Array, request: Request): number {
    const { sampler, options } = request
    const token = sampler.next(logits, this.#tokens)
    if (options.onToken) {
      const among = sampler.among ?? this.model.tokenizer.size
      request.logProbability = logProbability(logits, token, among)
    }
    return token
  }

  #choiceOf({ sampler, options }: Request): TokenChoice | undefined {
    if (!this.model.pipelined || !sampler.choice) return undefined
    return { ...sampler.choice, tellsProbability: options.onToken !== undefined }
  }

  /**
   * The token after `tokens`, chosen by the device. With `more`, the step that takes it is submitted before it is read, so that the
   * device goes on while the answer is put together here.
   */
  #chosenStep(
    tokens: readonly number[],
    choice: TokenChoice,
    more: boolean,
    request: Request,
  ): Promise<number> {
    const { options, generated, turn } = request
    return turn.step(async () => {
      const start = performance.now()
      const trusted = this.#tokens.length
      const wasAhead = this.#ahead !== undefined
      let next = this.#ahead
      try {
        next ??= await this.model.choose(this.#state, tokens, choice)
        this.#ahead = undefined
        this.#tokens.push(...tokens)
        // The tokens of a prompt are a place to return to, the one in flight after them is not.
        if (generated.length === 0) this.#state.checkpoint()
        const isLast = generated.length + 1 >= options.maxTokens
        if (more && !isLast && this.#state.length < this.#state.capacity) {
          this.#ahead = await this.model.choose(this.#state, next, choice)
        }
        const { token, logProbability } = await next.read()
        request.logProbability = logProbability
        const end = performance.now()
        // A reader who took longer than the device has not left a wait that tells what a step costs.
        if (wasAhead && this.#ahead && end - start > start - this.#readAt)
          this.#costs.measured(1, end - start)
        this.#readAt = end
        return token
      } catch (error) {
        next?.forget()
        this.#rewind(trusted)
        throw error
      }
    })
  }

  /** Settles what the step in flight did: it took `token`, whatever became of the answer. */
  #land(token: number | undefined): void {
    if (!this.#ahead) return
    if (this.#state.takesBack || token === undefined) this.#rewind(this.#tokens.length)
    else this.#tokens.push(token)
    this.#ahead?.forget()
    this.#ahead = undefined
  }

  async #modelDraft(token: number, count: number, turn: Turn): Promise<number[]> {
    return (await this.draftModel?.draft([...this.#tokens, token], count, turn)) ?? []
  }

  /** Logits of the last token, of it and of every one of the draft, or of none. */
  async #step(
    tokens: readonly number[],
    turn: Turn,
    outputs: ForwardOptions['outputs'],
    draft: readonly number[] = [],
  ): Promise<Float32Array> {
    const alone = async (): Promise<Float32Array> => {
      const start = performance.now()
      const all = [...tokens, ...draft]
      const result = await this.model.forward(this.#state, all, { outputs }, turn.signal)
      if (tokens.length === 1) this.#costs.measured(all.length, performance.now() - start)
      return result
    }
    const [token] = tokens
    try {
      const logits =
        token !== undefined && tokens.length + draft.length === 1
          ? await turn.decode({ decoder: this.model, sequence: { state: this.#state, token }, alone })
          : await turn.step(alone)
      this.#tokens.push(...tokens)
      return logits
    } catch (error) {
      // A step that failed may have written part of the state; only what was there before is trusted.
      this.#rewind(this.#tokens.length)
      throw error
    }
  }

  #rewind(length: number): number {
    this.#tried = undefined
    this.#ahead?.forget()
    this.#ahead = undefined
    const kept = this.#state.rewind(length)
    this.#tokens.length = kept
    return kept
  }

  #checkFits(prompt: readonly number[]): void {
    if (prompt.length === 0) {
      throw new EngineError('bad-request', 'The prompt is empty.', {
        hint: 'Give the model at least one character to go on.',
      })
    }
    if (prompt.length >= this.capacity) {
      throw new EngineError(
        'bad-request',
        `The prompt is ${prompt.length} tokens; the window holds ${this.capacity}.`,
        {
          hint: 'Shorten it, or raise `hearth.contextLength` if the model allows it.',
        },
      )
    }
  }
}

/** What an answer is made with. */
interface Request {
  readonly options: GenerateOptions
  readonly sampler: Sampler
  /** Tokens of the answer so far. */
  readonly generated: readonly number[]
  readonly drafts: DraftCounts
  readonly turn: Turn
  /** Of the token drawn last, where it is known. */
  logProbability: number | undefined
}

interface Tried {
  readonly draft: readonly number[]
  /** [1 + draft.length, vocabulary]: after the token before the draft, and after each of the draft's. */
  readonly logits: Float32Array
  /** Tokens of the draft that came true so far. */
  accepted: number
  /** Whether the draft model guessed them, and not the text. */
  readonly byModel: boolean
}

function rowOf(matrix: Float32Array, row: number, rows: number): Float32Array {
  const cols = matrix.length / rows
  return matrix.subarray(row * cols, (row + 1) * cols)
}

// Bytes to text that can be shown: whole characters, and nothing that may still become a stop string.
class TextOut {
  readonly #utf8 = new Utf8Stream()
  readonly #stop: StopFilter

  constructor(
    stops: readonly string[],
    private skip: number,
  ) {
    this.#stop = new StopFilter(stops)
  }

  push(bytes: Uint8Array): { text: string; stopped: boolean; length: number } {
    const added = this.#unskipped(this.#utf8.push(bytes))
    return { ...this.#stop.push(added), length: added.length }
  }

  *end(): Generator<string> {
    const last = this.#stop.push(this.#unskipped(this.#utf8.flush()))
    const rest = last.text + (last.stopped ? '' : this.#stop.flush())
    if (rest) yield rest
  }

  #unskipped(text: string): string {
    const rest = text.slice(this.skip)
    this.skip = Math.max(0, this.skip - text.length)
    return rest
  }
}

// One sequence can grow in one direction at a time: a new request waits for the cancelled one to reach its step boundary.
class Mutex {
  #last: Promise<void> = Promise.resolve()

  /** A function that lets the next one in, or undefined as soon as the signal aborts. */
  async acquire(signal: AbortSignal): Promise<(() => void) | undefined> {
    let release = (): void => undefined
    const before = this.#last
    this.#last = new Promise((resolve) => (release = resolve))
    if (await settledBeforeAbort(before, signal)) return release
    // The place in the queue stays, and is given up when its turn comes.
    void before.then(release)
    return undefined
  }
}

async function settledBeforeAbort(work: Promise<void>, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return false
  let onAbort = (): void => undefined
  const aborted = new Promise<boolean>((resolve) => {
    onAbort = () => resolve(false)
    signal.addEventListener('abort', onAbort, { once: true })
  })
  try {
    return await Promise.race([work.then(() => true), aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

function commonLength(a: readonly number[], b: readonly number[], limit: number): number {
  const most = Math.min(a.length, b.length, limit)
  for (let i = 0; i < most; i++) if (a[i] !== b[i]) return i
  return most
}
