// A cursor inside a token: how much is taken back, and which tokens may stand there instead.
import assert from 'node:assert/strict'
import { logProbability } from '../../../engine/backend/log-probability'
import { createSampler, greedy } from '../../../engine/generate/sampler'
import { endToHeal, HealingSampler } from '../../../engine/generate/token-healing'
import { tokenizerFromMetadata } from '../../../engine/tokenizer/from-gguf'
import { TokenPrefixes } from '../../../engine/tokenizer/token-prefixes'
import { bpeMetadata } from '../tokenizer/tiny-vocabulary'

// Ġ is how byte-level vocabularies spell a space, Ċ a line break.
const words = [
  'cons',
  'const',
  'console',
  'Ġn',
  'Ġnumber',
  'Ġreturn',
  'ĠĠ',
  'word',
  'Count',
  '("',
  '});',
  '._',
  'Ċ',
]
const { tokenizer } = tokenizerFromMetadata(
  bpeMetadata({
    tokens: [...words, ['<end>', 'control'], '(/end)'],
    more: { 'tokenizer.ggml.eos_token_id': 256 + 14 },
  }),
)
const prefixes = new TokenPrefixes(tokenizer)

describe('token healing', () => {
  const ends: [name: string, text: string, end: string][] = [
    ['a word that tokens go on with', 'a\ncons', 'cons'],
    ['a word that a longer token begins with', 'a\nconso', 'conso'],
    ['a word and the space before it', 'let nu', ' nu'],
    ['the end of a word of which no token begins with all', 'a\nwordCo', 'Co'],
    ['a space', 'a = ', ' '],
    ['the last space', 'a\n    ', ' '],
    ['an opened bracket', 'push(', '('],
    ['signs', 'a\n}', '}'],
    ['a sign and the word after it', 'a.b', 'b'],
    ['no line break', 'a\n', ''],
    ['no tab', 'a\n\t', ''],
    ['nothing that is the whole text', 'cons', ''],
    ['a character of several tokens', 'a\né', ''],
    ['no long run', `a\n${'c'.repeat(40)}`, ''],
  ]
  for (const [name, text, end] of ends) {
    it(`takes back ${name}`, () => assert.equal(endToHeal(text, prefixes), end))
  }

  // The model would like every one of `liked`, the first most.
  const choices: [name: string, text: string, liked: string[], tokens: string[]][] = [
    ['a token that begins with the text', 'cons', ['Ġn', 'const', 'cons'], ['const', 'Ġn']],
    ['the text itself', 'cons', ['Ġn', 'cons', 'const'], ['cons', 'Ġn']],
    ['all that is left, and nothing else', 'conso', ['const', 'cons', 'console'], ['cons', 'o', 'const']],
    [
      'one token rather than parts, where it is likelier',
      'conso',
      ['console', 'cons'],
      ['console', 'console'],
    ],
    ['no shorter part than the longest', ' nu', ['Ġ', 'Ġnumber', 'Ġn'], ['Ġnumber', 'Ġ']],
    ['a token that the text ends in', '(', ['Ġn', '("', '('], ['("', 'Ġn']],
    ['nothing when there is nothing to spell', '', ['Ġn'], ['Ġn']],
    ['no token that ends the answer', '(', ['(/end)', '("'], ['("', '(/end)']],
  ]
  for (const [name, text, liked, expected] of choices) {
    it(`spells ${name}`, () => {
      const logits = new Float32Array(tokenizer.size)
      for (const [rank, token] of liked.entries()) logits[idOf(token)] = liked.length - rank
      const then = createSampler(greedy, tokenizer.size)
      const sampler = new HealingSampler(text, prefixes, then)
      const tokens = expected.map((_, at) => {
        const spelling = Buffer.concat(expected.slice(0, at).map((token) => tokenizer.bytesOf(idOf(token))))
        assert.equal(sampler.choice === undefined, spelling.length < Buffer.byteLength(text))
        return tokenizer.pieceOf(sampler.next(logits, []))
      })
      assert.deepEqual(tokens, expected)
    })
  }
})

describe('how likely a spelled token was', () => {
  // Tokens with logits 0 but for these; all others count only once the text is spelled.
  const rows: [name: string, text: string, logits: Record<string, number>, expected: number][] = [
    // Of `c`, `cons`, `const` and `console`: e^3 / (e^3 + e^1 + 2).
    ['among those that spell the text', 'cons', { const: 3, cons: 1, Ġn: 50 }, -0.210998],
    ['among all of them otherwise', '', { const: 50, Ġn: 0 }, 0],
  ]
  for (const [name, text, liked, expected] of rows) {
    it(name, () => {
      const logits = new Float32Array(tokenizer.size)
      for (const [token, logit] of Object.entries(liked)) logits[idOf(token)] = logit
      const sampler = new HealingSampler(text, prefixes, createSampler(greedy, tokenizer.size))
      const got = logProbability(logits, sampler.next(logits, []), sampler.among ?? tokenizer.size)
      assert.ok(Math.abs(got - expected) < 1e-5, `${got}`)
    })
  }
})

function idOf(spelling: string): number {
  const id = tokenizer.idOf(spelling)
  assert.ok(id !== undefined, spelling)
  return id
}
