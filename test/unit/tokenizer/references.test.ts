// Our tokens equal those of the original implementations, text by text. Fixtures: test/fixtures/make-tokenizers.py.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { openCheckpoint } from '../../../engine/format/open-checkpoint'
import { tokenizerFromMetadata } from '../../../engine/tokenizer/from-gguf'
import { splitWords, wordRules } from '../../../engine/tokenizer/pretokenize'
import { templateText, userText, type Tokenizer } from '../../../engine/tokenizer/tokenizer'

const folder = path.join('test', 'fixtures', 'tokenizer')

/** The tokens of a text as a user's, and as a template's where those differ. */
interface TokensRow {
  text: string
  user: number[]
  template?: number[]
}

describe('tokenizers equal their originals', () => {
  for (const name of ['gpt-2', 'llama-bpe', 'qwen2', 'smollm', 'spm', 'spm-no-prefix']) {
    describe(name, () => {
      let tokenizer: Tokenizer
      before(async () => {
        const checkpoint = await openCheckpoint(path.join(folder, `${name}.gguf`))
        const made = tokenizerFromMetadata(checkpoint.metadata)
        assert.deepEqual(made.warnings, [])
        tokenizer = made.tokenizer
        await checkpoint.close()
      })
      for (const { text, user, template } of readRows<TokensRow>(`${name}.json`)) {
        it(JSON.stringify(text).slice(0, 70), () => {
          assert.deepEqual(spell(tokenizer, tokenizer.encode([userText(text)])), spell(tokenizer, user))
          assert.deepEqual(tokenizer.encode([userText(text)]), user)
          // SentencePiece does not tokenize templates; its control tokens have their own tests.
          if (!name.startsWith('spm'))
            assert.deepEqual(tokenizer.encode([templateText(text)]), template ?? user)
        })
      }
    })
  }
})

describe('pre-tokenizers cut words as their originals do', () => {
  const all = readRows<WordsRow>('words.json')
  for (const pre of new Set(all.map((row) => row.pre))) {
    const rows = all.filter((row) => row.pre === pre)
    it(pre, () => {
      const { rules, warning } = wordRules(pre)
      assert.equal(warning, undefined)
      for (const { text, words } of rows) assert.deepEqual(splitWords(text, rules.words), words)
    })
  }

  it('an unknown name takes the default rules and says so', () => {
    const known = wordRules('default')
    for (const name of [undefined, 'no-such-name', '__proto__', 'constructor']) {
      const unknown = wordRules(name)
      assert.equal(unknown.rules, known.rules)
      assert.match(unknown.warning ?? '', /default rules/)
    }
    assert.equal(known.warning, undefined)
  })
})

interface WordsRow {
  pre: string
  text: string
  words: string[]
}

function readRows<Row>(name: string): Row[] {
  return JSON.parse(readFileSync(path.join(folder, name), 'utf8')) as Row[]
}

function spell(tokenizer: Tokenizer, tokens: readonly number[]): string[] {
  return tokens.map((token) => tokenizer.pieceOf(token))
}
