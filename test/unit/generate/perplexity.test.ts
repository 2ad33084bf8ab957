// Perplexity of tiny checkpoints, from the logits that transformers gives for them.
import assert from 'node:assert/strict'
import { CpuBackend } from '../../../engine/backend/cpu/cpu-backend'
import { silentLog } from '../../../engine/base/log'
import { noProgress } from '../../../engine/base/progress'
import { openCheckpoint } from '../../../engine/format/open-checkpoint'
import { measurePerplexity } from '../../../engine/generate/perplexity'
import { loadModel } from '../../../engine/model/model'
import { EngineError } from '../../../engine/protocol/errors'
import { tinyModel } from '../../arch/tiny-models'

const live = new AbortController().signal

describe('perplexity', () => {
  check('qwen2-f32')
  check('qwen3-f32')

  it('puts the start token in place of the first one where the model wants it', async () => {
    const { tokens, run } = tiny('llama-f32-llama3-rope')
    const [found, other] = await Promise.all(
      [5, 6].map((first) => run([...tokens, first, ...tokens.slice(1)], tokens.length)),
    )
    assert.deepEqual(found, other)
  })

  it('refuses a text of less than two windows', async () => {
    const { tokens, run } = tiny('llama-f32-llama3-rope')
    await assert.rejects(run([...tokens, ...tokens].slice(1), tokens.length), (error) => {
      assert.ok(error instanceof EngineError)
      assert.equal(error.code, 'bad-request')
      assert.match(error.message, /^The text has 57 tokens; two windows of 29 are needed\.$/)
      return true
    })
  })
})

function check(name: string): void {
  it(`of ${name} scores the second half of each window`, async () => {
    const { tokens, logits, vocabulary, run } = tiny(name)
    const window = tokens.length
    const first = Math.floor(window / 2)
    let loss = 0
    for (let i = first; i < window - 1; i++) {
      const row = Array.from(logits.subarray(i * vocabulary, (i + 1) * vocabulary))
      const total = row.reduce((sum, logit) => sum + Math.exp(logit), 0)
      loss -= Math.log(Math.exp(row[tokens[i + 1] ?? 0] ?? NaN) / total)
    }
    const expected = Math.exp(loss / (window - 1 - first))
    // Two windows of the same tokens and a rest that counts nothing.
    const found = await run([...tokens, ...tokens, 1, 2, 3], window)
    assert.ok(Math.abs(found.perplexity / expected - 1) < 1e-4, `${found.perplexity}, expected ${expected}`)
    assert.equal(found.scored, 2 * (window - 1 - first))
    assert.equal(found.windows, 2)
    assert.ok(found.error > 0 && found.error < found.perplexity)
  })
}

function tiny(name: string) {
  const model = tinyModel(name)
  const run = async (tokens: readonly number[], window: number) => {
    const checkpoint = await openCheckpoint(model.path)
    const backend = new CpuBackend()
    try {
      using loaded = await loadModel(
        { checkpoint, backend, contextLength: window, log: silentLog, progress: noProgress },
        live,
      )
      return await measurePerplexity(loaded, tokens, window, () => undefined, live)
    } finally {
      backend.dispose()
      await checkpoint.close()
    }
  }
  return { ...model, run }
}
