// Steps that try guessed tokens: the answer is the one without them, whatever the model keeps, and drafts are as long as pays.
import assert from 'node:assert/strict'
import type { Backend } from '../../../engine/backend/backend'
import { openBackend } from '../../../engine/backend/open-backend'
import { silentLog } from '../../../engine/base/log'
import { noProgress } from '../../../engine/base/progress'
import { openCheckpoint } from '../../../engine/format/open-checkpoint'
import { greedy, type SamplerOptions } from '../../../engine/generate/sampler'
import { Scheduler } from '../../../engine/generate/scheduler'
import { Session, type GenerateEnd, type GenerateOptions } from '../../../engine/generate/session'
import { StepCosts, type SpeculationMode } from '../../../engine/generate/speculation'
import { loadModel, type Model } from '../../../engine/model/model'

const live = new AbortController().signal
const drawn: SamplerOptions = {
  ...greedy,
  temperature: 0.8,
  topK: 20,
  seed: 7,
}
const penalized: SamplerOptions = { ...drawn, repeatPenalty: 1.1, repeatWindow: 16 }

/** Files below test/fixtures; windows, prefixes and states that only go back to checkpoints among them. */
const models: readonly { file: string; drafts: boolean }[] = [
  { file: 'tiny/tiny-llama-chat.gguf', drafts: true },
  { file: 'tiny/gemma2-f32.gguf', drafts: true },
  { file: 'tiny/phi3-f32.gguf', drafts: true },
  { file: 'tiny/llama-q4_0.gguf', drafts: true },
  { file: 'tiny-hf/chatglm1-f16', drafts: true },
  { file: 'tiny-rwkv/gguf-7-f32/model.gguf', drafts: false },
]

for (const pipelined of [false, true]) {
  describe(`speculation${pipelined ? ' with a step in flight' : ''}`, () => checkModels(pipelined))
}

function checkModels(pipelined: boolean): void {
  let backend: Backend
  before(async () => {
    backend = Object.assign((await openBackend('cpu', silentLog)).backend, { pipelined })
  })
  after(() => backend.dispose())

  for (const { file, drafts } of models) {
    describe(file, () => {
      let model: Model
      let prompt: number[]
      before(async () => {
        const checkpoint = await openCheckpoint(`test/fixtures/${file}`)
        model = await loadModel({ checkpoint, backend, log: silentLog, progress: noProgress }, live)
        await checkpoint.close()
        const words = Array.from({ length: 30 }, (_, i) => 1 + (((i % 9) * 13) % 90))
        // Only after the token that starts an answer is a prefix a prefix.
        prompt = file.includes('chatglm1') ? [...words, model.tokenizer.bos ?? 0] : words
      })
      after(() => model[Symbol.dispose]())

      for (const [name, sampler] of Object.entries({ greedy, drawn, penalized })) {
        it(`${name}: the same answer`, async () => {
          using plain = new Session(model, 200)
          using trying = new Session(model, 200)
          const expected = await ask(plain, 'off', { sampler })
          const got = await ask(trying, 'always', { sampler })
          assert.deepEqual(got.tokens, expected.tokens)
          assert.equal(got.drafts.steps > 0, drafts)
          assert.equal(expected.drafts.steps, 0)
        })
      }

      it('ends where it would, and goes on from there', async () => {
        for (const [maxTokens, capacity] of [
          [1, 200],
          [2, 200],
          [17, 200],
          [100, 45],
          [100, 47],
        ] as const) {
          using plain = new Session(model, capacity)
          using trying = new Session(model, capacity)
          for (let i = 0; i < 2; i++) {
            const expected = await ask(plain, 'off', { maxTokens })
            const got = await ask(trying, 'always', { maxTokens })
            assert.deepEqual(
              [got.tokens, got.finishReason, got.usage.reusedTokens],
              [expected.tokens, expected.finishReason, expected.usage.reusedTokens],
              `${maxTokens} tokens in ${capacity}, request ${i}`,
            )
          }
        }
      })

      async function ask(
        session: Session,
        speculation: SpeculationMode,
        wanted: Partial<GenerateOptions>,
      ): Promise<GenerateEnd> {
        const options = { maxTokens: 60, sampler: greedy, stop: [], speculation, ...wanted }
        const answer = session.generate(prompt, options, new Scheduler().enter('chat', live))
        for (;;) {
          const next = await answer.next()
          if (next.done) return next.value
        }
      }
    })
  }
}

describe('how much is tried', () => {
  // Milliseconds of steps of 1, 4, 8 and 16 tokens; the chance of a guess; the most there is; tokens to try.
  const flat = [10, 11, 12, 14]
  const proportional = [10, 40, 80, 160]
  const half = [10, 22, 41, 80]
  checkDraft('nothing is known', [], 1, 15, 0)
  checkDraft('a step costs the same whatever is in it', flat, 0.99, 15, 15)
  checkDraft('and there is less to try', flat, 0.99, 5, 5)
  checkDraft('and guesses are bad', flat, 0.3, 15, 3)
  checkDraft('and guesses are worthless', flat, 0, 15, 0)
  checkDraft('every token costs a step', proportional, 1, 15, 0)
  checkDraft('a guess costs half a step', half, 0.99, 15, 7)
  checkDraft('and is bad', half, 0.4, 15, 0)
  checkDraft('no draft was measured yet', [10], 0.9, 15, 3)
  checkDraft('the next size promises to cost little more', [10, 11], 0.9, 15, 7)
  checkDraft('or as much as before', [10, 38], 0.9, 15, 7)
  checkDraft('or too much', [10, 38, 76], 0.9, 15, 0)

  it('the first step of a size, which compiles, does not count', () => {
    const costs = new StepCosts()
    for (const [tokens, ms] of [
      [1, 500],
      [1, 10],
      [4, 900],
      [4, 11],
    ] as const)
      costs.measured(tokens, ms)
    assert.equal(costs.bestDraft(1, 3), 3)
  })

  it('what does not pay is tried again rarely', () => {
    const costs = learned(proportional)
    const tried = Array.from({ length: 1000 }, () => costs.bestDraft(0.9, 15)).filter((n) => n > 0)
    assert.deepEqual(tried, Array<number>(7).fill(3))
  })
})

function checkDraft(what: string, ms: readonly number[], p: number, most: number, expected: number): void {
  it(what, () => assert.equal(learned(ms).bestDraft(p, most), expected))
}

function learned(ms: readonly number[]): StepCosts {
  const costs = new StepCosts()
  ms.forEach((cost, i) => {
    for (let n = 0; n < 3; n++) costs.measured([1, 4, 8, 16][i] ?? 0, cost)
  })
  return costs
}
