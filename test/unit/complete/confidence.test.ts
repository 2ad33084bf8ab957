// What probabilities leave of a suggestion: each row is a text in tokens with how likely they were, in percent, and what is shown.
import assert from 'node:assert/strict'
import { findDoubt } from '../../../engine/complete/postprocess/confidence'
import type { AnswerToken } from '../../../engine/protocol/chat'

/** A token and its probability in percent; undefined where it is not known. */
type Row = readonly [text: string, percent: number | undefined]

interface Case {
  name: string
  tokens: readonly Row[]
  boldness: number
  shown: string
  reason?: string
  /** The model is still writing. */
  goesOn?: true
}

const sure: Row[] = [
  ['const', 90],
  [' a', 90],
  [' =', 90],
  [' b', 90],
]

const cases: readonly Case[] = [
  { name: 'a sure text stays', tokens: sure, boldness: 0.5, shown: 'const a = b' },
  { name: 'nothing is nothing', tokens: [], boldness: 0.5, shown: '' },
  {
    name: 'an unsure start drops it',
    tokens: [
      ['const', 30],
      [' a', 30],
      [' =', 30],
      [' b', 90],
    ],
    boldness: 0.5,
    shown: '',
    reason: 'too unsure: 39 % likely where boldness 0.5 asks for 45 %',
  },
  {
    name: 'a bolder one shows it',
    tokens: [
      ['const', 30],
      [' a', 30],
      [' =', 30],
      [' b', 90],
    ],
    boldness: 0.75,
    shown: 'const a = b',
  },
  { name: 'boldness 1 shows anything', tokens: [['x', 0.0001]], boldness: 1, shown: 'x' },
  {
    name: 'a short one is judged at its end',
    tokens: [['x', 40]],
    boldness: 0.5,
    shown: '',
    reason: 'too unsure: 40 % likely where boldness 0.5 asks for 45 %',
  },
  { name: 'and not before', tokens: [['x', 40]], boldness: 0.5, shown: 'x', goesOn: true },
  {
    name: 'a start that nothing can save is dropped at once',
    tokens: [['x', 3]],
    boldness: 0.5,
    shown: '',
    reason: 'too unsure: 42 % likely where boldness 0.5 asks for 45 %',
    goesOn: true,
  },
  {
    name: 'a start that the rest may save waits for it',
    tokens: [
      ['x', 90],
      ['.y', 4.7],
    ],
    boldness: 0.5,
    shown: 'x.y',
    goesOn: true,
  },
  {
    name: 'a shy one drops what others show',
    tokens: [['x', 80]],
    boldness: 0,
    shown: '',
    reason: 'too unsure: 80 % likely where boldness 0 asks for 90 %',
  },
  {
    name: 'it ends before the token that makes it unlikely',
    tokens: [...sure, ['.c', 1], ['()', 90]],
    boldness: 0.5,
    shown: 'const a = b',
    reason: 'shortened where it became unsure: 0.66 % likely where boldness 0.5 asks for 5 %',
  },
  {
    name: 'many rather sure tokens are unlikely together',
    tokens: [...sure, ['.c', 60], ['.d', 60], ['.e', 60], ['.f', 60], ['.g', 60], ['.h', 60]],
    boldness: 0.5,
    shown: 'const a = b.c.d.e.f.g',
    reason: 'shortened where it became unsure: 3.1 % likely where boldness 0.5 asks for 5 %',
  },
  {
    name: 'and before a bracket that stays open',
    tokens: [...sure, ['.f', 90], ['(x', 90], [', [', 90], ['unsure', 1]],
    boldness: 0.5,
    shown: 'const a = b.f',
    reason: 'shortened where it became unsure: 0.48 % likely where boldness 0.5 asks for 5 %',
  },
  {
    name: 'not within a word',
    tokens: [...sure, ['.len', 90], ['gth', 1]],
    boldness: 0.5,
    shown: 'const a = b',
    reason: 'shortened where it became unsure: 0.59 % likely where boldness 0.5 asks for 5 %',
  },
  {
    name: 'a word that is done stays, the blank after it goes',
    tokens: [...sure, [' ', 90], ['+', 1]],
    boldness: 0.5,
    shown: 'const a = b',
    reason: 'shortened where it became unsure: 0.59 % likely where boldness 0.5 asks for 5 %',
  },
  {
    name: 'of several lines whole ones stay',
    tokens: [...sure, ['\n', 90], ['let', 90], [' c', 1]],
    boldness: 0.5,
    shown: 'const a = b',
    reason: 'shortened where it became unsure: 0.53 % likely where boldness 0.5 asks for 5 %',
  },
  {
    name: 'a first word in doubt drops it',
    tokens: [
      ['con', 90],
      ['fig', 4.7],
      ['ure', 100],
      ['()', 100],
    ],
    boldness: 0.5,
    shown: '',
    reason: 'too unsure: 4.2 % likely where boldness 0.5 asks for 5 %',
  },
  {
    name: 'a token that only spells what was typed counts with the next one',
    tokens: [
      ['', 40],
      ['x', 100],
    ],
    boldness: 0.5,
    shown: '',
    reason: 'too unsure: 40 % likely where boldness 0.5 asks for 45 %',
  },
  {
    name: 'one unknown probability keeps all',
    tokens: [
      ['x', 1],
      ['y', undefined],
      ['z', 1],
      ['!', 1],
    ],
    boldness: 0.5,
    shown: 'xyz!',
  },
]

describe('confidence', () => {
  for (const { name, tokens, boldness, shown, reason, goesOn } of cases) {
    it(name, () => {
      const text = tokens.map(([piece]) => piece).join('')
      const known = tokens.map(([piece, percent]): AnswerToken => ({
        length: piece.length,
        logProbability: percent === undefined ? undefined : Math.log(percent / 100),
      }))
      const doubt = findDoubt(text, known, boldness, goesOn !== true)
      assert.equal(doubt?.reason, reason)
      assert.equal(text.slice(0, doubt?.keep), shown)
    })
  }
})
