// What `hearth.completion.boldness` cuts is the same where a GPU chooses the tokens, a step ahead of the host or not, as on the processor.
import assert from 'node:assert/strict'
import type { Backend } from '../../engine/backend/backend'
import { CpuBackend } from '../../engine/backend/cpu/cpu-backend'
import { openDevice } from '../../engine/backend/webgpu/dawn'
import { WebGpuBackend } from '../../engine/backend/webgpu/webgpu-backend'
import { silentLog } from '../../engine/base/log'
import { noProgress } from '../../engine/base/progress'
import { findDoubt } from '../../engine/complete/postprocess/confidence'
import { openCheckpoint } from '../../engine/format/open-checkpoint'
import { loadModel } from '../../engine/model/model'
import type { AnswerToken } from '../../engine/protocol/chat'
import { LocalProvider } from '../../engine/provider/local'
import { readStream } from '../../engine/provider/read-stream'

const live = new AbortController().signal

/** At the end of a line, and inside a token. */
const prefixes = ['function add(a, b) {\n', 'const value = nu']

/** A model with random weights is unsure of everything, so the bounds that cut its text somewhere lie close to 1. */
const rows = [0, 0.9, 0.99, 0.995, 0.997, 0.998, 0.999, 1]

interface Answer {
  text: string
  tokens: AnswerToken[]
}

describe('boldness', () => {
  const answers = new Map<string, Answer[]>()

  before(async () => {
    const gpu = async (pipelined: boolean): Promise<Backend> =>
      Object.assign(new WebGpuBackend(await openDevice(silentLog), silentLog, { choosesTokens: pipelined }), {
        pipelined,
      })
    answers.set('cpu', await answersOf(new CpuBackend()))
    answers.set('webgpu', await answersOf(await gpu(false)))
    answers.set('webgpu, a step ahead', await answersOf(await gpu(true)))
  })

  for (const kind of ['webgpu', 'webgpu, a step ahead']) {
    it(`${kind}: tokens are as likely`, () => {
      for (const [expected, got] of pairs(kind)) {
        assert.equal(got.text, expected.text)
        assert.equal(got.tokens.length, expected.tokens.length)
        for (const [i, { length, logProbability }] of got.tokens.entries()) {
          const wanted = expected.tokens[i]
          assert.equal(length, wanted?.length)
          const off = Math.abs((logProbability ?? NaN) - (wanted?.logProbability ?? NaN))
          assert.ok(off < 1e-3, `token ${i}: ${logProbability} instead of ${wanted?.logProbability}`)
        }
      }
    })

    it(`${kind}: cuts at the same places`, () => {
      const kept = new Set<number | undefined>()
      for (const [expected, got] of pairs(kind))
        for (const boldness of rows) {
          const keep = keptOf(got, boldness)
          assert.equal(keep, keptOf(expected, boldness), `${boldness}`)
          kept.add(keep)
        }
      assert.ok(kept.has(0) && kept.has(undefined) && kept.size > 3, 'nothing, all and some of it')
    })
  }

  function pairs(kind: string): [Answer, Answer][] {
    return (answers.get('cpu') ?? []).map((expected, i) => [expected, answers.get(kind)![i]!])
  }
})

function keptOf({ text, tokens }: Answer, boldness: number): number | undefined {
  return findDoubt(text, tokens, boldness, true)?.keep
}

async function answersOf(backend: Backend): Promise<Answer[]> {
  const checkpoint = await openCheckpoint('test/fixtures/tiny/tiny-llama-chat.gguf')
  const model = await loadModel({ checkpoint, backend, log: silentLog, progress: noProgress }, live)
  await checkpoint.close()
  const { kind } = backend
  const { architecture } = model.config
  const info = { model: '', architecture, backend: kind, device: '', deviceReason: '', contextLength: 256 }
  const parts = { model, backend, fim: undefined, chatTemplate: undefined, info: { ...info, loadMs: 0 } }
  const provider = new LocalProvider(parts)
  try {
    const answers: Answer[] = []
    for (const prefix of prefixes) {
      const tokens: AnswerToken[] = []
      const onToken = (token: AnswerToken): void => void tokens.push(token)
      const request = { prefix, typed: '', suffix: '', maxTokens: 24, stop: [], timeBudgetMs: Infinity }
      let text = ''
      await readStream(provider.complete({ ...request, onToken }, live), (piece) => (text += piece))
      answers.push({ text, tokens })
    }
    return answers
  } finally {
    await provider.dispose()
  }
}
