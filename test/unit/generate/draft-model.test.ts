// A second model that guesses tokens: the answer is the one without it, guesses stop where they do not pay, vocabularies must agree.
import assert from 'node:assert/strict'
import type { Backend } from '../../../engine/backend/backend'
import { openBackend } from '../../../engine/backend/open-backend'
import { silentLog } from '../../../engine/base/log'
import { noProgress } from '../../../engine/base/progress'
import { openCheckpoint } from '../../../engine/format/open-checkpoint'
import { checkSameVocabulary, DraftModel } from '../../../engine/generate/draft-model'
import { greedy, type SamplerOptions } from '../../../engine/generate/sampler'
import { Scheduler } from '../../../engine/generate/scheduler'
import { Session, type GenerateEnd, type GenerateOptions } from '../../../engine/generate/session'
import { StepCosts, type SpeculationMode } from '../../../engine/generate/speculation'
import { loadModel, type Model } from '../../../engine/model/model'

const live = new AbortController().signal
const drawn: SamplerOptions = { ...greedy, temperature: 0.8, topK: 20, seed: 3 }

/** Files of test/fixtures/tiny; how many of the guesses of a greedy answer come true, which repeat nothing of the prompt. */
const pairs: readonly { model: string; draft: string; accepted: 'all' | 'some' | 'none' }[] = [
  { model: 'llama-q4_0', draft: 'llama-q4_0', accepted: 'all' },
  { model: 'qwen3-q8_0', draft: 'qwen3-q8_0', accepted: 'all' },
  { model: 'llama-q8_0', draft: 'llama-q4_0', accepted: 'some' },
  { model: 'phi3-f32', draft: 'llama-q4_0', accepted: 'some' },
  { model: 'rwkv', draft: 'rwkv', accepted: 'none' },
]

describe('draft model', () => {
  let backend: Backend
  before(async () => (backend = (await openBackend('cpu', silentLog)).backend))
  after(() => backend.dispose())

  for (const { model: large, draft: small, accepted } of pairs) {
    describe(`${small} for ${large}`, () => {
      let model: Model
      let draftModel: Model
      before(async () => {
        model = await load(large)
        draftModel = await load(small)
      })
      after(() => {
        model[Symbol.dispose]()
        draftModel[Symbol.dispose]()
      })

      it('the same answer', async () => {
        for (const sampler of [greedy, drawn]) {
          using plain = new Session(model, 120)
          using drafter = new DraftModel(draftModel, 120)
          using trying = new Session(model, 120, drafter)
          // The second request has most of its prompt in both states.
          for (const prompt of [words(20), [...words(20), 7, 8, 9]]) {
            const expected = await ask(plain, prompt, 'off', { sampler })
            const { tokens, drafts } = await ask(trying, prompt, 'always', { sampler })
            assert.deepEqual(tokens, expected.tokens)
            assert.equal(drafts.tried > 0, accepted !== 'none')
            if (accepted === 'all' && sampler === greedy)
              assert.ok(drafts.accepted > 30, `${drafts.accepted}`)
          }
        }
      })

      it('ends where it would', async () => {
        for (const [maxTokens, capacity, draftCapacity] of [
          [1, 100, 100],
          [2, 100, 100],
          [60, 40, 40],
          [60, 100, 32],
        ] as const) {
          using plain = new Session(model, capacity)
          using drafter = new DraftModel(draftModel, draftCapacity)
          using trying = new Session(model, capacity, drafter)
          const expected = await ask(plain, words(20), 'off', { maxTokens })
          const got = await ask(trying, words(20), 'always', { maxTokens })
          assert.deepEqual([got.tokens, got.finishReason], [expected.tokens, expected.finishReason])
        }
      })

      it('cancelled at any step, it goes on with the same answer', async () => {
        using plain = new Session(model, 100)
        using drafter = new DraftModel(draftModel, 100)
        using trying = new Session(model, 100, drafter)
        const expected = await ask(plain, words(20), 'off', { maxTokens: 30 })
        for (const last of [1, 2, 5, 9, 17]) {
          const stop = new AbortController()
          const turn = new Scheduler().enter('chat', stop.signal)
          let steps = 0
          const step = <T>(work: () => Promise<T>): Promise<T> => {
            if (++steps === last) stop.abort()
            return turn.step(work)
          }
          const options: GenerateOptions = { maxTokens: 30, sampler: greedy, stop: [], speculation: 'always' }
          const answer = trying.generate(words(20), options, { ...turn, step })
          let next = await answer.next()
          while (!next.done) next = await answer.next()
          assert.deepEqual(next.value.tokens, expected.tokens.slice(0, next.value.tokens.length))
        }
        assert.deepEqual((await ask(trying, words(20), 'always', { maxTokens: 30 })).tokens, expected.tokens)
      })
    })
  }

  describe('how much is guessed', () => {
    // Milliseconds of steps of 1, 4, 8 and 16 tokens of the large model; guesses that came true, of 64; tokens to guess.
    const flat = [10, 11, 12, 14]
    const proportional = [10, 40, 80, 160]
    checkWanted('nothing is known', [], 64, 'auto', 15, 0)
    checkWanted('a step costs the same whatever is in it', flat, 64, 'auto', 15, 15)
    checkWanted('and there is less to try', flat, 64, 'auto', 5, 5)
    checkWanted('and guesses are worthless', flat, 0, 'auto', 15, 0)
    checkWanted('every token costs a step', proportional, 64, 'auto', 15, 0)
    checkWanted('always', proportional, 0, 'always', 15, 15)
    checkWanted('off', flat, 64, 'off', 15, 0)

    it('worthless guesses are tried again after a while', async () => {
      const model = await load('llama-q4_0')
      using drafter = new DraftModel(model, 16)
      for (let i = 0; i < 64; i++) drafter.judge(false)
      const costs = learned(flat)
      const wanted = Array.from({ length: 256 }, () => drafter.wanted(costs, 'auto', 15))
      assert.deepEqual(
        wanted.flatMap((count, i) => (count > 0 ? [[i, count]] : [])),
        [
          [127, 3],
          [255, 3],
        ],
      )
      model[Symbol.dispose]()
    })
  })

  describe('vocabularies', () => {
    checkVocabulary('llama-q8_0', 'phi3-f32', undefined)
    checkVocabulary('llama-q8_0', 'tiny-qwen2-fim', /another vocabulary than the model: /)
    checkVocabulary('tiny-llama-chat', 'llama-q8_0', /another vocabulary than the model: /)
    checkVocabulary('llama-q8_0', 'rwkv', /another vocabulary than the model: /)
  })

  function checkWanted(
    what: string,
    ms: readonly number[],
    cameTrue: number,
    mode: SpeculationMode,
    most: number,
    expected: number,
  ): void {
    it(what, async () => {
      const model = await load('llama-q4_0')
      using drafter = new DraftModel(model, 16)
      for (let i = 0; i < 64; i++) drafter.judge(i < cameTrue)
      assert.equal(drafter.wanted(learned(ms), mode, most), expected)
      model[Symbol.dispose]()
    })
  }

  function checkVocabulary(large: string, small: string, problem: RegExp | undefined): void {
    it(`${small} for ${large}`, async () => {
      const [one, other] = [await load(large), await load(small)]
      const compare = (): void => checkSameVocabulary(one.tokenizer, other.tokenizer)
      if (problem) assert.throws(compare, { code: 'bad-request', message: problem })
      else compare()
      for (const model of [one, other]) model[Symbol.dispose]()
    })
  }

  async function load(name: string): Promise<Model> {
    const file = name === 'rwkv' ? 'tiny-rwkv/gguf-7-f32/model.gguf' : `tiny/${name}.gguf`
    const checkpoint = await openCheckpoint(`test/fixtures/${file}`)
    try {
      return await loadModel({ checkpoint, backend, log: silentLog, progress: noProgress }, live)
    } finally {
      await checkpoint.close()
    }
  }
})

function learned(ms: readonly number[]): StepCosts {
  const costs = new StepCosts()
  for (const [i, size] of [1, 4, 8, 16].entries()) {
    const cost = ms[i]
    if (cost === undefined) continue
    costs.measured(size, 1000)
    costs.measured(size, cost)
  }
  return costs
}

async function ask(
  session: Session,
  prompt: readonly number[],
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

// No token twice, so that nothing can be copied.
function words(count: number): number[] {
  return Array.from({ length: count }, (_, i) => 2 + i * 11)
}
