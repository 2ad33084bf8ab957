// Guesses the next tokens with a second, smaller model of the same vocabulary (speculative decoding, arXiv 2211.17192).
import type { Model } from '../model/model'
import type { State } from '../model/state'
import { EngineError } from '../protocol/errors'
import type { Tokenizer } from '../tokenizer/tokenizer'
import type { Turn } from './scheduler'
import { draftSteps, type SpeculationMode, type StepCosts } from './speculation'

/** After this many tokens without a draft, because none was worth it, one is tried again: the text may have become easier. */
const patience = 128

/** Chance that a guess comes true, before any was tried. */
const firstChance = 0.8

/** The small model with a sequence of its own, which follows that of the large one. */
export class DraftModel implements Disposable {
  readonly #state: State
  #tokens: number[] = []
  #chance = firstChance
  /** Milliseconds of one guess; undefined until the second, because the first has the driver's compiler in it. */
  #cost: number | undefined
  #guesses = 0
  #declined = 0

  constructor(
    private readonly model: Model,
    capacity: number,
  ) {
    this.#state = model.createState(capacity)
  }

  /** How many tokens to guess, at most `most`: 0 where steps of the large model that try them cost more than they bring. */
  wanted(costs: StepCosts, mode: SpeculationMode, most: number): number {
    const longest = Math.min(most, draftSteps[draftSteps.length - 1]! - 1)
    if (mode === 'off' || longest < 1) return 0
    if (mode === 'always') return longest
    const wanted = costs.bestDraft(this.#chance, longest, this.#cost ?? 0)
    if (wanted > 0) return wanted
    this.#declined = (this.#declined + 1) % patience
    return this.#declined === 0 ? Math.min(longest, draftSteps[0] - 1) : 0
  }

  /** The `count` tokens most likely to follow `text`; fewer where the window ends. A turn of its own for each of its steps. */
  async draft(text: readonly number[], count: number, turn: Turn): Promise<number[]> {
    const room = this.#state.capacity - text.length
    const draft: number[] = []
    if (room < 1) return draft
    let logits = await this.#read(text, turn)
    for (;;) {
      draft.push(likeliest(logits, this.model.tokenizer.size))
      if (draft.length >= Math.min(count, room)) return draft
      const start = performance.now()
      logits = await this.#step(draft.slice(-1), turn)
      this.#measured(performance.now() - start)
    }
  }

  /** A guess was compared with the token that came. */
  judge(cameTrue: boolean): void {
    this.#chance += ((cameTrue ? 1 : 0) - this.#chance) / 16
  }

  [Symbol.dispose](): void {
    this.#state[Symbol.dispose]()
  }

  // Logits after the last token of `text`, of which most was read for the draft before.
  async #read(text: readonly number[], turn: Turn): Promise<Float32Array> {
    let common = 0
    while (common < text.length - 1 && this.#tokens[common] === text[common]) common++
    this.#tokens.length = this.#state.rewind(common)
    let logits: Float32Array = new Float32Array()
    while (this.#tokens.length < text.length) {
      const rest = text.slice(this.#tokens.length)
      const chunk = rest.slice(0, this.model.stepLength(this.#state, rest))
      logits = await this.#step(chunk, turn, chunk.length < rest.length ? 'none' : 'last')
    }
    // What is guessed from here on may have to be taken back.
    this.#state.checkpoint()
    return logits
  }

  async #step(
    tokens: readonly number[],
    turn: Turn,
    outputs: 'none' | 'last' = 'last',
  ): Promise<Float32Array> {
    try {
      const logits = await turn.step(() => this.model.forward(this.#state, tokens, { outputs }, turn.signal))
      this.#tokens.push(...tokens)
      return logits
    } catch (error) {
      this.#tokens.length = this.#state.rewind(this.#tokens.length)
      throw error
    }
  }

  #measured(ms: number): void {
    if (this.#guesses++ > 0) this.#cost = this.#cost === undefined ? ms : this.#cost + (ms - this.#cost) / 4
  }
}

/** Throws `bad-request` when a token of one model is not the same text in the other. */
export function checkSameVocabulary(large: Tokenizer, small: Tokenizer): void {
  const differs = (token: number): boolean =>
    Buffer.compare(large.bytesOf(token), small.bytesOf(token)) !== 0 ||
    large.eog.has(token) !== small.eog.has(token)
  const size = Math.min(large.size, small.size)
  let token = 0
  while (token < size && !differs(token)) token++
  if (token === size && large.size === small.size) return
  const what =
    token < size
      ? `token ${token} is ${JSON.stringify(large.pieceOf(token))} in one and ${JSON.stringify(small.pieceOf(token))} in the other`
      : `one has ${large.size} tokens, the other ${small.size}`
  throw new EngineError('bad-request', `The draft model has another vocabulary than the model: ${what}.`, {
    hint: 'Choose a smaller model of the same family, or none, as `hearth.draftModel`.',
  })
}

function likeliest(logits: Float32Array, size: number): number {
  let best = 0
  for (let token = 1; token < size; token++) if (logits[token]! > logits[best]!) best = token
  return best
}
