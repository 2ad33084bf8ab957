// Keys and values kept as half floats or q8_0 change the logits a little and the memory a lot.
import assert from 'node:assert/strict'
import type { Backend } from '../../engine/backend/backend'
import { openBackend } from '../../engine/backend/open-backend'
import { silentLog } from '../../engine/base/log'
import { noProgress } from '../../engine/base/progress'
import { openCheckpoint } from '../../engine/format/open-checkpoint'
import { likeliest } from '../../engine/backend/choose-token'
import { estimateMemory } from '../../engine/model/memory'
import { loadModel } from '../../engine/model/model'
import type { KvCacheChoice } from '../../engine/protocol/settings'
import { relativeDifference, tinyModel } from './tiny-models'

const live = new AbortController().signal

/**
 * Largest differences from transformers, which keeps floats, as a share of the largest logit, and bytes of ten tokens. Heads of 16 have
 * no blocks of q8_0.
 */
const rows: readonly { name: string; kvCache: KvCacheChoice; bound: number; bytes: number }[] = [
  { name: 'llama-q4_0-wide-heads', kvCache: 'f16', bound: 1.5e-3, bytes: 1280 },
  { name: 'llama-q4_0-wide-heads', kvCache: 'q8_0', bound: 3e-2, bytes: 680 },
  { name: 'llama-f32-llama3-rope', kvCache: 'f16', bound: 2e-3, bytes: 2560 },
  { name: 'llama-f16-blocks', kvCache: 'q8_0', bound: 1e-3, bytes: 1280 },
]

/** Declares the suite. */
export function checkKvCache(choice: 'cpu' | 'cpu-reference' | 'webgpu'): void {
  describe(`types of KV caches on ${choice}`, function () {
    this.timeout(180_000)
    let backend: Backend
    before(async () => (backend = (await openBackend(choice, silentLog)).backend))
    after(() => (backend as Backend | undefined)?.dispose())

    for (const { name, kvCache, bound, bytes } of rows) {
      it(`${kvCache} for ${name}`, async () => {
        const { path, tokens, vocabulary, logits: expected } = tinyModel(name)
        const checkpoint = await openCheckpoint(path)
        try {
          assert.equal(estimateMemory(checkpoint, 10, 'none', kvCache).state, bytes)
          using model = await loadModel(
            { checkpoint, backend, kvCache, log: silentLog, progress: noProgress },
            live,
          )
          using state = model.createState(tokens.length)
          const all = { outputs: 'all' } as const
          const logits = await model.forward(state, tokens, all, live)
          const difference = relativeDifference(logits, expected)
          assert.ok(difference <= bound, `${difference} instead of at most ${bound}`)
          // Otherwise nothing was kept in that type.
          assert.ok(difference > bound / 30, `only ${difference}`)
          state.rewind(5)
          const again = await model.forward(state, tokens.slice(5), all, live)
          assert.ok(relativeDifference(again, logits.slice(5 * vocabulary)) <= bound)
          for (let row = 0; row < tokens.length; row++) {
            const range = [row * vocabulary, (row + 1) * vocabulary] as const
            assert.equal(likeliest(logits.subarray(...range)), likeliest(expected.subarray(...range)))
          }
        } finally {
          await checkpoint.close()
        }
      })
    }
  })
}
