// The model, asked once for each prompt: what it wrote is kept in the cache folder, so that rows which differ only in what is made of a text
// share it, and a bench that was stopped goes on where it was.
import { createHash } from 'node:crypto'
import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import * as v from 'valibot'
import { silentLog } from '../../engine/base/log'
import { noProgress } from '../../engine/base/progress'
import { greedy } from '../../engine/generate/sampler'
import { cacheFolder } from '../../engine/provider/cache-folder'
import type { LocalProvider } from '../../engine/provider/local'
import { openLocal } from '../../engine/provider/open-local'
import type { CompletionRequest, Finished, TextStream } from '../../engine/provider/provider'
import { userText } from '../../engine/tokenizer/tokenizer'

/** How a prompt is put to the model: as the product does it, or without taking back the token that the cursor may stand in. */
export type Asking = 'product' | 'without-healing'

export interface Pace {
  /** Tokens of a prompt that a second seems to read. */
  readsPerSecond: number
}

const recordLine = v.object({
  key: v.string(),
  text: v.string(),
  /** Characters of each token, and the logarithm of its probability, where it is known. */
  tokens: v.array(v.tuple([v.number(), v.nullable(v.number())])),
  ended: v.boolean(),
  promptTokens: v.number(),
})
type Recorded = v.InferOutput<typeof recordLine>

export class RecordedModel {
  readonly #file: string
  readonly #texts = new Map<string, Recorded>()
  #local: Promise<LocalProvider> | undefined

  constructor(
    private readonly model: string,
    private readonly device: 'cpu' | 'webgpu',
    /** Forgets what was recorded. */
    fresh: boolean,
  ) {
    const folder = path.join(cacheFolder(), 'bench-completion')
    mkdirSync(folder, { recursive: true })
    this.#file = path.join(folder, `texts-${hashOf([path.basename(model), device])}.jsonl`)
    if (fresh || !existsSync(this.#file)) return
    for (const text of readFileSync(this.#file, 'utf8').split('\n')) {
      const read = v.safeParse(v.pipe(v.string(), v.parseJson(), recordLine), text)
      // A line that was torn when a run ended is a prompt to read again.
      if (read.success) this.#texts.set(read.output.key, read.output)
    }
  }

  /** Opens the model, if it is not open. */
  provider(): Promise<LocalProvider> {
    return (this.#local ??= openLocal(
      {
        path: this.model,
        model: this.model,
        device: this.device,
        contextLength: 4096,
        quantize: 'none',
        kvCache: 'auto',
        log: silentLog,
        progress: noProgress,
      },
      new AbortController().signal,
    ))
  }

  /** What the model writes, at the pace that is asked for rather than its own, so that no figure depends on what else the machine does. */
  async *complete(request: CompletionRequest, asking: Asking, pace: Pace, signal: AbortSignal): TextStream {
    const { text, tokens, ended, promptTokens } = await this.#written(request, asking)
    const usage = {
      promptTokens,
      reusedTokens: 0,
      completionTokens: 0,
      prefillMs: (promptTokens / pace.readsPerSecond) * 1000,
      decodeMs: 0,
    }
    const end = (finishReason: Finished['finishReason']): Finished => ({
      finishReason,
      usage,
      droppedMessages: 0,
    })
    let at = 0
    for (const [length, likely] of tokens.slice(0, request.maxTokens)) {
      if (signal.aborted) return end('cancelled')
      usage.completionTokens++
      request.onToken?.({ length, logProbability: likely ?? undefined })
      yield text.slice(at, (at += length))
    }
    return end(ended ? 'stop' : 'length')
  }

  async close(): Promise<void> {
    await (await this.#local)?.dispose()
  }

  async #written(request: CompletionRequest, asking: Asking): Promise<Recorded> {
    const { files, prefix, typed, suffix, stop, maxTokens } = request
    const others = files ? [JSON.stringify(files)] : []
    const key = hashOf([asking, prefix, typed, suffix, JSON.stringify(stop), ...others])
    const known = this.#texts.get(key)
    if (known && (known.ended || known.tokens.length >= maxTokens)) return known
    const recorded = { key, ...(await this.#ask(request, asking)) }
    this.#texts.set(key, recorded)
    appendFileSync(this.#file, `${JSON.stringify(recorded)}\n`)
    return recorded
  }

  async #ask(request: CompletionRequest, asking: Asking): Promise<Omit<Recorded, 'key'>> {
    const local = await this.provider()
    const tokens: Recorded['tokens'] = []
    const timeless: CompletionRequest = {
      ...request,
      timeBudgetMs: Infinity,
      onToken: ({ length, logProbability }) => void tokens.push([length, logProbability ?? null]),
    }
    const { signal } = new AbortController()
    const stream =
      asking === 'product'
        ? local.complete(timeless, signal)
        : local.continueText(
            [userText(request.prefix + request.typed)],
            { ...timeless, sampler: greedy },
            signal,
          )
    let text = ''
    for (;;) {
      const { done, value } = await stream.next()
      if (!done) text += value
      else
        return {
          text,
          tokens,
          ended: value.finishReason === 'stop',
          promptTokens: value.usage.promptTokens,
        }
    }
  }
}

function hashOf(parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 24)
}
