// What is made of measured figures: verdicts, the table and the plot.
import assert from 'node:assert/strict'
import { gates, verdictOf, type Result } from '../../bench/gates'
import { jobs } from '../../bench/jobs'
import { slugOf } from '../../bench/machine'
import { plotOf } from '../../bench/plot'
import { markdownOf } from '../../bench/report'

const machine = { cpu: 'AMD EPYC 9', cores: 2, memoryGB: 24, system: 'linux x64', node: '20.20.2' }

function result(better: 'more' | 'less', gate: number, aim: number, median: number): Result {
  return {
    job: 'job',
    figure: 'figure',
    where: 'lavapipe',
    what: 'this & that',
    unit: 'x',
    better,
    gate,
    aim,
    found: { median, min: median / 2, max: median * 2 },
    runs: 5,
    detail: '1 over 2',
    quick: false,
    date: '2026-01-02',
  }
}

describe('bench report', () => {
  const verdicts = [
    ['more', 5, 8, 4.9, 'missed'],
    ['more', 5, 8, 5, 'met'],
    ['more', 5, 8, 8, 'aim'],
    ['less', 1, 0.8, 1.01, 'missed'],
    ['less', 1, 0.8, 1, 'met'],
    ['less', 1, 0.8, 0.8, 'aim'],
    ['less', 0, 0, 0, 'aim'],
    ['less', 0, 0, 1, 'missed'],
  ] as const
  for (const [better, gate, aim, median, expected] of verdicts) {
    it(`${median}, where ${better} is better, of ${gate} and ${aim} is ${expected}`, () =>
      assert.equal(verdictOf(result(better, gate, aim, median)), expected))
  }

  it('the table has every figure with its bounds, spread and verdict', () => {
    const text = markdownOf(
      { machine, results: [result('more', 5, 8, 6), result('less', 1, 0.8, 2)] },
      'a.svg',
    )
    assert.match(text, /^# Measured on AMD EPYC 9, 2 cores, 24 GB\n/)
    assert.match(text, /!\[.*\]\(a\.svg\)/)
    assert.match(text, /\| ≥ 5x \| ≥ 8x \| 6x \[3-12\] 5 \| 1 over 2, 2026-01-02 \| met \|\n/)
    assert.match(text, /\| ≤ 1x \| ≤ 0\.8x \| 2x \[1-4\] 5 \| .* \| \*\*missed\*\* \|\n/)
  })

  it('the plot is one bar for each figure, longer where it is better', () => {
    const svg = plotOf([result('more', 5, 8, 2.5), result('less', 1, 0.8, 0.25)])
    const widths = [...svg.matchAll(/<rect x="[\d.]+" y="\d+" width="([\d.]+)"/g)].map(([, width]) =>
      Number(width),
    )
    assert.equal(widths.length, 2)
    assert.ok((widths[0] ?? 0) < (widths[1] ?? 0))
    assert.ok(svg.includes('this &#38; that') && !svg.includes('NaN'))
  })

  it('every figure has a job that measures it, and every job a figure', () => {
    assert.deepEqual(
      [...new Set(gates.map(({ job }) => job))].toSorted(),
      jobs.map(({ id }) => id).toSorted(),
    )
  })

  it('the name of a machine is part of a file name', () => {
    assert.equal(slugOf({ ...machine, cpu: 'Intel Core i7 @ 2.50GHz' }), 'intel-core-i7-2-50ghz-2-cores')
  })
})
