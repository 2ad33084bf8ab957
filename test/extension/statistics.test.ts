// What the statistics count, and how the page shows it.
import assert from 'node:assert/strict'
import {
  addDay,
  bucketOf,
  drawStatistics,
  emptyDay,
  follow,
  latencyAt,
  mostDays,
  parseStatistics,
  type Day,
  type Span,
  type Statistics,
} from '../../extension/statistics'

const day: Day = {
  shown: 20,
  accepted: 5,
  kept: 3,
  watched: 4,
  latency: { [bucketOf(100)]: 3, [bucketOf(1000)]: 1 },
  promptTokens: 1000,
  reusedTokens: 900,
}

describe('statistics', () => {
  const changes: [
    name: string,
    change: { start: number; removed: number; added: number },
    after: Span | undefined,
  ][] = [
    ['typing behind it', { start: 20, removed: 0, added: 1 }, { start: 10, end: 20 }],
    ['typing right before it', { start: 10, removed: 0, added: 2 }, { start: 12, end: 22 }],
    ['a line taken out above', { start: 0, removed: 5, added: 0 }, { start: 5, end: 15 }],
    ['typing in it', { start: 15, removed: 0, added: 1 }, undefined],
    ['taking back its end', { start: 19, removed: 1, added: 0 }, undefined],
    ['taking out more than it', { start: 5, removed: 30, added: 0 }, undefined],
  ]
  for (const [name, change, after] of changes)
    it(`follows accepted text: ${name}`, () =>
      assert.deepEqual(follow({ start: 10, end: 20 }, change), after))

  const times: [ms: number[], share: number, least: number, most: number][] = [
    [[100, 100, 100, 1000], 0.5, 95, 105],
    [[100, 100, 100, 1000], 0.95, 950, 1050],
    [[0.2], 0.5, 1, 1],
    [Array.from({ length: 100 }, (_, at) => at + 1), 0.5, 47, 53],
  ]
  for (const [ms, share, least, most] of times)
    it(`${share} of ${ms.length} times from ${ms[0]} ms`, () => {
      const latency: Day['latency'] = {}
      for (const one of ms) latency[bucketOf(one)] = (latency[bucketOf(one)] ?? 0) + 1
      const found = latencyAt(latency, share) ?? -1
      assert.ok(found >= least && found <= most, String(found))
    })

  it('adds to a day', () => {
    const twice = addDay(addDay({}, '2030-01-02', day), '2030-01-02', day)['2030-01-02']
    assert.deepEqual(twice, {
      shown: 40,
      accepted: 10,
      kept: 6,
      watched: 8,
      latency: { [bucketOf(100)]: 6, [bucketOf(1000)]: 2 },
      promptTokens: 2000,
      reusedTokens: 1800,
    })
  })

  it('forgets the oldest days', () => {
    let statistics: Statistics = {}
    const dates = Array.from({ length: mostDays + 2 }, (_, at) =>
      new Date(Date.UTC(2030, 0, 1 + at)).toISOString().slice(0, 10),
    )
    for (const date of dates.toReversed()) statistics = addDay(statistics, date, emptyDay())
    assert.deepEqual(Object.keys(statistics), dates.slice(-mostDays))
  })

  const storedRows: [name: string, raw: unknown, kept: Statistics][] = [
    ['what was stored', { '2030-01-02': day }, { '2030-01-02': day }],
    ['nothing', undefined, {}],
    ['a text among the numbers', { '2030-01-02': { ...day, shown: 'const a' } }, {}],
    ['something that is no date', { '__proto__ x': day }, {}],
  ]
  for (const [name, raw, kept] of storedRows)
    it(`reads ${name}`, () => assert.deepEqual(parseStatistics(raw), kept))

  it('shows the newest day first, in columns', () => {
    const page = drawStatistics({ '2030-01-02': day, '2030-01-03': emptyDay() })
    assert.deepEqual(
      page.split('\n').filter((line) => line.startsWith('|')),
      [
        '| Day        | Shown | Accepted | Kept |   p50 |     p95 | Reused |',
        '|------------|------:|---------:|-----:|------:|--------:|-------:|',
        '| 2030-01-03 |     0 |        0 |    – |     – |       – |      – |',
        '| 2030-01-02 |    20 |  5 (25%) |  75% | 99 ms | 1024 ms |    90% |',
      ],
    )
  })

  it('says what to do when nothing was counted', () => {
    assert.match(drawStatistics({}), /Take a suggestion with Tab/)
  })
})
