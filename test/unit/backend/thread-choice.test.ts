// The number of threads that is chosen on machines of which we know how fast each number is, and which change.
import assert from 'node:assert/strict'
import { ThreadChoice } from '../../../engine/backend/cpu-simd/thread-choice'

/** Products per millisecond by number of threads. */
type Machine = Readonly<Record<number, number>>

interface Row {
  readonly name: string
  /** What the machine is like at first, and after two seconds of work. */
  readonly first: Machine
  readonly then: Machine
  /** Chosen at the end of both. */
  readonly chosen: readonly [number, number]
}

const rows: readonly Row[] = [
  {
    name: 'two threads are faster',
    first: { 1: 1000, 2: 1700 },
    then: { 1: 1000, 2: 1700 },
    chosen: [2, 2],
  },
  {
    name: 'two threads gain too little',
    first: { 1: 1000, 2: 1050 },
    then: { 1: 1000, 2: 1050 },
    chosen: [1, 1],
  },
  {
    name: 'the other processor gets busy',
    first: { 1: 1000, 2: 1700 },
    then: { 1: 900, 2: 300 },
    chosen: [2, 1],
  },
  {
    name: 'the other processor gets free',
    first: { 1: 1000, 2: 300 },
    then: { 1: 1000, 2: 1700 },
    chosen: [1, 2],
  },
  {
    name: 'of many, the middle is fastest',
    first: { 1: 10, 2: 18, 4: 30, 8: 25 },
    then: { 1: 10, 2: 18, 4: 12, 8: 9 },
    chosen: [4, 2],
  },
]

describe('choice of threads', () => {
  for (const { name, first, then, chosen } of rows) {
    it(name, () => {
      const choice = new ThreadChoice(Object.keys(first).map(Number))
      const found = [work(choice, first, 2000), work(choice, then, 10_000)]
      assert.deepEqual(found, chosen)
    })
  }

  it('trials take a small part of long work', () => {
    const choice = new ThreadChoice([1, 2])
    work(choice, { 1: 1000, 2: 1700 }, 2000)
    const counts = { 1: 0, 2: 0 }
    work(choice, { 1: 1000, 2: 1700 }, 60_000, (threads, time) => (counts[threads as 1 | 2] += time))
    assert.ok(
      counts[1] > 0 && counts[1] < 0.02 * counts[2],
      `${counts[1]} of ${counts[2]} ms with one thread`,
    )
  })
})

// Jobs of 500 products for so many milliseconds; returns what most of the last hundred jobs were run with.
function work(
  choice: ThreadChoice,
  machine: Machine,
  milliseconds: number,
  seen: (threads: number, time: number) => void = () => undefined,
): number {
  const last: number[] = []
  for (let worked = 0; worked < milliseconds;) {
    const { threads } = choice
    const time = 500 / machine[threads]!
    choice.record(500, time)
    seen(threads, time)
    worked += time
    last.push(threads)
  }
  return last.slice(-101).toSorted((a, b) => a - b)[50]!
}
