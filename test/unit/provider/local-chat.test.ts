// A chat answer ends where the model's chat form says: at its texts and at its tokens.
import assert from 'node:assert/strict'
import path from 'node:path'
import type { Backend } from '../../../engine/backend/backend'
import { openBackend } from '../../../engine/backend/open-backend'
import { silentLog } from '../../../engine/base/log'
import { noProgress } from '../../../engine/base/progress'
import { openCheckpoint } from '../../../engine/format/open-checkpoint'
import { loadModel, type Model } from '../../../engine/model/model'
import { LocalProvider } from '../../../engine/provider/local'
import type { ChatTemplate } from '../../../engine/tokenizer/chat-template'
import { userText } from '../../../engine/tokenizer/tokenizer'

describe('chat answers', () => {
  let backend: Backend
  let model: Model

  before(async () => {
    backend = (await openBackend('cpu', silentLog)).backend
    const checkpoint = await openCheckpoint(path.join('test', 'fixtures', 'tiny', 'tiny-llama-chat.gguf'))
    const signal = new AbortController().signal
    model = await loadModel({ checkpoint, backend, log: silentLog, progress: noProgress }, signal)
    await checkpoint.close()
  })
  after(() => {
    model[Symbol.dispose]()
    backend.dispose()
  })

  const ask = async (ends: Partial<ChatTemplate>): Promise<{ text: string; finishReason: string }> => {
    const chatTemplate: ChatTemplate = {
      render: (messages) => messages.map((message) => userText(message.content)),
      stops: [],
      stopTokens: new Set(),
      ...ends,
    }
    const info = {
      model: 'tiny',
      architecture: 'llama',
      backend: 'cpu' as const,
      device: 'cpu',
      deviceReason: '',
      contextLength: model.contextLength,
      loadMs: 0,
    }
    const provider = new LocalProvider({ model, backend, fim: undefined, chatTemplate, info })
    const options = { maxTokens: 24, temperature: 0, topP: 1, repeatPenalty: 1.3, seed: 1 }
    const messages = [{ role: 'user', content: 'function add(a, b) {\n' } as const]
    const stream = provider.chat({ ...options, messages }, new AbortController().signal)
    let text = ''
    for (;;) {
      const next = await stream.next()
      if (next.done === true) return { text, finishReason: next.value.finishReason }
      text += next.value
    }
  }

  it('go on to the limit without an end', async () => {
    const { text, finishReason } = await ask({})
    assert.equal(finishReason, 'length')
    assert.ok(Array.from(text).length > 8)
  })

  it('end at a text of the form, which is not part of them', async () => {
    const free = (await ask({})).text
    const characters = Array.from(free)
    const stop = characters.slice(5, 7).join('')
    assert.deepEqual(await ask({ stops: ['never', stop] }), {
      text: free.slice(0, free.indexOf(stop)),
      finishReason: 'stop',
    })
  })

  it('end at a token of the form', async () => {
    const every = new Set(Array.from({ length: model.tokenizer.size }, (_, token) => token))
    assert.deepEqual(await ask({ stopTokens: every }), { text: '', finishReason: 'stop' })
  })
})
