// A suggestion of a tiny real model at a cursor that stands inside a token.
import assert from 'node:assert/strict'
import path from 'node:path'
import type { Backend } from '../../../engine/backend/backend'
import { openBackend } from '../../../engine/backend/open-backend'
import { silentLog } from '../../../engine/base/log'
import { noProgress } from '../../../engine/base/progress'
import { openCheckpoint } from '../../../engine/format/open-checkpoint'
import { loadModel, type Model } from '../../../engine/model/model'
import { LocalProvider } from '../../../engine/provider/local'
import { readStream } from '../../../engine/provider/read-stream'

describe('suggestions inside a token', () => {
  const signal = new AbortController().signal
  const prefix = 'function add(a, b) {\n'
  let backend: Backend
  let model: Model
  let provider: LocalProvider

  before(async () => {
    backend = (await openBackend('cpu', silentLog)).backend
    const checkpoint = await openCheckpoint(path.join('test', 'fixtures', 'tiny', 'tiny-llama-chat.gguf'))
    model = await loadModel({ checkpoint, backend, log: silentLog, progress: noProgress }, signal)
    await checkpoint.close()
    const info = {
      model: 'tiny',
      architecture: 'llama',
      backend: 'cpu' as const,
      device: 'cpu',
      deviceReason: '',
      contextLength: model.contextLength,
      loadMs: 0,
    }
    provider = new LocalProvider({ model, backend, fim: undefined, chatTemplate: undefined, info })
  })
  after(() => provider.dispose())

  const complete = async (typed: string): Promise<{ text: string; promptTokens: number }> => {
    let text = ''
    const request = { prefix: prefix + typed, suffix: '', maxTokens: 8, stop: [], timeBudgetMs: Infinity }
    const end = await readStream(provider.complete(request, signal), (piece) => (text += piece))
    return { text, promptTokens: end.usage.promptTokens }
  }

  for (const length of [1, 2, 3, 4, 5]) {
    it(`${length} typed characters of a suggestion bring the rest of it, and no token to read`, async () => {
      const free = await complete('')
      const typed = free.text.slice(0, length)
      assert.match(typed, /^[a-z]+$/)
      const { text, promptTokens } = await complete(typed)
      assert.equal(typed + text, free.text)
      assert.equal(promptTokens, free.promptTokens)
    })
  }

  it('what the model would not write there is kept all the same', async () => {
    const free = await complete('')
    const { text, promptTokens } = await complete('(')
    assert.equal(promptTokens, free.promptTokens)
    assert.ok(!text.startsWith('('), text)
    assert.notEqual(text, free.text)
  })
})
