// Rounds run subjects in turns, leave out the first, and compare pair by pair.
import assert from 'node:assert/strict'
import { measureRounds, ratiosOf, spreadOf } from '../../../engine/cli/bench-rounds'
import type { Subject } from '../../../engine/cli/bench-subject'

const { signal } = new AbortController()

/** A subject whose n-th counted run takes these milliseconds to read and to write. */
function subject(name: string, order: string[], times: readonly (readonly [number, number])[]): Subject {
  // A first token and an uncounted round come before.
  let run = -2
  return {
    facts: { name, backend: 'cpu', device: 'none', loadMs: 1 },
    run: (prompt, gen) => {
      order.push(`${name}${prompt.length}`)
      const [prefillMs, decodeMs] = times[run++] ?? [1e6, 1e6]
      return Promise.resolve({ prefillMs, decodeMs, decoded: gen })
    },
    peakRssBytes: () => (name === 'a' ? 5e6 : 10e6),
    close: () => Promise.resolve(),
  }
}

describe('rounds of a benchmark', () => {
  it('takes turns, and compares pair by pair', async () => {
    const order: string[] = []
    // The slow last pair is the machine's fault: both are slow in it.
    const a = subject('a', order, [[10, 20], [10, 20], [40, 40]]) // prettier-ignore
    const b = subject('b', order, [[20, 60], [20, 60], [80, 120]]) // prettier-ignore
    const options = { prompts: [8], gen: 4, rounds: 3, vocabulary: 100 }
    const rounds = await measureRounds([a, b], options, () => undefined, signal)
    assert.deepEqual(order, ['a16', 'b16', 'a8', 'b8', 'a8', 'b8', 'a8', 'b8', 'a8', 'b8'])
    const [speed] = rounds.measured[0]?.speeds ?? []
    assert.deepEqual(speed, {
      tokens: 8,
      prefill: { median: 800, min: 200, max: 800 },
      decode: { median: 200, min: 100, max: 200 },
    })
    assert.deepEqual(ratiosOf(rounds, options.prompts), {
      decode: { median: 3, min: 3, max: 3 },
      prefill: { median: 2, min: 2, max: 2 },
      peakRss: 0.5,
      speeds: [{ tokens: 8, prefill: { median: 2, min: 2, max: 2 }, decode: { median: 3, min: 3, max: 3 } }],
    })
  })

  const spreads: readonly [readonly number[], number, number, number][] = [
    [[3], 3, 3, 3],
    [[4, 1, 2], 2, 1, 4],
    [[4, 1, 2, 3], 2.5, 1, 4],
    [[12345.678], 12350, 12350, 12350],
    [[], 0, 0, 0],
  ]
  for (const [values, median, min, max] of spreads) {
    it(`the spread of [${values.join(', ')}]`, () => assert.deepEqual(spreadOf(values), { median, min, max }))
  }
})
