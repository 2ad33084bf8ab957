// Properties that hold for any text: tokens turn back into it, pieces do not change it, streams never cut a character.
import assert from 'node:assert/strict'
import path from 'node:path'
import fc from 'fast-check'
import { Utf8Stream } from '../../../engine/base/utf8-stream'
import { openCheckpoint } from '../../../engine/format/open-checkpoint'
import { tokenizerFromMetadata } from '../../../engine/tokenizer/from-gguf'
import { mergeNeighbors } from '../../../engine/tokenizer/merge'
import { userText, type Tokenizer } from '../../../engine/tokenizer/tokenizer'

/** Any Unicode text; U+2581 is SentencePiece's own sign for a space and cannot come back. */
const text = fc
  .oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: 'grapheme' }),
    fc.stringMatching(/^[a-c \n\t0-9'<|>]{0,40}$/),
  )
  .map((value) => value.replaceAll('\u2581', '_'))

describe('any text', () => {
  for (const [name, inFront] of [
    ['gpt-2', ''],
    ['llama-bpe', ''],
    ['qwen2', ''],
    ['smollm', ''],
    ['spm-no-prefix', ''],
    ['spm', ' '],
  ] as const) {
    describe(name, () => {
      let tokenizer: Tokenizer
      before(async () => {
        const checkpoint = await openCheckpoint(path.join('test', 'fixtures', 'tokenizer', `${name}.gguf`))
        tokenizer = tokenizerFromMetadata(checkpoint.metadata).tokenizer
        await checkpoint.close()
      })

      it('comes back from its tokens', () => {
        fc.assert(
          fc.property(text, (value) => {
            const bytes = tokenizer.encode([userText(value)]).map((token) => tokenizer.bytesOf(token))
            const expected = value === '' ? value : inFront + value
            assert.equal(Buffer.concat(bytes).toString(), expected)
          }),
          { numRuns: 200 },
        )
      })

      it('may come in several pieces', () => {
        fc.assert(
          fc.property(fc.array(text, { maxLength: 4 }), (values) => {
            assert.deepEqual(
              tokenizer.encode(values.map(userText)),
              tokenizer.encode([userText(values.join(''))]),
            )
          }),
          { numRuns: 100 },
        )
      })

      it('streams in whole characters', () => {
        fc.assert(
          fc.property(text, (value) => {
            const stream = new Utf8Stream()
            const parts = tokenizer
              .encode([userText(value)])
              .map((token) => stream.push(tokenizer.bytesOf(token)))
            assert.ok(value.includes('\ufffd') || parts.every((part) => !part.includes('\ufffd')))
            assert.ok(parts.every((part) => Buffer.from(part).toString() === part))
            assert.equal(stream.flush(), '')
          }),
          { numRuns: 100 },
        )
      })
    })
  }
})

describe('merging neighbors', () => {
  it('equals looking for the best pair again and again', () => {
    const rules = fc.dictionary(fc.stringMatching(/^[ab]{2,4}$/), fc.nat(5))
    fc.assert(
      fc.property(fc.stringMatching(/^[ab]{0,24}$/), rules, (letters, ranks) => {
        const rank = (symbol: string): number => (Object.hasOwn(ranks, symbol) ? (ranks[symbol] ?? -1) : -1)
        const symbols = [...letters]
        const left = mergeNeighbors(symbols.length, {
          rank: (a, b) => rank(`${symbols[a]}${symbols[b]}`),
          join: (a, b) => {
            symbols[a] = `${symbols[a]}${symbols[b]}`
          },
        }).map((symbol) => symbols[symbol])
        assert.deepEqual(left, mergeSlowly([...letters], rank))
      }),
      { numRuns: 500 },
    )
  })
})

function mergeSlowly(symbols: string[], rank: (symbol: string) => number): string[] {
  for (;;) {
    const pairs = symbols.slice(1).map((right, i) => ({ i, rank: rank(`${symbols[i]}${right}`) }))
    const best = pairs.filter((pair) => pair.rank >= 0).sort((a, b) => a.rank - b.rank || a.i - b.i)[0]
    if (best === undefined) return symbols
    symbols.splice(best.i, 2, `${symbols[best.i]}${symbols[best.i + 1]}`)
  }
}
