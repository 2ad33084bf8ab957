// RWKV in its own files and in folders: what names, shapes and config.json become, and which vocabulary belongs to a model.
import assert from 'node:assert/strict'
import { copyFile, cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Checkpoint } from '../../../engine/format/checkpoint'
import { openCheckpoint } from '../../../engine/format/open-checkpoint'
import { EngineError } from '../../../engine/protocol/errors'
import { tokenizerFromMetadata } from '../../../engine/tokenizer/from-gguf'
import { requireVocabulary } from '../../../engine/tokenizer/no-vocabulary'
import { userText } from '../../../engine/tokenizer/tokenizer'

const fixtures = 'test/fixtures/tiny-rwkv'
const world = 'rwkv_vocab_v20230424.txt'

describe('RWKV checkpoints', () => {
  // Path, layout, architecture, layers, columns of a head, eps of the heads' norm.
  const rows: readonly [string, string, string, number, number | undefined, number | undefined][] = [
    ['pth-4-bf16/model.pth', 'rwkv', 'rwkv4', 3, undefined, undefined],
    ['pth-5.0-f32/model.pth', 'rwkv', 'rwkv5', 2, 8, undefined],
    ['pth-5.1-f16/model.pth', 'rwkv', 'rwkv5', 2, 8, undefined],
    ['pth-5.2-bf16/model.pth', 'rwkv', 'rwkv5', 2, 8, undefined],
    ['pth-6-bf16-world/model.pth', 'rwkv', 'rwkv6', 2, 8, undefined],
    ['pth-7-f32/model.pth', 'rwkv', 'rwkv7', 3, 8, undefined],
    ['hf-4-f32', 'huggingface', 'rwkv4', 2, undefined, undefined],
    ['hf-5.2-f16', 'huggingface', 'rwkv5', 1, 64, 16e-5],
    ['hf-5.1-own-names-f32', 'rwkv', 'rwkv5', 2, 8, 1e-5],
    ['hf-6-bf16', 'huggingface', 'rwkv6', 2, 8, 64e-5],
    ['hf-7-bf16', 'huggingface', 'rwkv7', 2, 8, 8e-3],
  ]
  for (const [name, layout, architecture, layers, headSize, eps] of rows) {
    it(name, async () => {
      const checkpoint = await openCheckpoint(path.join(fixtures, name))
      await checkpoint.close()
      const number = (key: string): unknown => checkpoint.metadata.get(`${architecture}.${key}`)
      assert.equal(checkpoint.layout, layout)
      assert.equal(checkpoint.metadata.get('general.architecture'), architecture)
      assert.equal(number('block_count'), layers)
      assert.equal(number('wkv.head_size'), headSize)
      const found = number('attention.group_norm_epsilon')
      if (eps === undefined) assert.equal(found, undefined)
      else assert.ok(Math.abs(Number(found) / eps - 1) < 1e-6, String(found))
    })
  }

  it('is known by its contents, whatever its name', () =>
    inFolder(async (folder) => {
      const file = path.join(folder, 'weights.bin')
      await copyFile(path.join(fixtures, 'pth-4-bf16/model.pth'), file)
      const checkpoint = await openCheckpoint(file)
      await checkpoint.close()
      assert.equal(checkpoint.metadata.get('general.name'), 'weights')
    }))

  it('refuses tensors of another model', async () => {
    await refuses(openCheckpoint('test/fixtures/pth/views.pth'), 'unsupported-arch', /not hold an RWKV/)
  })

  it('refuses a variant that no graph is for', () =>
    inFolder(async (folder) => {
      await cp(path.join(fixtures, 'hf-7-bf16'), folder, { recursive: true })
      const config = { model_type: 'rwkv7', hidden_size: 24, num_hidden_layers: 2, vocab_size: 61 }
      await writeFile(path.join(folder, 'config.json'), JSON.stringify({ ...config, hidden_act: 'relu' }))
      await refuses(openCheckpoint(folder), 'unsupported-arch', /hidden_act is "relu"/)
    }))
})

describe('vocabularies of RWKV', () => {
  it('a World file beside the model', async () => {
    const checkpoint = await openCheckpoint(path.join(fixtures, 'pth-6-bf16-world/model.pth'))
    await checkpoint.close()
    const { tokenizer } = tokenizerFromMetadata(checkpoint.metadata)
    const tokens = tokenizer.encode([userText('User: é\n\n')])
    assert.deepEqual(
      tokens.map((token) => tokenizer.pieceOf(token)),
      ['User', ': ', '\\xc3', '\\xa9', '\\n\\n'],
    )
  })

  it('a World file with more entries than the model has rows is not its own', () =>
    inFolder(async (folder) => {
      const file = await modelIn(folder)
      await copyFile(path.join(fixtures, 'pth-6-bf16-world', world), path.join(folder, world))
      await copyFile(
        'test/fixtures/tiny-hf/qwen3-bf16/tokenizer.json',
        path.join(folder, '20B_tokenizer.json'),
      )
      const checkpoint = await opened(file)
      assert.equal(checkpoint.metadata.get('tokenizer.ggml.model'), 'gpt2')
      assert.equal(checkpoint.metadata.get('tokenizer.ggml.eos_token_id'), 0)
    }))

  it('no file: the error says which one to put where', () =>
    inFolder(async (folder) => {
      const { metadata } = await opened(await modelIn(folder))
      const hint = (error: unknown): boolean => {
        assert.ok(error instanceof EngineError)
        assert.equal(error.code, 'model-missing')
        assert.ok(error.hint?.includes(world) && error.hint.includes(folder), error.hint)
        return true
      }
      assert.throws(() => requireVocabulary(metadata), hint)
      const { tokenizer } = tokenizerFromMetadata(metadata)
      assert.throws(() => tokenizer.encode([userText('a')]), hint)
      assert.equal(tokenizer.size, 61)
      assert.equal(tokenizer.pieceOf(7), '<7>')
    }))

  it('a broken World file', () =>
    inFolder(async (folder) => {
      await writeFile(path.join(folder, world), "1 'a' 2\n")
      await refuses(openCheckpoint(await modelIn(folder)), 'bad-file', /line 1: the literal has 1 bytes/)
    }))
})

async function opened(file: string): Promise<Checkpoint> {
  const checkpoint = await openCheckpoint(file)
  await checkpoint.close()
  return checkpoint
}

async function modelIn(folder: string): Promise<string> {
  const file = path.join(folder, 'model.pth')
  await copyFile(path.join(fixtures, 'pth-4-bf16/model.pth'), file)
  return file
}

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), 'hearth-rwkv-'))
  try {
    await work(folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}

async function refuses(work: Promise<unknown>, code: string, says: RegExp): Promise<void> {
  await assert.rejects(work, (error: unknown) => {
    assert.ok(error instanceof EngineError, String(error))
    assert.equal(error.code, code)
    assert.match(error.message, says)
    assert.ok(error.hint)
    return true
  })
}
