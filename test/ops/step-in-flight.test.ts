// Answers of a GPU that chooses its tokens and is a step ahead of the host are those of one that waits, whatever the adapter prefers.
import assert from 'node:assert/strict'
import type { Backend } from '../../engine/backend/backend'
import { openDevice } from '../../engine/backend/webgpu/dawn'
import { WebGpuBackend } from '../../engine/backend/webgpu/webgpu-backend'
import { silentLog } from '../../engine/base/log'
import { noProgress } from '../../engine/base/progress'
import { openCheckpoint } from '../../engine/format/open-checkpoint'
import { greedy, type SamplerOptions } from '../../engine/generate/sampler'
import { Scheduler } from '../../engine/generate/scheduler'
import { Session } from '../../engine/generate/session'
import { loadModel, type Model } from '../../engine/model/model'

const live = new AbortController().signal
const drawn: SamplerOptions = { ...greedy, temperature: 0.9, topK: 30, topP: 0.95, minP: 0.01, seed: 5 }
const prompt = Array.from({ length: 40 }, (_, i) => 1 + (((i % 9) * 13) % 60))

/** Below test/fixtures. */
const models = ['tiny/tiny-llama-chat.gguf', 'tiny/gemma2-f32.gguf', 'tiny-rwkv/gguf-7-f32/model.gguf']

describe('a step in flight on webgpu', () => {
  for (const file of models) {
    it(file, async () => {
      const backend = new WebGpuBackend(await openDevice(silentLog), silentLog, { choosesTokens: true })
      const checkpoint = await openCheckpoint(`test/fixtures/${file}`)
      try {
        using model = await loadModel({ checkpoint, backend, log: silentLog, progress: noProgress }, live)
        for (const sampler of [greedy, drawn]) {
          const waiting = await answer(backend, model, sampler, false)
          assert.equal(waiting.length, 24)
          assert.deepEqual(await answer(backend, model, sampler, true), waiting)
        }
      } finally {
        await checkpoint.close()
        backend.dispose()
      }
    })
  }
})

async function answer(
  backend: Backend,
  model: Model,
  sampler: SamplerOptions,
  pipelined: boolean,
): Promise<number[]> {
  Object.assign(backend, { pipelined })
  using session = new Session(model, 128)
  const options = { maxTokens: 24, sampler, stop: [], speculation: 'off' as const }
  const pieces = session.generate(prompt, options, new Scheduler().enter('chat', live))
  for (;;) {
    const next = await pieces.next()
    if (next.done) return next.value.tokens
  }
}
