// A session with a model whose prompt sees itself both ways: what is kept, and that nothing stale is.
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

describe('a session with a prefix', () => {
  let backend: Backend
  let model: Model
  let start: number // of the answer
  const live = new AbortController().signal

  before(async () => {
    backend = (await openBackend('cpu', silentLog)).backend
    const checkpoint = await openCheckpoint('test/fixtures/tiny-hf/chatglm1-f16')
    model = await loadModel({ checkpoint, backend, log: silentLog, progress: noProgress }, live)
    await checkpoint.close()
    start = model.tokenizer.bos ?? NaN
  })
  after(() => {
    model[Symbol.dispose]()
    backend.dispose()
  })

  // `|` starts the answer; every other character is one token.
  check('the same prompt again', ['how are you|', 'how are you|'], [0, 0])
  check('another answer', ['how are you|fine', 'how are you|fire'], [0, 14])
  check('another prompt', ['how are you|fine', 'how art you|fine'], [0, 0])
  check('a longer prompt', ['how are you|fine', 'how are you today|fine'], [0, 0])
  check('a prompt that starts no answer, and one that does', ['how are you', 'how are you|fine'], [0, 0])
  check('one that starts an answer, and one that does not', ['how are you|fine', 'how are'], [0, 0])
  check('one longer than a step of other models', [`${'x = y; '.repeat(12)}|`], [0])

  it('takes a prompt at once, and the rest in steps', () => {
    using state = model.createState(200)
    const long = tokensOf(`${'x'.repeat(70)}|${'y'.repeat(70)}`)
    assert.equal(model.stepLength(state, long), 71)
    assert.equal(model.stepLength(state, long.slice(71)), model.prefillChunk)
    assert.equal(model.stepLength(state, tokensOf('ab|cd')), 5)
  })

  function check(what: string, prompts: readonly string[], reused: readonly number[]): void {
    it(what, async () => {
      using session = new Session(model, 128)
      for (const [i, prompt] of prompts.entries()) {
        const answer = await ask(session, prompt)
        using alone = new Session(model, 128)
        assert.deepEqual(answer.tokens, (await ask(alone, prompt)).tokens)
        assert.equal(answer.usage.reusedTokens, reused[i])
      }
      assert.equal(prompts.length, reused.length)
    })
  }

  async function ask(session: Session, prompt: string): Promise<GenerateEnd> {
    const turn = new Scheduler().enter('chat', live)
    const answer = session.generate(
      tokensOf(prompt),
      { maxTokens: 6, sampler: greedy, stop: [], stopTokens: new Set() },
      turn,
    )
    for (;;) {
      const next = await answer.next()
      if (next.done) return next.value
    }
  }

  function tokensOf(text: string): number[] {
    return [...Buffer.from(text)].map((byte) => (byte === 0x7c ? start : byte))
  }
})
