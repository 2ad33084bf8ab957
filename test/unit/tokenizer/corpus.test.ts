// Two megabytes of code, prose, scripts, emoji, digits, spaces and broken UTF-8 have the tokens of the original implementations, in every
// kind of tokenizer. Hashes: test/fixtures/make-token-hashes.py.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { MetadataValue } from '../../../engine/format/checkpoint'
import { readVocabularyFile } from '../../../engine/format/hf-vocabulary-file'
import { JsonFields } from '../../../engine/format/json-fields'
import { openCheckpoint } from '../../../engine/format/open-checkpoint'
import { readWorldVocabulary } from '../../../engine/format/rwkv-vocabulary'
import { tokenizerFromMetadata } from '../../../engine/tokenizer/from-gguf'
import { userText } from '../../../engine/tokenizer/tokenizer'
import { corpus } from '../../tokenizers/corpus'

const folder = path.join('test', 'fixtures', 'tokenizer')
/** For each tokenizer and block the number of tokens and the beginning of their hash. */
const hashes = JSON.parse(readFileSync(path.join(folder, 'corpus.json'), 'utf8')) as Record<string, string[]>

describe('two megabytes of mixed text', () => {
  const blocks = corpus()

  it('are the same text in Python', () => {
    assert.deepEqual(
      blocks.map((block) => `${Array.from(block).length} ${hash(Buffer.from(block))}`),
      hashes['text'],
    )
    assert.ok(blocks.reduce((bytes, block) => bytes + Buffer.byteLength(block), 0) >= 2 ** 21)
  })

  for (const [name, expected] of Object.entries(hashes).filter(([key]) => key !== 'text')) {
    it(name, async () => {
      const { tokenizer } = tokenizerFromMetadata(
        new Map([...(await metadataOf(name)), ['tokenizer.ggml.add_bos_token', false]]),
      )
      const tokens = blocks.map((block) => tokenizer.encode([userText(block)]))
      assert.deepEqual(
        tokens.map((row) => `${row.length} ${hash(new Uint8Array(Int32Array.from(row).buffer))}`),
        expected,
      )
      if (changesText(name)) return
      for (const [i, row] of tokens.entries()) {
        const text = Buffer.concat(row.map((token) => tokenizer.bytesOf(token))).toString()
        assert.ok(text === blocks[i] || text === ` ${blocks[i]}`, `block ${i} does not come back`)
      }
    })
  }
})

/** Models that replace characters or lack them on purpose. */
function changesText(name: string): boolean {
  return name.includes('-rules.model')
}

async function metadataOf(name: string): Promise<ReadonlyMap<string, MetadataValue>> {
  const [kind, pre] = name.split(' ')
  if (kind === 'words' && pre !== undefined) {
    return new Map([...(await ggufMetadata('gpt-2.gguf')), ['tokenizer.ggml.pre', pre]])
  }
  if (name === 'rwkv-world') {
    const file = path.join('test', 'fixtures', 'rwkv-world', 'vocabulary.txt')
    return readWorldVocabulary(readFileSync(file, 'utf8'), file)
  }
  if (name.endsWith('.gguf')) return ggufMetadata(name)
  const [fileName = '', , as = fileName] = name.split(' ')
  const file = path.join(folder, fileName)
  const modelType = name.endsWith('.tiktoken') ? 'qwen' : 'llama'
  const metadata = readVocabularyFile({
    file: path.join(folder, as),
    bytes: readFileSync(file),
    config: new JsonFields('config.json', { model_type: modelType }),
    tokenizerConfig: new JsonFields('tokenizer_config.json', { num_image_tokens: 2 }),
    specialTokensMap: undefined,
    generationConfig: undefined,
    addedTokens: undefined,
    chatTemplate: undefined,
  })
  // The reference composes nothing.
  return metadata.set('hearth.tokenizer.nfc', false)
}

async function ggufMetadata(name: string): Promise<ReadonlyMap<string, MetadataValue>> {
  const checkpoint = await openCheckpoint(path.join(folder, name))
  await checkpoint.close()
  return checkpoint.metadata
}

function hash(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 12)
}
