// One suite for every backend: an answer and a suggestion that are written in common steps are those that are written apart.
import assert from 'node:assert/strict'
import type { Backend } from '../../engine/backend/backend'
import { openBackend, type DeviceChoice } from '../../engine/backend/open-backend'
import { silentLog } from '../../engine/base/log'
import { noProgress } from '../../engine/base/progress'
import { openCheckpoint } from '../../engine/format/open-checkpoint'
import { greedy } from '../../engine/generate/sampler'
import { Scheduler, type Turn } from '../../engine/generate/scheduler'
import { Session, type GenerateEnd, type GenerateOptions } from '../../engine/generate/session'
import { loadModel, type Model } from '../../engine/model/model'

const live = new AbortController().signal

/** Their rows are wide enough to be bound apart on every device. */
const checkpoints = [
  'tiny/chatglm-q8_0-separate.gguf',
  'tiny/gemma2-q8_0-defaults.gguf',
  'tiny/llama-q4_0.gguf',
  'tiny/phi3-q4_0.gguf',
  'tiny/qwen2-q5_1.gguf',
  'tiny-rwkv/gguf-6-q5_1/model.gguf',
  'tiny-rwkv/gguf-7-q8_0/model.gguf',
]

const chat: GenerateOptions = {
  maxTokens: 40,
  sampler: { ...greedy, temperature: 0.9, topK: 20, seed: 7 },
  stop: [],
  speculation: 'off',
}
const typing: GenerateOptions = { maxTokens: 12, sampler: greedy, stop: [], speculation: 'off' }

/** Declares the suite. */
export function checkTogether(choice: DeviceChoice): void {
  describe(`two sequences on ${choice}`, function () {
    this.timeout(180_000)
    let backend: Backend

    before(async () => {
      backend = (await openBackend(choice, silentLog)).backend
    })
    after(() => (backend as Backend | undefined)?.dispose())

    for (const name of checkpoints) {
      it(`${name}: tokens are those of each alone, also when one ends or is cancelled`, async () => {
        const model = await load(name)
        const prompts = [tokensFrom(model, 3, 21), tokensFrom(model, 5, 9)] as const
        using answers = new Session(model, 100)
        using ghosts = new Session(model, 100)
        const expected = await collect(answers, prompts[0], chat, new Scheduler().enter('chat', live))
        const ghost = await collect(ghosts, prompts[1], typing, new Scheduler().enter('typing', live))
        await answers.reset(live)
        await ghosts.reset(live)

        // Compiled before, so that no step passes while the scheduler waits for it.
        assert.ok(await model.runsTogether(2))
        const together = countTogether(model)
        // Every step takes as long as every other, so that one for two always pays.
        let time = 0
        const scheduler = new Scheduler(() => time++)
        const answer = collect(answers, prompts[0], chat, scheduler.enter('chat', live))
        const stop = new AbortController()
        const cancelled = collect(ghosts, prompts[1], typing, scheduler.enter('typing', stop.signal), (n) => {
          if (n === 5) stop.abort()
        })
        assert.deepEqual((await cancelled).tokens, ghost.tokens.slice(0, (await cancelled).tokens.length))
        assert.equal((await cancelled).finishReason, 'cancelled')
        const whole = await collect(ghosts, prompts[1], typing, scheduler.enter('typing', live))
        assert.deepEqual(whole.tokens, ghost.tokens)
        assert.deepEqual((await answer).tokens, expected.tokens)
        assert.ok(together() >= typing.maxTokens, `${together()} common steps`)
        model[Symbol.dispose]()
      })
    }

    async function load(name: string): Promise<Model> {
      const checkpoint = await openCheckpoint(`test/fixtures/${name}`)
      try {
        return await loadModel({ checkpoint, backend, log: silentLog, progress: noProgress }, live)
      } finally {
        await checkpoint.close()
      }
    }
  })
}

function countTogether(model: Model): () => number {
  let count = 0
  const forward = model.forwardTogether.bind(model)
  model.forwardTogether = (sequences) => {
    count++
    return forward(sequences)
  }
  return () => count
}

async function collect(
  session: Session,
  prompt: readonly number[],
  options: GenerateOptions,
  turn: Turn,
  onPiece: (count: number) => void = () => undefined,
): Promise<GenerateEnd> {
  const answer = session.generate(prompt, options, turn)
  for (let count = 1; ; count++) {
    const next = await answer.next()
    if (next.done) return next.value
    onPiece(count)
  }
}

function tokensFrom(model: Model, seed: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => (i * 37 + seed) % Math.min(model.config.vocabulary, 250))
}
