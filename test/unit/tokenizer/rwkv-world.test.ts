// The World tokenizer gives the tokens of the original, from its own vocabulary file and from a GGUF's metadata.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import type { MetadataValue } from '../../../engine/format/checkpoint'
import { readWorldVocabulary } from '../../../engine/format/rwkv-vocabulary'
import { EngineError } from '../../../engine/protocol/errors'
import { chatTemplate } from '../../../engine/tokenizer/chat-template'
import { tokenizerFromMetadata } from '../../../engine/tokenizer/from-gguf'
import { unescapeToken } from '../../../engine/tokenizer/rwkv-world'
import { userText, type Tokenizer } from '../../../engine/tokenizer/tokenizer'

const folder = path.join('test', 'fixtures', 'rwkv-world')
const file = readFileSync(path.join(folder, 'vocabulary.txt'), 'utf8')
const expected = JSON.parse(readFileSync(path.join(folder, 'expected.json'), 'utf8')) as {
  spellings: Record<string, string>
  texts: { text: string; tokens: number[] }[]
}

/** Metadata as a converter writes it: spellings by Python's repr. */
function ggufMetadata(): Map<string, MetadataValue> {
  const size = Math.max(...Object.keys(expected.spellings).map(Number)) + 1
  const tokens = Array.from({ length: size }, (_, id) =>
    id === 0 ? '<s>' : (expected.spellings[id] ?? `[PAD${id}]`),
  )
  const types = Int32Array.from(tokens, (_, id) => (id === 0 ? 3 : id in expected.spellings ? 1 : 5))
  return new Map<string, MetadataValue>([
    ['tokenizer.ggml.model', 'rwkv'],
    ['tokenizer.ggml.tokens', tokens],
    ['tokenizer.ggml.token_type', types],
    ['tokenizer.ggml.bos_token_id', 0],
    ['tokenizer.ggml.eos_token_id', 0],
    ['tokenizer.ggml.eot_token_id', 261],
  ])
}

function open(metadata: Map<string, MetadataValue>): Tokenizer {
  const { tokenizer, warnings } = tokenizerFromMetadata(metadata)
  assert.deepEqual(warnings, [])
  return tokenizer
}

describe('RWKV World tokenizer', () => {
  const sources = { 'vocabulary file': () => readWorldVocabulary(file, 'vocabulary.txt'), GGUF: ggufMetadata }
  for (const [name, metadata] of Object.entries(sources)) {
    describe(`from ${name}`, () => {
      const tokenizer = open(metadata())

      it('gives the tokens of the original', () => {
        assert.ok(expected.texts.length > 50)
        for (const { text, tokens } of expected.texts) {
          assert.deepEqual(tokenizer.encode([userText(text)]), tokens, JSON.stringify(text))
        }
      })

      it('gives the tokens that two projects publish for one text', () => {
        const text = "I'll 'd test блабла 以下は、]) -> <|endoftext|><|padding|> int"
        const tokens =
          '74 5229 274 101 32223 5092 27980 2795 27980 33 10399 10258 10139 10079 1682 3463 295 125 25258 7588 2318 125 790 125 49520 125 63 21888'
        assert.deepEqual(tokenizer.encode([userText(text)]).join(' '), tokens)
      })

      it('every text comes back', () => {
        fc.assert(
          fc.property(fc.string({ unit: 'grapheme', maxLength: 60 }), (text) => {
            const bytes = tokenizer
              .encode([userText(text)])
              .map((token) => Buffer.from(tokenizer.bytesOf(token)))
            assert.equal(Buffer.concat(bytes).toString('utf8'), text)
          }),
        )
      })

      it('starts with nothing and ends with number 0', () => {
        assert.equal(tokenizer.addBos, false)
        assert.deepEqual([...tokenizer.eog], [0])
        assert.deepEqual(tokenizer.bytesOf(0), new Uint8Array(0))
        assert.deepEqual(tokenizer.encode([userText('<s>')]).includes(0), false)
      })
    })
  }

  it('the file is spelled as converters spell it', () => {
    const tokens = readWorldVocabulary(file, 'vocabulary.txt').get(
      'tokenizer.ggml.tokens',
    ) as readonly string[]
    for (const [id, spelling] of Object.entries(expected.spellings))
      assert.equal(tokens[Number(id)], spelling)
  })

  it('a token is found over a gap where no shorter one ends', () => {
    const tokenizer = open(readWorldVocabulary(`${bytesOnly}257 'abcdef' 6\n258 'abcdx' 5\n`, 'test'))
    const rows: [string, number[]][] = [
      ['abcdef', [257]],
      ['abcdeabcdef', [98, 99, 100, 101, 102, 257]],
      ['abcdxabcde', [258, 98, 99, 100, 101, 102]],
      ['', []],
    ]
    for (const [text, tokens] of rows) assert.deepEqual(tokenizer.encode([userText(text)]), tokens, text)
  })

  it('unescapes', () => {
    const rows: [string, string][] = [
      ['plain', 'plain'],
      ['\\n\\t\\r\\\\', '\n\t\r\\'],
      ['\\\'"', '\'"'],
      ['\\xc3\\xa9', 'é'],
      ['é', 'é'],
      ['\\\\n', '\\n'],
      ['\\\\x41', '\\x41'],
      ['ends\\', 'ends\\'],
    ]
    for (const [spelling, text] of rows)
      assert.equal(Buffer.from(unescapeToken(spelling)).toString(), text, spelling)
  })

  it('chats in its own form: no blank line inside a turn, nothing after the last colon', () => {
    const metadata = readWorldVocabulary(file, 'vocabulary.txt')
    const template = chatTemplate(metadata, open(metadata))
    const pieces = template?.render([
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: `  one\r\n\r\ntwo${'\n'.repeat(999)}three \n` },
      { role: 'assistant', content: 'four' },
      { role: 'user', content: 'five' },
    ])
    assert.equal(
      pieces?.map((piece) => piece.text).join(''),
      'System: Be brief.\n\nUser: one\ntwo\nthree\n\nAssistant: four\n\nUser: five\n\nAssistant:',
    )
  })
})

const bytesOnly = file.split('\n').slice(0, 256).join('\n') + '\n'

describe('RWKV World vocabulary: broken files', () => {
  const rows: readonly [string, string, RegExp][] = [
    ['nothing', '', /it has no tokens/],
    ['JSON', '{"a": 1}', /line 1: it is not a number, a literal and a length/],
    ['a line without length', "1 'a'", /line 1: it is not/],
    ['an expression', "1 __import__('os').system('id') 1", /line 1: it is not/],
    ['an expression between quotes', "1 'a'+'b' 2", /the literal ends before its line does/],
    ['a formatted literal', "1 f'a' 1", /line 1: it is not/],
    ['a wrong length', "1 'a' 2", /has 1 bytes, but the line says 2/],
    ['a length in characters', "1 'é' 1", /has 2 bytes, but the line says 1/],
    ['an empty token', "1 '' 0", /the token is empty/],
    ['number 0', "0 'a' 1", /the number 0 is not between/],
    ['a huge number', "99999999 'a' 1", /99999999 is not between 1 and 1048575/],
    ['most numbers left out', "1000000 'a' 1", /has 2 tokens with numbers up to 1000000/],
    ['a number twice', "1 'a' 1\n1 'b' 1", /line 2: the number 1 is taken/],
    ['an escape nobody writes', "1 '\\a' 1", /the escape \\a is unknown/],
    ['half an escape', "1 '\\x4' 1", /the escape \\x4 is unknown/],
    ['an escape at the end', "1 '\\' 1", /the escape \\ is unknown/],
    ['half a character', "1 '\\ud800' 3", /the escape \\ud800 is unknown/],
    ['a character over the last', "1 '\\U00110000' 4", /is unknown/],
    ['an escape of text in bytes', "1 b'\\u0041' 1", /is unknown/],
    ['text in bytes', "1 b'é' 2", /not ASCII/],
  ]
  for (const [name, text, says] of rows) {
    it(name, () => refuses(() => readWorldVocabulary(text, 'v.txt'), says))
  }

  it('a byte without token', () => {
    const lines = bytesOnly.split('\n').filter((line) => !line.startsWith('66 '))
    refuses(
      () => tokenizerFromMetadata(readWorldVocabulary(lines.join('\n'), 'v.txt')),
      /no token for the byte 0x41/,
    )
  })
})

function refuses(work: () => unknown, says: RegExp): void {
  assert.throws(work, (error) => {
    assert.ok(error instanceof EngineError, String(error))
    assert.equal(error.code, 'bad-file')
    assert.match(error.message, says)
    return true
  })
}
