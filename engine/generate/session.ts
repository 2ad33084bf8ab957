// One growing sequence: its tokens, its state, and the loop that adds to both.
import { Utf8Stream } from '../base/utf8-stream'
import { isAbort } from '../base/signal'
import type { Model } from '../model/model'
import type { State } from '../model/state'
import type { FinishReason, Usage } from '../protocol/chat'
import { EngineError } from '../protocol/errors'
import { createSampler, type SamplerOptions } from './sampler'
import type { Turn } from './scheduler'
import { StopFilter } from './stop'

export interface GenerateOptions {
  maxTokens: number
  sampler: SamplerOptions
  /** Text that ends the answer and is not part of it. */
  stop: readonly string[]
  /** Tokens that end the answer, beyond the model's own end-of-generation tokens. */
  stopTokens?: ReadonlySet<number>
  /** Milliseconds of decoding after which what is there is good enough. */
  timeBudgetMs?: number
}

export interface GenerateEnd {
  finishReason: FinishReason
  usage: Usage
  /** The generated tokens, without the one that ended them. */
  tokens: number[]
}

/** Tokens between two checkpoints of an answer: a continued chat reads no more than these again, and some, where the turn ends. */
const decodeCheckpoint = 16

/** Keeps the state of the last request, so that the next one only computes what differs. */
export class Session implements Disposable {
  readonly #state: State
  readonly #mutex = new Mutex()
  #tokens: number[] = []

  constructor(
    private readonly model: Model,
    capacity: number,
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
    const text = new TextOut(options.stop)
    const end = (finishReason: FinishReason): GenerateEnd => ({ finishReason, usage, tokens: generated })
    this.#checkFits(prompt)

    const release = await this.#mutex.acquire(turn.signal)
    if (!release) return end('cancelled')
    try {
      const prefillStart = performance.now()
      let logits = await this.#prefill(prompt, usage, turn)
      usage.prefillMs = performance.now() - prefillStart

      const decodeStart = performance.now()
      const sampler = createSampler(options.sampler, this.model.tokenizer.size)
      for (;;) {
        if (generated.length >= options.maxTokens) break
        const token = sampler.next(logits, this.#tokens)
        if (this.model.tokenizer.eog.has(token) || options.stopTokens?.has(token)) {
          yield* text.end()
          return end('stop')
        }
        generated.push(token)
        usage.completionTokens = generated.length
        const piece = text.push(this.model.tokenizer.bytesOf(token))
        usage.decodeMs = performance.now() - decodeStart
        if (piece.text) yield piece.text
        if (piece.stopped) return end('stop')
        if (generated.length >= options.maxTokens || usage.decodeMs > (options.timeBudgetMs ?? Infinity))
          break
        if (this.#state.length >= this.#state.capacity) {
          yield* text.end()
          return end('context-full')
        }
        logits = await this.#step([token], turn)
        if (generated.length % decodeCheckpoint === 0) this.#state.checkpoint()
        usage.decodeMs = performance.now() - decodeStart
      }
      yield* text.end()
      return end('length')
    } catch (error) {
      if (!isAbort(error) || !turn.signal.aborted) throw error
      yield* text.end()
      return end('cancelled')
    } finally {
      release()
    }
  }

  /**
   * One step of every kind a request takes, then forgotten: shaders are compiled before somebody waits for them, and a device
   * without enough memory says so while the model is being loaded.
   */
  async warmUp(signal: AbortSignal): Promise<void> {
    for (const tokens of [[0], [0, 0]])
      await this.model.forward(this.#state, tokens, { outputs: 'last' }, signal)
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

  async #prefill(prompt: readonly number[], usage: Usage, turn: Turn): Promise<Float32Array> {
    // The last token is always computed again: its logits are what decoding starts from.
    const common = commonLength(this.#tokens, prompt, prompt.length - 1)
    usage.reusedTokens = this.#rewind(common)
    let logits: Float32Array = new Float32Array(0)
    for (let rest = prompt.slice(usage.reusedTokens); rest.length > 0;) {
      const count = this.#chunkLength(rest)
      logits = await this.#step(rest.slice(0, count), turn)
      this.#state.checkpoint()
      rest = rest.slice(count)
    }
    return logits
  }

  // The next prompt is likely to be this one with another last token, or with none; a state that goes back to checkpoints only needs
  // one there.
  #chunkLength(rest: readonly number[]): number {
    const count = this.model.stepLength(this.#state, rest)
    return count === rest.length && count > 1 && !this.#state.rewindsAnywhere ? count - 1 : count
  }

  async #step(tokens: readonly number[], turn: Turn): Promise<Float32Array> {
    try {
      const logits = await turn.step(() =>
        this.model.forward(this.#state, tokens, { outputs: 'last' }, turn.signal),
      )
      this.#tokens.push(...tokens)
      return logits
    } catch (error) {
      // A step that failed may have written part of the state; only what was there before is trusted.
      this.#rewind(this.#tokens.length)
      throw error
    }
  }

  #rewind(length: number): number {
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

// Bytes to text that can be shown: whole characters, and nothing that may still become a stop string.
class TextOut {
  readonly #utf8 = new Utf8Stream()
  readonly #stop: StopFilter

  constructor(stops: readonly string[]) {
    this.#stop = new StopFilter(stops)
  }

  push(bytes: Uint8Array): { text: string; stopped: boolean } {
    return this.#stop.push(this.#utf8.push(bytes))
  }

  *end(): Generator<string> {
    const last = this.#stop.push(this.#utf8.flush())
    const rest = last.text + (last.stopped ? '' : this.#stop.flush())
    if (rest) yield rest
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
