// Properties of trimming: it only shortens, and never cuts where nothing overlaps. Trimming twice may trim more: `..` before `.`.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { readContext, type CursorContext } from '../../../engine/complete/context'
import { trimSuffixOverlap } from '../../../engine/complete/postprocess/trim-suffix-overlap'

function contextOf(before: string, after: string): CursorContext {
  const text = before + after
  return readContext(
    {
      uri: 'file:///a',
      path: '',
      languageId: 'typescript',
      text,
      offset: before.length,
      trigger: 'automatic',
    },
    { before: 4096, after: 1024 },
  )
}

const piece = fc.constantFrom(
  'a',
  'b',
  'foo',
  ' ',
  '  ',
  '(',
  ')',
  '{',
  '}',
  '"',
  ';',
  ',',
  '\n',
  '.',
  'else',
  ' = ',
)
const code = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''))
const words = fc.array(fc.constantFrom('alpha', 'beta', ' + ', 'gamma'), { minLength: 1, maxLength: 6 })

describe('trim-suffix-overlap', () => {
  it('the answer is a beginning of the text', () => {
    fc.assert(
      fc.property(code, code, code, (before, after, text) => {
        const trimmed = trimSuffixOverlap(text, contextOf(before, after))
        assert.ok(text.startsWith(trimmed), JSON.stringify(trimmed))
      }),
    )
  })

  it('a text that ends with what follows loses it', () => {
    fc.assert(
      fc.property(words, (parts) => {
        const text = parts.join('')
        const trimmed = trimSuffixOverlap(`${text}); // done`, contextOf('run(', '); // done\nnext()'))
        assert.equal(trimmed, text)
      }),
    )
  })

  it('a text that shares nothing with what follows is left alone', () => {
    fc.assert(
      fc.property(words, (parts) => {
        const text = parts.join('')
        assert.equal(trimSuffixOverlap(text, contextOf('x = ', '\n1234\n')), text)
      }),
    )
  })
})
