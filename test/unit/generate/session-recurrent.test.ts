// A session on recurrent models, which go back to checkpoints only: the same answers as from scratch, and little computed again.
import assert from 'node:assert/strict'
import type { Backend } from '../../../engine/backend/backend'
import { openBackend } from '../../../engine/backend/open-backend'
import { silentLog } from '../../../engine/base/log'
import { noProgress } from '../../../engine/base/progress'
import { openCheckpoint } from '../../../engine/format/open-checkpoint'
import { greedy } from '../../../engine/generate/sampler'
import { Scheduler } from '../../../engine/generate/scheduler'
import { Session, type GenerateEnd } from '../../../engine/generate/session'
import { loadModel, type Model } from '../../../engine/model/model'

const live = new AbortController().signal

// 32 tokens are a chunk on the processor.
const first = tokensFrom(1, 100)

interface Row {
  what: string
  /** Prompts, one after the other, each with the answer of the one before at hand. */
  prompts: readonly ((answer: readonly number[]) => readonly number[])[]
  /** Tokens of each prompt that are not computed again; `all` is all but the last one. */
  reused: readonly (number | 'all')[]
  maxTokens?: number
}

const rows: readonly Row[] = [
  { what: 'the same again', prompts: [() => first, () => first], reused: [0, 'all'] },
  {
    what: 'another last token, and one more',
    prompts: [() => first, () => [...first.slice(0, -1), 7], () => [...first.slice(0, -1), 7, 8]],
    reused: [0, 99, 100],
  },
  {
    what: 'a change in the middle goes back to the chunk before it',
    prompts: [() => first, () => [...first.slice(0, 70), ...tokensFrom(5, 30)]],
    reused: [0, 64],
  },
  {
    what: 'a change at once goes back to nothing',
    prompts: [() => first, () => [9, ...first]],
    reused: [0, 0],
  },
  {
    what: 'a beginning of it',
    prompts: [() => first, () => first.slice(0, 65), () => first.slice(0, 40), () => first.slice(0, 33)],
    reused: [0, 64, 32, 32],
  },
  {
    what: 'the answer goes on',
    prompts: [() => first, (answer) => [...first, ...answer, ...tokensFrom(3, 5)]],
    // The last token of an answer was sampled and never read.
    reused: [0, 100 + 40 - 1],
    maxTokens: 40,
  },
  {
    what: 'the answer goes on, but its last tokens are spelled differently',
    prompts: [() => first, (answer) => [...first, ...answer.slice(0, -3), ...tokensFrom(3, 5)]],
    reused: [0, 100 + 32],
    maxTokens: 40,
  },
  {
    what: 'prompts in turns',
    prompts: [() => first, () => tokensFrom(8, 50), () => first, () => [...first, 3]],
    reused: [0, 0, 0, 100],
  },
]

for (const name of ['pth-6-bf16-world/model.pth', 'gguf-7-f32/model.gguf']) {
  describe(`session on ${name}`, () => {
    let backend: Backend
    let model: Model

    before(async () => {
      backend = (await openBackend('cpu', silentLog)).backend
      const checkpoint = await openCheckpoint(`test/fixtures/tiny-rwkv/${name}`)
      try {
        model = await loadModel({ checkpoint, backend, log: silentLog, progress: noProgress }, live)
      } finally {
        await checkpoint.close()
      }
      assert.equal(model.prefillChunk, 32)
    })
    after(() => {
      model[Symbol.dispose]()
      backend.dispose()
    })

    for (const { what, prompts, reused, maxTokens = 6 } of rows) {
      it(what, async () => {
        using session = new Session(model, 400)
        let answer: readonly number[] = []
        for (const [i, makePrompt] of prompts.entries()) {
          const prompt = makePrompt(answer)
          const end = await ask(session, prompt, maxTokens)
          using fresh = new Session(model, 400)
          assert.deepEqual(end.tokens, (await ask(fresh, prompt, maxTokens)).tokens, `answer ${i}`)
          const wanted = reused[i] === 'all' ? prompt.length - 1 : reused[i]
          assert.equal(end.usage.reusedTokens, wanted, `reused by ${i}`)
          answer = end.tokens
        }
      })
    }

    it('edits like typing cost a few tokens each', async () => {
      using session = new Session(model, 400)
      let text = tokensFrom(2, 150)
      let computed = 0
      for (let i = 0; i < 40; i++) {
        // Two letters in, one out, and the last token now and then another one.
        text = [...text.slice(0, i % 3 === 0 ? -2 : -1), 10 + (i % 50), 20 + i]
        const end = await ask(session, text, 2)
        using fresh = new Session(model, 400)
        assert.deepEqual(end.tokens, (await ask(fresh, text, 2)).tokens)
        if (i > 0) computed += end.usage.promptTokens - end.usage.reusedTokens
      }
      assert.ok(computed / 39 < 8, `${computed} tokens computed in 39 requests`)
    })

    it('cancelled while it reads, it goes on from there', async () => {
      using session = new Session(model, 400)
      const abort = new AbortController()
      let steps = 0
      const step = <T>(work: () => Promise<T>): Promise<T> => {
        if (++steps === 3) abort.abort()
        abort.signal.throwIfAborted()
        return work()
      }
      const cancelled = await drain(
        session.generate(first, options(4), {
          signal: abort.signal,
          step,
          decode: (one) => step(() => one.alone()),
        }),
      )
      const end = await ask(session, first, 4)
      using fresh = new Session(model, 400)
      assert.deepEqual(end.tokens, (await ask(fresh, first, 4)).tokens)
      assert.deepEqual([cancelled.finishReason, end.usage.reusedTokens], ['cancelled', 64])
    })

    it('ends nowhere', async () => {
      using state = model.createState(Infinity)
      assert.equal(state.capacity, Infinity)
      await model.forward(state, tokensFrom(4, 3000), { outputs: 'last' }, live)
      assert.equal(state.length, 3000)
    })

    async function ask(session: Session, prompt: readonly number[], maxTokens: number): Promise<GenerateEnd> {
      return drain(session.generate(prompt, options(maxTokens), new Scheduler().enter('chat', live)))
    }
  })
}

function options(maxTokens: number) {
  return { maxTokens, sampler: greedy, stop: [] }
}

async function drain(stream: AsyncGenerator<string, GenerateEnd>): Promise<GenerateEnd> {
  for (;;) {
    const step = await stream.next()
    if (step.done) return step.value
  }
}

function tokensFrom(seed: number, length: number): number[] {
  return Array.from({ length }, (_, i) => 1 + ((i * 37 + seed * 101 + (i >> 2) * seed) % 200))
}
