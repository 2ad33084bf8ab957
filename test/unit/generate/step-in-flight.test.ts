// A session that submits the next step before it has read a token: the same answers, and a step too many leaves nothing behind.
import assert from 'node:assert/strict'
import type { Backend } from '../../../engine/backend/backend'
import { openBackend } from '../../../engine/backend/open-backend'
import { silentLog } from '../../../engine/base/log'
import { noProgress } from '../../../engine/base/progress'
import { openCheckpoint } from '../../../engine/format/open-checkpoint'
import { greedy, type SamplerOptions } from '../../../engine/generate/sampler'
import { Scheduler } from '../../../engine/generate/scheduler'
import { Session, type GenerateEnd, type GenerateOptions } from '../../../engine/generate/session'
import { loadModel, type Model } from '../../../engine/model/model'

const live = new AbortController().signal
const drawn: SamplerOptions = { ...greedy, temperature: 0.9, topK: 30, topP: 0.95, minP: 0.01, seed: 5 }
const penalized: SamplerOptions = { ...drawn, repeatPenalty: 1.1, repeatWindow: 16 }

/** Below test/fixtures, and what becomes of the token that ended an answer, which a step has taken already. */
const models: readonly { file: string; landed: 'taken back' | 'kept' }[] = [
  { file: 'tiny/tiny-llama-chat.gguf', landed: 'taken back' },
  { file: 'tiny/gemma2-f32.gguf', landed: 'taken back' },
  { file: 'tiny-hf/chatglm1-f16', landed: 'taken back' },
  { file: 'tiny-rwkv/gguf-7-f32/model.gguf', landed: 'kept' },
  { file: 'tiny-rwkv/pth-6-bf16-world/model.pth', landed: 'kept' },
]

interface Counts {
  /** Steps that chose a token. */
  chosen: number
  /** Of these, the ones that took a token nobody had read. */
  ahead: number
}

for (const { file, landed } of models) {
  describe(`a step in flight, ${file}`, () => {
    let backend: Backend
    let model: Model
    let prompt: number[]
    let counts: Counts
    before(async () => {
      backend = (await openBackend('cpu', silentLog)).backend
      const choose = backend.choose.bind(backend)
      Object.assign(backend, {
        pipelined: true,
        choose: (...[executable, state, step, choice]: Parameters<Backend['choose']>) => {
          counts.chosen++
          if (step.chosen) counts.ahead++
          return choose(executable, state, step, choice)
        },
      })
      const checkpoint = await openCheckpoint(`test/fixtures/${file}`)
      model = await loadModel({ checkpoint, backend, log: silentLog, progress: noProgress }, live)
      await checkpoint.close()
      const words = Array.from({ length: 40 }, (_, i) => 1 + (((i % 9) * 13) % 60))
      // Only after the token that starts an answer is a prefix a prefix.
      prompt = file.includes('chatglm1') ? [...words, model.tokenizer.bos ?? 0] : words
    })
    beforeEach(() => (counts = { chosen: 0, ahead: 0 }))
    after(() => {
      model[Symbol.dispose]()
      backend.dispose()
    })

    for (const [name, sampler] of Object.entries({ greedy, drawn })) {
      it(`${name}: the answer of one step after the other, a step for every token`, async () => {
        const expected = await alone({ sampler })
        assert.deepEqual(counts, { chosen: 0, ahead: 0 })
        using session = new Session(model, 200)
        const got = await ask(session, prompt, { sampler })
        assert.deepEqual(got.tokens, expected.tokens)
        assert.deepEqual(counts, { chosen: 24, ahead: 23 })
      })
    }

    it('a choice that depends on the text is made here', async () => {
      using session = new Session(model, 200)
      const got = await ask(session, prompt, { sampler: penalized })
      assert.deepEqual(counts, { chosen: 0, ahead: 0 })
      assert.deepEqual(got.tokens, (await alone({ sampler: penalized })).tokens)
    })

    it('stops at a full window', async () => {
      using session = new Session(model, prompt.length + 5)
      const got = await ask(session, prompt, {})
      assert.deepEqual([got.finishReason, got.tokens.length], ['context-full', 6])
      assert.deepEqual(got.tokens, (await alone({ maxTokens: 6 })).tokens)
    })

    it(`a token that ends an answer is ${landed}, and the next answer is right`, async () => {
      using session = new Session(model, 200)
      const free = await alone({ sampler: drawn })
      // One that comes late and was not there before.
      const at = free.tokens.findLastIndex((token, i) => free.tokens.indexOf(token) === i)
      assert.ok(at > 2)
      const end = free.tokens[at] ?? 0
      const got = await ask(session, prompt, { maxTokens: 40, sampler: drawn, stopTokens: new Set([end]) })
      assert.deepEqual([got.finishReason, got.tokens], ['stop', free.tokens.slice(0, at)])
      const longer = [...prompt, ...got.tokens, end, 7, 8]
      const next = await ask(session, longer, { maxTokens: 4 })
      assert.equal(next.usage.reusedTokens, longer.length - (landed === 'kept' ? 2 : 3))
      assert.deepEqual(next.tokens, (await alone({ maxTokens: 4 }, longer)).tokens)
    })

    it('a cancel takes effect at the next token, and what was computed is right', async () => {
      using session = new Session(model, 200)
      const stop = new AbortController()
      const got = await ask(session, prompt, { maxTokens: 100 }, stop, 5)
      assert.equal(got.finishReason, 'cancelled')
      assert.ok(counts.chosen <= got.tokens.length + 1, `${counts.chosen} steps`)
      const other = [...prompt, ...got.tokens.slice(0, -1), 9]
      const next = await ask(session, other, { maxTokens: 6 })
      assert.deepEqual(next.tokens, (await alone({ maxTokens: 6 }, other)).tokens)
    })

    /** The answer without a step in flight. */
    async function alone(wanted: Partial<GenerateOptions>, text = prompt): Promise<GenerateEnd> {
      Object.assign(backend, { pipelined: false })
      try {
        using session = new Session(model, 200)
        return await ask(session, text, wanted)
      } finally {
        Object.assign(backend, { pipelined: true })
      }
    }
  })
}

async function ask(
  session: Session,
  prompt: readonly number[],
  wanted: Partial<GenerateOptions>,
  stop = new AbortController(),
  stopAfter = Infinity,
): Promise<GenerateEnd> {
  const options = { maxTokens: 24, sampler: greedy, stop: [], speculation: 'off' as const, ...wanted }
  const answer = session.generate(prompt, options, new Scheduler().enter('chat', stop.signal))
  for (let pieces = 0; ; pieces++) {
    if (pieces === stopAfter) stop.abort()
    const next = await answer.next()
    if (next.done) return next.value
  }
}
