// Suggestions of tiny real models at a cursor that stands inside a token, and what typing makes them read.
import assert from 'node:assert/strict'
import path from 'node:path'
import { openBackend } from '../../../engine/backend/open-backend'
import { silentLog } from '../../../engine/base/log'
import { noProgress } from '../../../engine/base/progress'
import { openCheckpoint } from '../../../engine/format/open-checkpoint'
import { loadModel } from '../../../engine/model/model'
import { endEarlier, LocalProvider, startLater } from '../../../engine/provider/local'
import { readStream } from '../../../engine/provider/read-stream'
import { findFim } from '../../../engine/tokenizer/fim'

const signal = new AbortController().signal

async function openTiny(name: string): Promise<LocalProvider> {
  const { backend } = await openBackend('cpu', silentLog)
  const checkpoint = await openCheckpoint(path.join('test', 'fixtures', 'tiny', `${name}.gguf`))
  const model = await loadModel({ checkpoint, backend, log: silentLog, progress: noProgress }, signal)
  const fim = findFim(model.tokenizer, checkpoint.metadata)
  await checkpoint.close()
  const info = {
    model: name,
    architecture: model.config.architecture,
    backend: 'cpu' as const,
    device: 'cpu',
    deviceReason: '',
    contextLength: model.contextLength,
    loadMs: 0,
  }
  return new LocalProvider({ model, backend, fim, chatTemplate: undefined, info })
}

describe('suggestions inside a token', () => {
  const prefix = 'function add(a, b) {\n'
  let provider: LocalProvider

  before(async () => {
    provider = await openTiny('tiny-llama-chat')
  })
  after(() => provider.dispose())

  const complete = async (typed: string): Promise<{ text: string; promptTokens: number }> => {
    let text = ''
    const request = { prefix, typed, suffix: '', maxTokens: 8, stop: [], timeBudgetMs: Infinity }
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

// [a model, whether a suffix is read]: one with fill-in-the-middle tokens, prefix first, and one without.
for (const [name, fim] of [
  ['tiny-qwen2-fim', true],
  ['tiny-llama-chat', false],
] as const) {
  describe(`prompts while typing: ${name}`, () => {
    const prefix = 'const one = 1\n'.repeat(6)
    const suffix = '\n' + 'const two = 2\n'.repeat(6)
    const line = 'export function add(first: number, second: number): number { return first + second }'
    let provider: LocalProvider

    before(async () => {
      provider = await openTiny(name)
    })
    after(() => provider.dispose())

    const read = async (before: string, typed: string): Promise<{ tokens: number; of: number }> => {
      const request = { prefix: before, typed, suffix, maxTokens: 1, stop: [], timeBudgetMs: Infinity }
      const { usage } = await readStream(provider.complete(request, signal), () => undefined)
      return { tokens: usage.promptTokens - usage.reusedTokens, of: usage.promptTokens }
    }

    it('a keystroke makes the model read a few tokens at most', async () => {
      assert.equal(provider.capabilities.fim, fim)
      const first = await read(prefix, '')
      assert.equal(first.tokens, first.of)
      for (let length = 1; length <= line.length; length++) {
        const { tokens, of } = await read(prefix, line.slice(0, length))
        assert.ok(tokens <= 8, `${tokens} of ${of} tokens at ${line.slice(0, length)}┃`)
      }
    })

    it('other files are read once, and a keystroke after them costs as little', async () => {
      const shown = { path: 'b.ts', heading: '// b.ts\n', text: 'export const three = 3\n'.repeat(4) }
      const files = { repository: 'project', path: 'a.ts', heading: '// a.ts\n', files: [shown] }
      const readWith = async (typed: string): Promise<{ tokens: number; of: number }> => {
        const request = { files, prefix, typed, suffix, maxTokens: 1, stop: [], timeBudgetMs: Infinity }
        const { usage } = await readStream(provider.complete(request, signal), () => undefined)
        return { tokens: usage.promptTokens - usage.reusedTokens, of: usage.promptTokens }
      }
      const without = await read(prefix, '')
      const first = await readWith('')
      assert.ok(first.of > without.of + 20, `${first.of} tokens after ${without.of}`)
      for (let length = 1; length <= 20; length++) {
        const { tokens, of } = await readWith(line.slice(0, length))
        assert.ok(tokens <= 8, `${tokens} of ${of} tokens at ${line.slice(0, length)}┃`)
      }
    })

    it('other files that would take half of the window are left out', async () => {
      const shown = { path: 'b.ts', heading: '', text: 'export const three = 3\n'.repeat(4000) }
      const files = { repository: 'project', path: 'a.ts', heading: '', files: [shown] }
      const request = { files, prefix, typed: '', suffix, maxTokens: 1, stop: [], timeBudgetMs: Infinity }
      const { usage } = await readStream(provider.complete(request, signal), () => undefined)
      assert.equal(usage.promptTokens, (await read(prefix, '')).of)
    })

    it('what is too long for the window begins elsewhere now and then only', async () => {
      let again = 0
      let text = ''
      for (let at = 0; at < 200; at++) {
        text += `a${at * 7919} = 1\n`
        const { tokens, of } = await read(text, '')
        // One with a suffix is read again from its end, which has moved.
        if (at >= 100 && tokens > of / 2) again++
      }
      assert.ok(again >= 1 && again <= 15, `${again} of 100 prompts were read from the start`)
    })
  })
}

describe('texts cut to a limit', () => {
  const count = (text: string): number => text.length
  const rows: [name: string, cut: string, kept: string][] = [
    ['the end, at a line', endEarlier('one\ntwo\nthree', 9, count), 'one\ntwo\n'],
    ['the end of one long line', endEarlier('abcdefghij', 4, count), 'abc'],
    ['the start, at the line after a step', startLater('one\ntwo\nthree', 9, 4, count), 'three'],
    ['the start of a text that fits', startLater('one\ntwo', 7, 4, count), 'one\ntwo'],
    ['the start of one long line', startLater('abcdefghij', 4, 3, count), 'ghij'],
    ['all of it', startLater('abcdefghij', 0, 3, count), ''],
  ]
  for (const [name, cut, kept] of rows) it(name, () => assert.equal(cut, kept))
})
