// A session on a tiny real model: what is computed again, how an answer ends, and what cancelling leaves behind.
import assert from 'node:assert/strict'
import type { Backend } from '../../../engine/backend/backend'
import { openBackend } from '../../../engine/backend/open-backend'
import { silentLog } from '../../../engine/base/log'
import { noProgress } from '../../../engine/base/progress'
import { openCheckpoint } from '../../../engine/format/open-checkpoint'
import { greedy } from '../../../engine/generate/sampler'
import { Scheduler, type Priority } from '../../../engine/generate/scheduler'
import { Session, type GenerateEnd, type GenerateOptions } from '../../../engine/generate/session'
import { loadModel, type Model } from '../../../engine/model/model'
import type { AnswerToken } from '../../../engine/protocol/chat'
import { userText } from '../../../engine/tokenizer/tokenizer'

const live = new AbortController().signal

interface Answer extends GenerateEnd {
  pieces: string[]
  text: string
}

for (const pipelined of [false, true]) {
  describe(`session${pipelined ? ' with a step in flight' : ''}`, () => checkSession(pipelined))
}

function checkSession(pipelined: boolean): void {
  let backend: Backend
  let model: Model
  let prompt: number[]

  before(async () => {
    backend = Object.assign((await openBackend('cpu', silentLog)).backend, { pipelined })
    model = await load('tiny-llama-chat')
    prompt = encode('function add(a, b) {\n')
  })
  after(() => {
    model[Symbol.dispose]()
    backend.dispose()
  })

  describe('ending', () => {
    it('at the token limit', async () => {
      const answer = await ask({ maxTokens: 5 })
      assert.equal(answer.finishReason, 'length')
      assert.equal(answer.tokens.length, 5)
      assert.deepEqual(
        [answer.usage.promptTokens, answer.usage.completionTokens, answer.usage.reusedTokens],
        [prompt.length, 5, 0],
      )
    })

    it('with nothing when nothing is wanted', async () => {
      const answer = await ask({ maxTokens: 0 })
      assert.deepEqual([answer.finishReason, answer.text, answer.tokens], ['length', '', []])
    })

    it('at a stop token, which is not part of the answer', async () => {
      const free = await ask({ maxTokens: 12 })
      const stopToken = free.tokens[7]!
      const first = free.tokens.indexOf(stopToken)
      const answer = await ask({ maxTokens: 12, stopTokens: new Set([stopToken]) })
      assert.equal(answer.finishReason, 'stop')
      assert.deepEqual(answer.tokens, free.tokens.slice(0, first))
    })

    it("at the model's own end of generation, which is not part of the answer", async () => {
      // Hot enough that one of the end tokens is drawn sooner or later; the seeds make it the same each time.
      const ended: Answer[] = []
      for (let seed = 1; seed <= 8; seed++) {
        const sampler = { ...greedy, temperature: 3, seed }
        const answer = await ask({ maxTokens: 100, sampler })
        assert.ok(answer.tokens.every((token) => !model.tokenizer.eog.has(token)))
        if (answer.finishReason === 'stop') ended.push(answer)
      }
      assert.ok(ended.length > 0)
    })

    it('at a stop string, wherever tokens cut it', async () => {
      const free = await ask({ maxTokens: 30 })
      assert.ok(free.text.length > 20, free.text)
      for (const [start, length] of [
        [0, 1],
        [4, 2],
        [9, 5],
        [11, 8],
      ] as const) {
        const stop = free.text.slice(start, start + length)
        const answer = await ask({ maxTokens: 30, stop: [stop] })
        assert.equal(answer.finishReason, 'stop')
        assert.equal(answer.text, free.text.slice(0, free.text.indexOf(stop)))
      }
    })

    it('with what was held back, when a stop string stays unfinished', async () => {
      const free = await ask({ maxTokens: 10 })
      const answer = await ask({ maxTokens: 10, stop: [`${free.text.slice(-3)}\u0000`] })
      assert.deepEqual([answer.text, answer.finishReason], [free.text, 'length'])
    })

    it('when the window is full', async () => {
      const answer = await ask({ maxTokens: 100 }, prompt.length + 4)
      assert.equal(answer.finishReason, 'context-full')
      // The last token needs no room: nothing is computed from it.
      assert.equal(answer.tokens.length, 5)
    })

    it('when the time is up', async () => {
      const answer = await ask({ maxTokens: 100, timeBudgetMs: 0 })
      assert.equal(answer.finishReason, 'length')
      assert.equal(answer.tokens.length, 1)
    })

    it('refuses an empty prompt, and one that leaves no room', async () => {
      using session = new Session(model, 8)
      const refused = (tokens: number[]): Promise<void> =>
        assert.rejects(collect(session.generate(tokens, options({}), turn())), { code: 'bad-request' })
      await refused([])
      await refused(Array<number>(8).fill(65))
      assert.equal(
        (await collect(session.generate([65, 66], options({ maxTokens: 2 }), turn()))).tokens.length,
        2,
      )
    })
  })

  describe('tokens', () => {
    const drawn = { ...greedy, temperature: 1.5, topK: 20, seed: 7 }
    for (const [name, wanted] of Object.entries({ 'the likeliest': greedy, 'drawn ones': drawn })) {
      for (const speculation of ['off', 'always'] as const) {
        it(`are told before their text, ${name}, guesses ${speculation}`, async () => {
          const told: AnswerToken[] = []
          const request = { maxTokens: 12, sampler: wanted, speculation }
          const answer = await ask({ ...request, onToken: (token) => told.push(token) })
          assert.deepEqual(answer.tokens, (await ask(request)).tokens)
          assert.equal(
            told.reduce((sum, { length }) => sum + length, 0),
            answer.text.length,
          )
          const expected = await logProbabilities(answer.tokens)
          assert.equal(told.length, expected.length)
          for (const [i, { logProbability }] of told.entries())
            assert.ok(
              Math.abs((logProbability ?? NaN) - expected[i]!) < 1e-4,
              `${logProbability} ${expected[i]}`,
            )
        })
      }
    }

    it('ask the device for their probabilities where somebody wants to know', async () => {
      const tells: (boolean | undefined)[] = []
      const choose = backend.choose.bind(backend)
      Object.assign(backend, {
        choose: (...[executable, state, step, choice]: Parameters<Backend['choose']>) => {
          tells.push(choice.tellsProbability)
          return choose(executable, state, step, choice)
        },
      })
      await ask({ maxTokens: 3, speculation: 'off' })
      await ask({ maxTokens: 3, speculation: 'off', onToken: () => undefined })
      Object.assign(backend, { choose })
      assert.deepEqual(tells, pipelined ? [false, false, false, true, true, true] : [])
    })

    it('that spell what was taken back add no characters', async () => {
      const told: number[] = []
      const answer = await ask({ maxTokens: 12, skip: 3, onToken: ({ length }) => told.push(length) })
      assert.equal(
        told.reduce((sum, length) => sum + length, 0),
        answer.text.length,
      )
      assert.equal(answer.text, (await ask({ maxTokens: 12 })).text.slice(3))
    })
  })

  describe('reuse', () => {
    // Prompts one after another in one session; expected: how many of each one's tokens were still there.
    checkReuse('nothing at first', ['abcdef'], [0])
    checkReuse('the same again, but for the last token', ['abcdef', 'abcdef'], [0, 5])
    checkReuse('a longer one', ['abc', 'abcdef'], [0, 3])
    checkReuse('a shorter one', ['abcdef', 'abc'], [0, 2])
    checkReuse('another end', ['abcdef', 'abcxyz'], [0, 3])
    checkReuse('another beginning', ['abcdef', 'xbcdef'], [0, 0])
    checkReuse('what was cut off does not come back', ['abcdef', 'ab', 'abcdef'], [0, 1, 2])

    it('the answer itself is there for the next turn', async () => {
      using session = new Session(model, 128)
      const first = await collect(session.generate(prompt, options({ maxTokens: 6 }), turn()))
      const next = [...prompt, ...first.tokens, ...encode('more')]
      const second = await collect(session.generate(next, options({ maxTokens: 2 }), turn()))
      // Nothing was computed from the answer's last token yet.
      assert.equal(second.usage.reusedTokens, prompt.length + 5)
    })

    it('does not change the answer', async () => {
      using session = new Session(model, 128)
      const texts = ['const a = 1', 'const a = 12; return', 'const a', 'let b', 'let b = a; let c']
      for (const text of texts) {
        const request = options({ maxTokens: 8 })
        const reused = await collect(session.generate(encode(text), request, turn()))
        using other = new Session(model, 128)
        const alone = await collect(other.generate(encode(text), request, turn()))
        assert.deepEqual(reused.tokens, alone.tokens, text)
      }
    })

    it('ends with a reset', async () => {
      using session = new Session(model, 128)
      await collect(session.generate(prompt, options({ maxTokens: 2 }), turn()))
      await session.reset(live)
      const answer = await collect(session.generate(prompt, options({ maxTokens: 2 }), turn()))
      assert.equal(answer.usage.reusedTokens, 0)
    })
  })

  describe('cancelling', () => {
    it('takes effect at the next token and keeps what was computed', async () => {
      using session = new Session(model, 256)
      const stop = new AbortController()
      const stream = session.generate(prompt, options({ maxTokens: 200 }), turn('chat', stop.signal))
      let pieces = 0
      const answer = await collect(stream, () => {
        if (++pieces === 3) stop.abort()
      })
      assert.equal(answer.finishReason, 'cancelled')
      assert.ok(answer.tokens.length < 8, `${answer.tokens.length} tokens`)
      const again = await collect(session.generate(prompt, options({ maxTokens: 4 }), turn()))
      assert.equal(again.usage.reusedTokens, prompt.length - 1)
      assert.deepEqual(again.tokens, (await ask({ maxTokens: 4 })).tokens)
    })

    it('is heard although the processor is busy: the event loop turns between tokens', async () => {
      using session = new Session(model, 512)
      const stop = new AbortController()
      setTimeout(() => stop.abort(), 1)
      const stream = session.generate(prompt, options({ maxTokens: 450 }), turn('chat', stop.signal))
      assert.equal((await collect(stream)).finishReason, 'cancelled')
    })

    it('takes effect between prefill chunks', async () => {
      const long = encode('x = y;\n'.repeat(200)).slice(0, Math.min(3 * model.prefillChunk, 400))
      using session = new Session(model, 512)
      const stop = new AbortController()
      const scheduler = new Scheduler()
      const inner = scheduler.enter('typing', stop.signal)
      let steps = 0
      const counted = {
        ...inner,
        step: async <T>(work: () => Promise<T>): Promise<T> => {
          const result = await inner.step(work)
          if (++steps === 1) stop.abort()
          return result
        },
      }
      const answer = await collect(session.generate(long, options({ maxTokens: 4 }), counted))
      assert.equal(answer.finishReason, 'cancelled')
      assert.deepEqual([answer.text, steps], ['', 1])
      assert.equal(answer.usage.promptTokens, Math.min(model.prefillChunk, long.length))
      const again = await collect(session.generate(long, options({ maxTokens: 1 }), turn()))
      assert.equal(again.usage.reusedTokens, Math.min(model.prefillChunk, long.length - 1))
    })

    it('before the start computes nothing', async () => {
      using session = new Session(model, 128)
      const answer = await collect(session.generate(prompt, options({}), turn('typing', AbortSignal.abort())))
      assert.deepEqual(
        [
          answer.finishReason,
          answer.text,
          answer.usage.promptTokens - answer.usage.reusedTokens,
          answer.usage.completionTokens,
        ],
        ['cancelled', '', 0, 0],
      )
    })

    it('a new request on the same session waits for the cancelled one', async () => {
      using session = new Session(model, 128)
      const stop = new AbortController()
      const first = session.generate(prompt, options({ maxTokens: 100 }), turn('typing', stop.signal))
      await first.next()
      const other = encode('let b')
      const second = collect(session.generate(other, options({ maxTokens: 3 }), turn()))
      stop.abort()
      assert.equal((await collect(first)).finishReason, 'cancelled')
      using alone = new Session(model, 128)
      const expected = await collect(alone.generate(other, options({ maxTokens: 3 }), turn()))
      assert.deepEqual((await second).tokens, expected.tokens)
    })

    it('is heard while waiting for another answer on the same session', async () => {
      using session = new Session(model, 128)
      const first = session.generate(prompt, options({ maxTokens: 5 }), turn())
      await first.next()
      const stop = new AbortController()
      const second = collect(session.generate(prompt, options({ maxTokens: 5 }), turn('chat', stop.signal)))
      stop.abort()
      // The first answer is not being read, so it cannot have ended.
      assert.equal((await second).finishReason, 'cancelled')
      assert.equal((await collect(first)).finishReason, 'length')
      const third = await collect(session.generate(prompt, options({ maxTokens: 2 }), turn()))
      assert.equal(third.finishReason, 'length')
    })

    it('a reader that walks away frees the session', async () => {
      using session = new Session(model, 128)
      for await (const piece of session.generate(prompt, options({ maxTokens: 50 }), turn())) {
        if (piece) break
      }
      const answer = await collect(session.generate(prompt, options({ maxTokens: 3 }), turn()))
      assert.deepEqual(answer.tokens, (await ask({ maxTokens: 3 })).tokens)
    })
  })

  it('two requests on one session run one after the other', async () => {
    using session = new Session(model, 128)
    const texts = ['let b', 'const a']
    const together = await Promise.all(
      texts.map((text) => collect(session.generate(encode(text), options({ maxTokens: 6 }), turn()))),
    )
    for (const [i, text] of texts.entries()) {
      using other = new Session(model, 128)
      const alone = await collect(other.generate(encode(text), options({ maxTokens: 6 }), turn()))
      assert.deepEqual(together[i]?.tokens, alone.tokens)
    }
  })

  it('typing is served while chat is being written, and changes nothing in it', async () => {
    const scheduler = new Scheduler()
    using chat = new Session(model, 256)
    using typing = new Session(model, 128)
    const long = options({ maxTokens: 120 })
    const alone = await collect(chat.generate(prompt, long, turn()))
    await chat.reset(live)

    let chatTokens = 0
    const answer = collect(chat.generate(prompt, long, scheduler.enter('chat', live)), () => chatTokens++)
    const ghost = await collect(
      typing.generate(encode('let b'), options({ maxTokens: 10 }), scheduler.enter('typing', live)),
    )
    assert.equal(ghost.tokens.length, 10)
    assert.ok(chatTokens < 30, `chat wrote ${chatTokens} pieces meanwhile`)
    assert.deepEqual((await answer).tokens, alone.tokens)
  })

  it('no piece ends inside a character', async () => {
    // Random bytes: this model writes valid and broken UTF-8 alike.
    const bytes = await load('llama-q8_0')
    const tokens: number[] = []
    let text = ''
    for (let seed = 1; seed <= 6; seed++) {
      using session = new Session(bytes, 256)
      const sampler = { ...greedy, temperature: 1.5, seed }
      const answer = await collect(
        session.generate([65, 200, 31 + seed], options({ maxTokens: 200, sampler }), turn()),
      )
      const whole = Buffer.concat(answer.tokens.map((token) => bytes.tokenizer.bytesOf(token)))
      assert.equal(answer.text, new TextDecoder('utf-8', { ignoreBOM: true }).decode(whole))
      for (const piece of answer.pieces) assert.doesNotMatch(piece, /[\ud800-\udfff]/u)
      tokens.push(...answer.tokens)
      text += answer.text
    }
    bytes[Symbol.dispose]()
    // Whole characters of several bytes did occur, each made of several tokens.
    assert.match(text, /[\u0080-\ufffc]/)
  })

  async function load(name: string): Promise<Model> {
    const checkpoint = await openCheckpoint(`test/fixtures/tiny/${name}.gguf`)
    const loaded = await loadModel({ checkpoint, backend, log: silentLog, progress: noProgress }, live)
    await checkpoint.close()
    return loaded
  }

  function encode(text: string): number[] {
    return model.tokenizer.encode([userText(text)])
  }

  /** Of an answer, from the logits of all of it at once. */
  async function logProbabilities(answer: readonly number[]): Promise<number[]> {
    using state = model.createState(256)
    const logits = await model.forward(state, [...prompt, ...answer], { outputs: 'all' }, live)
    return answer.map((token, i) => {
      const at = (prompt.length - 1 + i) * model.config.vocabulary
      const row = logits.subarray(at, at + model.tokenizer.size)
      return -Math.log(row.reduce((sum, logit) => sum + Math.exp(logit - row[token]!), 0))
    })
  }

  async function ask(wanted: Partial<GenerateOptions>, capacity = 256): Promise<Answer> {
    using session = new Session(model, capacity)
    return await collect(session.generate(prompt, options(wanted), turn()))
  }

  function checkReuse(what: string, prompts: readonly string[], expected: readonly number[]): void {
    it(what, async () => {
      using session = new Session(model, 128)
      const reused: number[] = []
      for (const text of prompts) {
        // One byte is one token: these letters have no merges between them.
        const tokens = [...Buffer.from(text)]
        const answer = await collect(session.generate(tokens, options({ maxTokens: 1 }), turn()))
        reused.push(answer.usage.reusedTokens)
      }
      assert.deepEqual(reused, expected)
    })
  }
}

function options(wanted: Partial<GenerateOptions>): GenerateOptions {
  return { maxTokens: 16, sampler: greedy, stop: [], ...wanted }
}

function turn(priority: Priority = 'chat', signal: AbortSignal = live): ReturnType<Scheduler['enter']> {
  return new Scheduler().enter(priority, signal)
}

async function collect(
  stream: AsyncGenerator<string, GenerateEnd>,
  onPiece: () => void = () => undefined,
): Promise<Answer> {
  const pieces: string[] = []
  for (;;) {
    const step = await stream.next()
    if (step.done) return { ...step.value, pieces, text: pieces.join('') }
    pieces.push(step.value)
    onPiece()
  }
}
