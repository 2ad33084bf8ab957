// Whether a suggestion goes on with the word that was begun, and whether every row of the table begins one.
import assert from 'node:assert/strict'
import { goesOn } from '../../quality/healing'
import { healingCases } from '../../quality/healing-cases'

describe('suggestions inside a word', () => {
  const words = ['console']
  const rows: [text: string, ghost: string, goes: boolean][] = [
    ['if (x) cons┃', 'ole.log(x)', true],
    ['if (x) cons┃', 'ole', true],
    ['if (x) cons┃', 'oles', false],
    ['if (x) cons┃', '.ole', false],
    ['if (x) cons┃', 't y = 1', false],
    ['if (x) cons┃', '', false],
    ['if (x) console┃', '.log(x)', true],
    ['if (x) ┃', 'console', true],
  ]
  for (const [text, ghost, goes] of rows)
    it(`${text} ${JSON.stringify(ghost)}`, () => assert.equal(goesOn({ text, words }, ghost), goes))

  it('every row of the table stops inside each of its words', () => {
    const wrong = healingCases.filter(({ text, words: meant }) => {
      const typed = /(\w+)┃$/.exec(text)?.[1] ?? ''
      return typed === '' || meant.some((word) => !word.startsWith(typed) || word === typed)
    })
    assert.deepEqual(wrong, [])
  })
})
