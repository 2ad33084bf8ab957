// Figures of the completion bench, on places small enough to count by hand.
import assert from 'node:assert/strict'
import { editSimilarity, firstLineRight, levenshtein, repeatsSuffix, rightSoFar } from '../../quality/metrics'

interface Place {
  name: string
  /** The published file; what is between ⟦ and ⟧ is the hole. */
  file: string
  ghost: string
  /** Characters after the cursor that the ghost replaces. */
  takesOver?: number
  right: boolean
  /** Rounded to two digits. */
  similarity: number
  repeats: boolean
}

const places: readonly Place[] = [
  {
    name: 'what was there',
    file: 'a = ⟦b + c⟧\nd',
    ghost: 'b + c',
    right: true,
    similarity: 1,
    repeats: false,
  },
  { name: 'blanks at the end', file: 'a = ⟦b⟧\nd', ghost: 'b  ', right: true, similarity: 1, repeats: false },
  { name: 'half of it', file: 'a = ⟦b + c⟧\nd', ghost: 'b', right: false, similarity: 0.2, repeats: false },
  {
    name: 'a first line, and others than there were',
    file: 'f() {\n  ⟦one()\n  two()⟧\n}',
    ghost: 'one()\n  six()',
    right: true,
    similarity: 0.77,
    repeats: false,
  },
  { name: 'within a line', file: 'f(⟦x⟧, y)', ghost: 'x', right: true, similarity: 1, repeats: false },
  {
    name: 'the rest of the line again',
    file: 'f(⟦x⟧, y)',
    ghost: 'x, y)',
    right: false,
    similarity: 0.2,
    repeats: true,
  },
  { name: 'a closer again', file: 'f(⟦x⟧)', ghost: 'x)', right: false, similarity: 0.5, repeats: true },
  {
    name: 'a closer that was meant',
    file: 'f(⟦g()⟧)',
    ghost: 'g()',
    right: true,
    similarity: 1,
    repeats: false,
  },
  {
    name: 'a closer taken over',
    file: 'f(⟦x⟧)\n',
    ghost: 'x).then()',
    takesOver: 1,
    right: false,
    similarity: 0.22,
    repeats: false,
  },
  {
    name: 'a closer taken over and written again',
    file: 'f(⟦x⟧)\n',
    ghost: 'x)',
    takesOver: 1,
    right: true,
    similarity: 1,
    repeats: false,
  },
  {
    name: 'the line below again',
    file: '⟦first()⟧\n\nsecond()\n',
    ghost: 'first()\nsecond()',
    right: true,
    similarity: 0.44,
    repeats: true,
  },
  {
    name: 'the line below, with the text before the cursor',
    file: 'let ⟦one⟧ \nlet two\n',
    ghost: 'two',
    right: false,
    similarity: 0,
    repeats: true,
  },
  {
    name: 'a line that stands below and was in the hole, too',
    file: '⟦tick()\ntock()⟧\ntick()\n',
    ghost: 'tick()\ntock()',
    right: true,
    similarity: 1,
    repeats: false,
  },
  {
    name: 'a bracket that stands below',
    file: 'if (a) {\n⟦  b()\n}⟧\n}\n',
    ghost: '  b()\n}',
    right: true,
    similarity: 1,
    repeats: false,
  },
  {
    name: 'the fourth line below',
    file: '⟦zero()⟧\none()\ntwo()\nthree()\nfour()\n',
    ghost: 'four()',
    right: false,
    similarity: 0.33,
    repeats: false,
  },
]

function check({ file, ghost, takesOver = 0, right, similarity, repeats }: Place): void {
  const start = file.indexOf('⟦')
  const [before = '', rest = ''] = file.split('⟦')
  const [expected = '', after = ''] = rest.split('⟧')
  const place = { original: before + expected + after, document: before + after, start, expected }
  const shown = { text: ghost, start, end: start + takesOver }
  assert.deepEqual(
    {
      right: firstLineRight(place, shown),
      similarity: Math.round(editSimilarity(place, shown) * 100) / 100,
      repeats: repeatsSuffix(place, shown),
    },
    { right, similarity, repeats },
  )
}

describe('figures of the completion bench', () => {
  for (const place of places) it(place.name, () => check(place))

  const distances: readonly [string, string, number][] = [
    ['', '', 0],
    ['', 'abc', 3],
    ['kitten', 'sitting', 3],
    ['flaw', 'lawn', 2],
  ]
  for (const [one, other, distance] of distances)
    it(`${distance} edits between "${one}" and "${other}"`, () => {
      assert.equal(levenshtein(one, other), distance)
      assert.equal(levenshtein(other, one), distance)
    })
})

describe('right so far', () => {
  const before = 'let total = '
  const place = {
    original: `${before}sum(values)\n`,
    document: `${before}\n`,
    start: before.length,
    expected: 'sum(values)',
  }
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
