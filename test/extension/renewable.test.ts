// Restarts that overlap with each other, with requests and with the end, on real processes: one lives, or none.
import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { sleep } from '../../engine/base/signal'
import { Renewable } from '../../extension/renewable'

describe('restarts that overlap', () => {
  let alive = new Set<ChildProcess>()
  afterEach(() => {
    for (const child of alive) child.kill('SIGKILL')
    alive = new Set()
  })

  function create(): { runs: Renewable<ChildProcess>; began: () => number } {
    let life: ChildProcess | undefined
    let count = 0
    const runs = new Renewable<ChildProcess>({
      async begin(_failure, signal) {
        count++
        await sleep(5, signal)
        const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' })
        life = child
        alive.add(child)
        child.once('exit', () => alive.delete(child))
        return child
      },
      async end() {
        const child = life
        life = undefined
        if (child === undefined) return
        // A process takes its time to leave, and much can be asked for meanwhile.
        await sleep(20)
        child.kill('SIGKILL')
        if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
      },
    })
    return { runs, began: () => count }
  }
  const nothing = (): void => undefined

  const rows: [
    name: string,
    act: (runs: Renewable<ChildProcess>) => Promise<unknown>,
    living: number,
    began: number,
  ][] = [
    ['one restart', (runs) => runs.renew(nothing), 1, 2],
    ['three at once are one', (runs) => Promise.all([1, 2, 3].map(() => runs.renew(nothing))), 1, 2],
    [
      'a request while the old one ends',
      (runs) => Promise.all([runs.renew(nothing), sleep(5).then(() => runs.current())]),
      1,
      2,
    ],
    [
      'a start while the old one ends',
      (runs) => Promise.all([runs.renew(nothing), sleep(5).then(() => runs.start())]),
      1,
      2,
    ],
    [
      'a second restart while the first one begins anew',
      async (runs) => {
        await runs.renew(nothing)
        await runs.renew(nothing)
      },
      1,
      3,
    ],
    ['the end in the middle of a restart', (runs) => Promise.all([runs.renew(nothing), runs.stop()]), 0, 1],
    ['a restart after the end', (runs) => runs.stop().then(() => runs.renew(nothing)), 0, 1],
  ]
  for (const [name, act, living, expected] of rows) {
    it(name, async () => {
      const { runs, began } = create()
      const first = await runs.current()
      await act(runs)
      const now = await runs.current()
      assert.equal(began(), expected)
      assert.deepEqual([...alive], now === undefined ? [] : [now])
      assert.equal(alive.size, living)
      assert.notEqual(now, first)
    })
  }

  it('what failed to begin is begun anew', async () => {
    let attempts = 0
    const runs = new Renewable<string>({
      begin: () => (++attempts === 1 ? Promise.reject(new Error('no luck')) : Promise.resolve('up')),
      end: () => Promise.resolve(),
    })
    await assert.rejects(runs.current(), /no luck/)
    await runs.renew(nothing)
    assert.equal(await runs.current(), 'up')
  })

  it('the pause between two lives is really between them', async () => {
    const { runs } = create()
    await runs.current()
    let living: number | undefined
    await runs.renew(() => (living = alive.size))
    // A renewal ends when the new life begins; a process that comes after the test would never be ended.
    await runs.current()
    assert.equal(living, 0)
  })
})
