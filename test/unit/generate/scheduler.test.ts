// Who gets the device next: a script of jobs, and the order in which their steps ran.
import assert from 'node:assert/strict'
import { breathe } from '../../../engine/base/signal'
import { Scheduler, type Priority } from '../../../engine/generate/scheduler'

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
