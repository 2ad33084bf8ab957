// What is guessed after a text: one letter is one token here.
import assert from 'node:assert/strict'
import { PromptLookup, type GuessKind } from '../../../engine/generate/prompt-lookup'

interface Row {
  what: string
  text: string
  /** The first guess and what it reads on as; undefined when nothing comes to mind. */
  expected: readonly [GuessKind, string] | undefined
}

const rows: readonly Row[] = [
  { what: 'nothing after nothing', text: '', expected: undefined },
  { what: 'nothing after what is new', text: 'abcdef', expected: undefined },
  { what: 'what followed a letter', text: 'abcdea', expected: ['one', 'bcde'] },
  { what: 'what followed two letters', text: 'abcabxcab', expected: ['copy', 'xcab'] },
  { what: 'two rather than one, which came later', text: 'xbq-abr.xb', expected: ['two', 'q-ab'] },
  { what: 'what followed three letters, and then goes on', text: 'abcdefg abc', expected: ['copy', 'defg'] },
  {
    what: 'the copy, not a later place of the same letters',
    text: 'abcd.abce.ab',
    expected: ['copy', 'ce.a'],
  },
  { what: 'a copy goes on after a changed letter', text: '12345678 123x', expected: ['resumed', '5678'] },
  { what: 'and after two for one', text: '12345678 123xy', expected: ['resumed', '5678'] },
  { what: 'and is followed again from there', text: '12345678 123xy56', expected: ['copy', '78 1'] },
  { what: 'and after one for two', text: '12345678 123x6', expected: ['copy', '78 1'] },
  { what: 'and after more letters', text: '12345678 123xy4', expected: ['copy', '5678'] },
  { what: 'but not after too many', text: '12345678 123ABCDEFGHIJ', expected: undefined },
  { what: 'a repetition repeats itself', text: 'ababab', expected: ['copy', 'abab'] },
]

describe('prompt lookup', () => {
  for (const { what, text, expected } of rows) {
    it(what, () => {
      const lookup = new PromptLookup([...Buffer.from(text)])
      const [guess] = lookup.guesses()
      const found = guess && [guess.kind, Buffer.from(lookup.draft(guess, 4)).toString()]
      assert.deepEqual(found, expected)
    })
  }

  it('letters that come one by one are the same text', () => {
    const text = [...Buffer.from('function a(b) { return b } function c(b) { re')]
    const grown = new PromptLookup([])
    for (const letter of text) grown.push(letter)
    assert.deepEqual(grown.guesses(), new PromptLookup(text).guesses())
    assert.ok(grown.guesses().length > 0)
  })
})
