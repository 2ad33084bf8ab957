// Who gets the device next: a script of jobs, and the order in which their steps ran.
import assert from 'node:assert/strict'
import { breathe } from '../../../engine/base/signal'
import type { Decoder } from '../../../engine/generate/joint-decoding'
import { Scheduler, type DecodeStep, type Priority } from '../../../engine/generate/scheduler'
import type { Continuation } from '../../../engine/model/model'
import type { State } from '../../../engine/model/state'

describe('scheduler', () => {
  // Jobs as "name priority steps"; all ask at once, the first gets the device. Each asks again as soon as its step is done.
  check('one job', ['a chat 3'], 'a1 a2 a3')
  check('equals take turns', ['a chat 3', 'b chat 3'], 'a1 b1 a2 b2 a3 b3')
  check('typing keeps the device until it is done', ['c chat 3', 't typing 3'], 'c1 t1 t2 t3 c2 c3')
  check('background waits for chat', ['b background 2', 'c chat 2'], 'b1 c1 c2 b2')
  check('all three', ['b background 2', 'c chat 2', 't typing 2'], 'b1 t1 t2 c1 c2 b2')

  it('a waiting typing step overtakes every waiting chat step', async () => {
    const scheduler = new Scheduler()
    const order: string[] = []
    const gate = deferred()
    const live = new AbortController().signal
    const running = scheduler.enter('chat', live).step(() => gate.promise)
    const jobs: [string, Priority][] = [
      ['b1', 'background'],
      ['c1', 'chat'],
      ['c2', 'chat'],
      ['t1', 'typing'],
      ['t2', 'typing'],
    ]
    const waiting = jobs.map(([name, priority]) =>
      scheduler.enter(priority, live).step(() => note(order, name)),
    )
    gate.resolve()
    await Promise.all([running, ...waiting])
    assert.deepEqual(order, ['t1', 't2', 'c1', 'c2', 'b1'])
  })

  it('steps never overlap', async () => {
    const scheduler = new Scheduler()
    let inside = 0
    let most = 0
    const work = async (): Promise<void> => {
      most = Math.max(most, ++inside)
      await breathe()
      inside--
    }
    const steps = Array.from({ length: 20 }, (_, i) =>
      scheduler.enter(i % 2 ? 'typing' : 'chat', new AbortController().signal).step(work),
    )
    await Promise.all(steps)
    assert.equal(most, 1)
  })

  it('a failing step passes its error on and the device to the next', async () => {
    const scheduler = new Scheduler()
    const live = new AbortController().signal
    const turn = scheduler.enter('chat', live)
    const failing = turn.step(() => Promise.reject(new Error('lost')))
    const next = turn.step(() => Promise.resolve('ran'))
    await assert.rejects(failing, /lost/)
    assert.equal(await next, 'ran')
  })

  it('cancelling a waiting step rejects at once and runs nothing', async () => {
    const scheduler = new Scheduler()
    const gate = deferred()
    const order: string[] = []
    const running = scheduler.enter('chat', new AbortController().signal).step(() => gate.promise)
    const stop = new AbortController()
    const waiting = scheduler.enter('chat', stop.signal).step(() => note(order, 'cancelled'))
    const behind = scheduler.enter('chat', new AbortController().signal).step(() => note(order, 'behind'))
    stop.abort()
    // The step in progress has not ended: the rejection must not wait for it.
    await assert.rejects(waiting, { name: 'AbortError' })
    gate.resolve()
    await Promise.all([running, behind])
    assert.deepEqual(order, ['behind'])
  })

  it('a cancelled turn starts no further step', async () => {
    const stop = new AbortController()
    const turn = new Scheduler().enter('typing', stop.signal)
    await turn.step(() => Promise.resolve())
    stop.abort()
    await assert.rejects(
      turn.step(() => Promise.reject(new Error('ran'))),
      { name: 'AbortError' },
    )
  })

  it('a cancelled step in progress runs to its end before the next one starts', async () => {
    const scheduler = new Scheduler()
    const gate = deferred()
    const order: string[] = []
    const stop = new AbortController()
    const running = scheduler.enter('chat', stop.signal).step(async () => {
      await gate.promise
      order.push('first')
    })
    const next = scheduler.enter('chat', new AbortController().signal).step(() => note(order, 'second'))
    stop.abort()
    await breathe()
    assert.deepEqual(order, [])
    gate.resolve()
    await Promise.all([running, next])
    assert.deepEqual(order, ['first', 'second'])
  })
})

describe('scheduler, tokens of one model', () => {
  // As above; every step wants a token, and a common one is written with a plus. It costs `together`, one of a single job 10, which
  // was tried before.
  checkDecoding('two jobs share their steps', ['a chat 4', 'b chat 4'], 15, 'a1+b1 b2+a2 a3+b3 b4+a4')
  checkDecoding('whoever ends leaves the other alone', ['a chat 5', 'b chat 2'], 15, 'a1+b1 b2+a2 a3 a4 a5')
  checkDecoding('typing takes chat along', ['c chat 4', 't typing 2'], 15, 'c1+t1 t2+c2 c3 c4')
  checkDecoding(
    'two at most, the most urgent',
    ['b background 2', 'c chat 2', 't typing 2'],
    15,
    'b1+t1 t2+c1 c2+b2',
  )
  checkDecoding(
    'steps of two that cost as much as two are not taken',
    ['c chat 3', 't typing 3'],
    20,
    'c1 t1 t2 t3 c2 c3',
  )

  it('what steps cost is tried in turns, and again after a while', async () => {
    const order: string[] = []
    const decoder = new FakeDecoder(order, 20)
    const scheduler = new Scheduler(() => decoder.time)
    await trial(scheduler, decoder, 300)
    const common = order.flatMap((step, i) => (step.includes('+') ? [i] : []))
    assert.deepEqual(common, [1, 2, 4, 6, 263, 265, 267, 269, 526, 528, 530, 532])
  })

  it('other steps do not join', async () => {
    const order: string[] = []
    const scheduler = new Scheduler()
    const decoder = new FakeDecoder(order, 10)
    const live = new AbortController().signal
    const plain = scheduler.enter('chat', live)
    const decoding = scheduler.enter('chat', live)
    for (let i = 1; i <= 3; i++)
      await Promise.all([plain.step(() => note(order, `p${i}`)), decoding.decode(decoder.step(`d${i}`))])
    assert.equal(order.join(' '), 'p1 d1 p2 d2 p3 d3')
  })

  it('jobs of different models go apart', async () => {
    const order: string[] = []
    const scheduler = new Scheduler()
    const [one, other] = [new FakeDecoder(order, 10), new FakeDecoder(order, 10)]
    const turn = scheduler.enter('chat', new AbortController().signal)
    for (let i = 1; i <= 3; i++)
      await Promise.all([turn.decode(one.step(`a${i}`)), turn.decode(other.step(`b${i}`))])
    assert.equal(order.join(' '), 'a1 b1 a2 b2 a3 b3')
  })

  it('cancelling one during a common step leaves the other alone', async () => {
    const order: string[] = []
    const decoder = new FakeDecoder(order, 10)
    const scheduler = new Scheduler(() => decoder.time)
    await trial(scheduler, decoder)
    const stop = new AbortController()
    const gone = scheduler.enter('typing', stop.signal)
    const stays = scheduler.enter('chat', new AbortController().signal)
    decoder.during = () => stop.abort()
    const both = await Promise.all([gone.decode(decoder.step('g1')), stays.decode(decoder.step('s1'))])
    assert.deepEqual(
      both.map(([token]) => token),
      decoder.logitsOf(['g1', 's1']),
    )
    await assert.rejects(gone.decode(decoder.step('g2')), { name: 'AbortError' })
    await stays.decode(decoder.step('s2'))
    assert.equal(order.slice(-2).join(' '), 'g1+s1 s2')
  })

  it('a failing common step fails for both and frees the device', async () => {
    const order: string[] = []
    const decoder = new FakeDecoder(order, 10)
    const scheduler = new Scheduler(() => decoder.time)
    await trial(scheduler, decoder)
    const turn = scheduler.enter('chat', new AbortController().signal)
    decoder.during = () => {
      throw new Error('lost')
    }
    const results = await Promise.allSettled(['a', 'b'].map((name) => turn.decode(decoder.step(name))))
    assert.deepEqual(
      results.map(({ status }) => status),
      ['rejected', 'rejected'],
    )
    assert.equal(order.at(-1), 'a+b')
    decoder.during = () => undefined
    await turn.decode(decoder.step('c'))
    assert.equal(order.at(-1), 'c')
  })

  it('a model that cannot is never asked to', async () => {
    const order: string[] = []
    const scheduler = new Scheduler()
    const decoder = new FakeDecoder(order, 10, false)
    const turn = scheduler.enter('chat', new AbortController().signal)
    for (let i = 1; i <= 3; i++)
      await Promise.all([turn.decode(decoder.step(`a${i}`)), turn.decode(decoder.step(`b${i}`))])
    assert.equal(order.join(' '), 'a1 b1 a2 b2 a3 b3')
  })
})

function checkDecoding(what: string, jobs: readonly string[], together: number, expected: string): void {
  it(what, async () => {
    const order: string[] = []
    const decoder = new FakeDecoder(order, together)
    const scheduler = new Scheduler(() => decoder.time)
    const live = new AbortController().signal
    await trial(scheduler, decoder)
    order.length = 0
    await Promise.all(
      jobs.map(async (job) => {
        const [name, priority, steps] = job.split(' ') as [string, Priority, string]
        const turn = scheduler.enter(priority, live)
        for (let i = 1; i <= Number(steps); i++) {
          const [token] = await turn.decode(decoder.step(`${name}${i}`))
          assert.deepEqual([token], decoder.logitsOf([`${name}${i}`]))
        }
      }),
    )
    assert.equal(order.join(' '), expected)
  })
}

/** Two jobs at once, until it is known what their steps cost. */
async function trial(scheduler: Scheduler, decoder: FakeDecoder, steps = 12): Promise<void> {
  const live = new AbortController().signal
  await Promise.all(
    ['x', 'y'].map(async (name) => {
      const turn = scheduler.enter('chat', live)
      for (let i = 1; i <= steps; i++) await turn.decode(decoder.step(`${name}${i}`))
    }),
  )
}

/** Its steps are named; a step's logits are its number. */
class FakeDecoder implements Decoder {
  time = 0
  during: () => void = () => undefined
  readonly #names: string[] = []

  constructor(
    private readonly order: string[],
    private readonly together: number,
    private readonly able = true,
  ) {}

  step(name: string): DecodeStep {
    this.#names.push(name)
    const sequence = { state: nothing, token: this.#names.indexOf(name) }
    return { decoder: this, sequence, alone: async () => (await this.#run([sequence.token], 10))[0]! }
  }

  logitsOf(names: readonly string[]): number[] {
    return names.map((name) => this.#names.indexOf(name))
  }

  runsTogether(): Promise<boolean> {
    return Promise.resolve(this.able)
  }

  forwardTogether(sequences: readonly Continuation[]): Promise<Float32Array[]> {
    assert.ok(this.able)
    return this.#run(
      sequences.map(({ token }) => token),
      this.together,
    )
  }

  async #run(tokens: readonly number[], cost: number): Promise<Float32Array[]> {
    await note(this.order, tokens.map((token) => this.#names[token]).join('+'))
    this.time += cost
    this.during()
    return tokens.map((token) => Float32Array.of(token))
  }
}

const nothing: State = {
  length: 0,
  capacity: 0,
  rewindsAnywhere: true,
  takesBack: true,
  rewind: () => 0,
  checkpoint: () => undefined,
  bytes: 0,
  [Symbol.dispose]: () => undefined,
}

function check(what: string, jobs: readonly string[], expected: string): void {
  it(what, async () => {
    const scheduler = new Scheduler()
    const order: string[] = []
    const live = new AbortController().signal
    await Promise.all(
      jobs.map(async (job) => {
        const [name, priority, steps] = job.split(' ') as [string, Priority, string]
        const turn = scheduler.enter(priority, live)
        for (let i = 1; i <= Number(steps); i++) await turn.step(() => note(order, `${name}${i}`))
      }),
    )
    assert.equal(order.join(' '), expected)
  })
}

async function note(order: string[], name: string): Promise<void> {
  order.push(name)
  await breathe()
}

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => undefined
  const promise = new Promise<void>((done) => (resolve = done))
  return { promise, resolve }
}
