// What the completion bench shows at another boldness than the recorded one, and whether that was there.
import assert from 'node:assert/strict'
import { ghostAt } from '../../quality/boldness'
import { rightSoFar } from '../../quality/metrics'
import type { Written } from '../../quality/subject'

const before = 'let total = '
const original = `${before}sum(values)\n`
const place = {
  id: 'a',
  file: 'src/a.ts',
  language: 'typescript' as const,
  original,
  document: `${before}\n`,
  start: before.length,
  expected: 'sum(values)',
}

describe('ghosts of recorded tokens', () => {
  const pieces = ['sum', '(', 'val', 'ues', ')']
  const written = (likely: readonly number[]): Written => ({
    finishReason: 'stop',
    tokens: pieces.map(({ length }, at) => ({ length, logProbability: Math.log(likely[at] ?? 1) })),
  })
  const rows: [
    name: string,
    likely: readonly number[] | undefined,
    boldness: number,
    text: string | undefined,
  ][] = [
    ['all of it at 1', [0.1, 0.1, 0.1, 0.1, 0.1], 1, 'sum(values)'],
    ['nothing where it is unsure', [0.1, 0.1, 0.1, 0.1, 0.1], 0.5, undefined],
    ['the sure part', [1, 1, 1, 1, 0.01], 0.5, 'sum(values'],
    ['what was recorded where no probabilities were', undefined, 0.5, 'recorded'],
  ]
  for (const [name, likely, boldness, text] of rows) {
    it(name, async () => {
      const ghost = await ghostAt(boldness, place, {
        ghost: { text: 'recorded', start: place.start, end: place.start },
        raw: pieces.join(''),
        ...(likely && { written: written(likely) }),
      })
      assert.equal(ghost?.text, text)
    })
  }
})

describe('right so far', () => {
  const rows: [text: string, right: boolean][] = [
    ['sum(values)', true],
    ['sum(val', true],
    ['sum ', true],
    ['sum (', false],
    ['sum(values)  ', true],
    ['sum(values)\nlet', false],
    ['max(values)', false],
  ]
  for (const [text, right] of rows) {
    it(JSON.stringify(text), () =>
      assert.equal(rightSoFar(place, { text, start: place.start, end: place.start }), right),
    )
  }
})
