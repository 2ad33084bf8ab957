// A loaded model: weights on a device and plans compiled for it.
import type { Backend, ChosenToken, Executable, ReadBytes, Tensor, WeightSpec } from '../backend/backend'
import type { TokenChoice } from '../backend/choose-token'
import type { Log } from '../base/log'
import type { Progress } from '../base/progress'
import { aboutFile } from '../format/about-file'
import type { Checkpoint } from '../format/checkpoint'
import { makePlan } from '../graph/plan'
import { EngineError } from '../protocol/errors'
import type { KvCacheChoice, QuantizeChoice } from '../protocol/settings'
import { tokenizerFromMetadata } from '../tokenizer/from-gguf'
import type { Tokenizer } from '../tokenizer/tokenizer'
import { buildModel, type BuiltModel, type ModelFacts } from './build-model'
import { fuseModel } from './fuse-model'
import { chosenCacheType } from './kv-cache-type'
import { Quantizer } from './quantize'
import { ModelState, type State } from './state'
import { bytesOf, weightOf } from './weights'

export interface LoadModelOptions {
  checkpoint: Checkpoint
  backend: Backend
  /** Longest sequence any state of this model may hold; never more than a model with positions was trained for. */
  contextLength?: number
  /** What matrices of floats become; by default they stay. */
  quantize?: QuantizeChoice
  /** How keys and values are kept; by default as the device likes best. */
  kvCache?: KvCacheChoice
  log: Log
  progress: Progress
}

export interface ForwardOptions {
  /** Logits of the last token only, of every token given, or none, which costs less. */
  outputs: 'last' | 'all' | 'none'
}

/** A sequence and its next token. */
export interface Continuation {
  readonly state: State
  readonly token: number
}

/** Uploads the weights and compiles the decode plan. Throws `bad-file`, `unsupported-arch` or `out-of-memory`. */
export function loadModel(options: LoadModelOptions, signal: AbortSignal): Promise<Model> {
  return aboutFile(options.checkpoint.path, () => load(options, signal))
}

async function load(options: LoadModelOptions, signal: AbortSignal): Promise<Model> {
  const { checkpoint, backend, log, progress } = options
  const cacheType = chosenCacheType(options.kvCache ?? 'auto', backend)
  // First: that a family is not known says more than what its tokenizer lacks.
  const built = fuseModel(
    await buildModel(checkpoint, options.contextLength, cacheType),
    checkpoint,
    backend.fusions,
  )
  const { tokenizer, warnings } = tokenizerFromMetadata(checkpoint.metadata)
  for (const warning of warnings) log.warn(warning)

  const quantizer = new Quantizer(options.quantize ?? 'none', built.facts.vocabulary, built.graph.operations)
  const sources = [...built.weights].map(([name, source]) => ({
    name,
    source,
    ...weightOf(checkpoint, name, source, quantizer, signal),
  }))
  const weights = new Map<string, Tensor>()
  const model = new Model(tokenizer, backend, built, weights)
  try {
    // Shaders compile while weights are read.
    model.prepare(new Map(sources.map(({ name, spec }) => [name, spec])))
    const total = [...built.weights.values()].reduce((sum, source) => sum + bytesOf(source, checkpoint), 0)
    let done = 0
    for (const { name, source, spec, read } of sources) {
      const readUnlessAborted: ReadBytes = (...part) => {
        signal.throwIfAborted()
        return read(...part)
      }
      weights.set(name, await backend.createWeight(spec, readUnlessAborted))
      done += bytesOf(source, checkpoint)
      progress.report(Math.min(1, done / total), `Loading ${built.facts.name}`)
    }
    const quantized = quantizer.describe()
    if (quantized !== undefined) log.info(quantized)
    await model.warmUp()
    return model
  } catch (error) {
    for (const tensor of weights.values()) backend.destroy(tensor)
    throw error
  }
}

export class Model implements Disposable {
  readonly #executables = new Map<string, Promise<Executable>>()

  constructor(
    readonly tokenizer: Tokenizer,
    readonly backend: Backend,
    private readonly built: BuiltModel,
    private readonly weights: ReadonlyMap<string, Tensor>,
  ) {}

  get config(): ModelFacts {
    return this.built.facts
  }

  /** Longest sequence a state may hold. */
  get contextLength(): number {
    return this.built.contextLength
  }

  /** Tokens of one prefill step. */
  get prefillChunk(): number {
    return this.backend.device.prefillChunk
  }

  /** As in `Backend`. */
  get pipelined(): boolean {
    return this.backend.pipelined
  }

  /** How many of `tokens`, the next ones of a sequence, `forward` takes in one step. Throws `internal`. */
  stepLength(state: State, tokens: readonly number[]): number {
    return checked(state).stepLength(tokens, this.prefillChunk)
  }

  /** Memory for one sequence of at most `maxTokens`. Throws `out-of-memory`. */
  createState(maxTokens: number): State {
    return this.built.createState(this.backend, Math.min(maxTokens, this.contextLength))
  }

  /**
   * Appends `tokens` to the state and returns logits, [1, tokens.length or 0, vocabulary].
   * Between chunks it looks at the signal; an aborted call leaves the state at the last whole chunk.
   * Throws `bad-request` for an empty list, an unknown token, or more than the state can hold.
   */
  async forward(
    state: State,
    tokens: readonly number[],
    options: ForwardOptions,
    signal: AbortSignal,
  ): Promise<Float32Array> {
    const memory = checked(state)
    this.#checkTokens(state, tokens)
    const rows: Float32Array[] = []
    const all = options.outputs === 'all'
    const longest = all ? this.#longestStepWithLogits : this.prefillChunk
    for (let start = 0; start < tokens.length;) {
      signal.throwIfAborted()
      const rest = tokens.slice(start)
      const chunk = rest.slice(0, memory.stepLength(rest, longest))
      const outputs = all ? 'all' : 'last'
      const executable = await this.#executable(this.#planned(chunk.length, longest, outputs), outputs)
      const withoutResult = options.outputs === 'none' || (!all && chunk.length < rest.length)
      memory.begin(chunk)
      const { prefix, length: position } = memory
      this.backend.run(executable, memory.tensors, { tokens: chunk, position, prefix, withoutResult })
      // Waiting for every chunk keeps the queue one step deep, which is what lets a cancel take effect at once.
      if (withoutResult) await this.backend.finished(executable)
      else rows.push(await this.backend.read(executable))
      memory.advance(chunk.length)
      start += chunk.length
    }
    return concatenate(rows)
  }

  /**
   * Appends one token to each of several sequences in one step, which costs less than a step for each: weights are read once.
   * Returns the logits of every sequence, [vocabulary] each; the step ends however many of its owners have gone.
   * Throws as `forward` does, with no state changed.
   */
  async forwardTogether(sequences: readonly Continuation[]): Promise<Float32Array[]> {
    for (const { state, token } of sequences) this.#checkTokens(state, [token])
    const executable = await this.#executable(sequences.length, 'all')
    const parts = sequences.map(({ state, token }) => ({ memory: checked(state), tokens: [token] }))
    for (const { memory, tokens } of parts) memory.begin(tokens)
    this.backend.runTogether(
      executable,
      parts.map(({ memory, tokens }) => {
        const { tensors: state, length: position, prefix } = memory
        return { state, tokens, position, prefix }
      }),
    )
    const logits = await this.backend.read(executable)
    for (const { memory } of parts) memory.advance(1)
    const { vocabulary } = this.config
    return parts.map((_, row) => logits.subarray(row * vocabulary, (row + 1) * vocabulary))
  }

  /** Whether `forwardTogether` takes as many sequences. A device that binds nothing but whole blocks of a row may not. */
  async runsTogether(sequences: number): Promise<boolean> {
    return sequences > 1 && this.backend.runsTogether(await this.#executable(sequences, 'all'))
  }

  /**
   * Appends `tokens`, no more than a step takes, or the one token that a step before has chosen, and has the device choose the next.
   * Does not wait: the state is what it will be, and the next step may follow at once. Throws as `forward` does.
   */
  async choose(
    state: State,
    tokens: readonly number[] | ChosenToken,
    choice: TokenChoice,
  ): Promise<ChosenToken> {
    const memory = checked(state)
    // Nobody knows the chosen one; it is none that a prefix ends with, because the answer has begun.
    const known = 'read' in tokens ? [0] : tokens
    this.#checkTokens(state, known)
    const executable = await this.#executable(this.#planned(known.length, this.prefillChunk, 'last'), 'last')
    memory.begin(known)
    const { prefix, length: position } = memory
    const step = { tokens: known, position, prefix, ...('read' in tokens ? { chosen: tokens } : {}) }
    const chosen = this.backend.choose(executable, memory.tensors, step, choice)
    memory.advance(known.length)
    return chosen
  }

  // All logits of a step stand in one buffer, and a vocabulary of 262,144 makes a megabyte of each token's.
  get #longestStepWithLogits(): number {
    const rows = Math.floor(mostLogitBytes / (4 * this.config.vocabulary))
    return Math.max(1, Math.min(this.prefillChunk, rows))
  }

  /** Begins to compile what the first request will need, before weights of these shapes are there. */
  prepare(weights: ReadonlyMap<string, WeightSpec>): void {
    for (const maxTokens of this.#firstSizes) {
      this.backend.prepare(makePlan(this.built.graph, { maxTokens, outputs: 'last' }), weights)
    }
  }

  /** Compiles what the first request will need, so that it does not pay for it. */
  async warmUp(): Promise<void> {
    for (const maxTokens of this.#firstSizes) await this.#executable(maxTokens, 'last')
  }

  get #firstSizes(): readonly number[] {
    return [1, this.prefillChunk]
  }

  [Symbol.dispose](): void {
    for (const executable of this.#executables.values()) {
      void executable.then(
        (compiled) => compiled.dispose(),
        () => undefined,
      )
    }
    for (const tensor of this.weights.values()) this.backend.destroy(tensor)
  }

  // Few sizes, because each is compiled: one token, a few, a chunk, and doubles of it for prompts that must come in one step. What was
  // typed since the last prompt is a few tokens, and kernels for a chunk may compute more of them than there are. A draft's logits are
  // all wanted, and a plan for few tokens keeps the memory for them small.
  #planned(tokens: number, chunk: number, outputs: 'last' | 'all'): number {
    if (tokens === 1) return 1
    if (tokens <= fewTokens && fewTokens <= chunk) return fewTokens
    if (outputs === 'all' && tokens <= draftPlan) return Math.min(draftPlan, chunk)
    let size = chunk
    while (size < tokens) size *= 2
    return size
  }

  #executable(maxTokens: number, outputs: 'last' | 'all'): Promise<Executable> {
    const key = `${maxTokens} ${outputs}`
    let executable = this.#executables.get(key)
    if (!executable) {
      executable = this.backend.compile(makePlan(this.built.graph, { maxTokens, outputs }), this.weights)
      this.#executables.set(key, executable)
    }
    return executable
  }

  #checkTokens(state: State, tokens: readonly number[]): void {
    if (tokens.length === 0) {
      throw new EngineError('bad-request', 'The prompt is empty.', {
        hint: 'Give the model at least one character to go on.',
      })
    }
    const unknown = tokens.find(
      (token) => !Number.isInteger(token) || token < 0 || token >= this.config.vocabulary,
    )
    if (unknown !== undefined) {
      throw new EngineError(
        'bad-request',
        `Token ${unknown} is not in the vocabulary of ${this.config.vocabulary}.`,
        {
          hint: 'Use `hearth tokenize` to get tokens of this model.',
        },
      )
    }
    if (state.length + tokens.length > state.capacity) {
      throw new EngineError(
        'bad-request',
        `${state.length + tokens.length} tokens do not fit the window of ${state.capacity}.`,
        { hint: 'Shorten the text, or raise `hearth.contextLength` if the model allows it.' },
      )
    }
  }
}

function checked(state: State): ModelState {
  if (state instanceof ModelState) return state
  throw new EngineError('internal', 'This state belongs to another kind of model.')
}

/** Tokens of the plan for what was typed since the last prompt. */
const fewTokens = 8

/** Tokens of the plan for a few of which all logits are wanted. */
const draftPlan = 16

// Half of what every GPU can bind at once.
const mostLogitBytes = 64 * 2 ** 20

function concatenate(rows: readonly Float32Array[]): Float32Array {
  const [only] = rows
  if (only && rows.length === 1) return only
  const all = new Float32Array(rows.reduce((sum, row) => sum + row.length, 0))
  let offset = 0
  for (const row of rows) {
    all.set(row, offset)
    offset += row.length
  }
  return all
}
