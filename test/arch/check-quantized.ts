// Quantizing while loading gives the logits of the weights that gguf-py quantizes, computed by transformers.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import type { Backend } from '../../engine/backend/backend'
import { openBackend } from '../../engine/backend/open-backend'
import { createLog, silentLog } from '../../engine/base/log'
import { noProgress } from '../../engine/base/progress'
import { openCheckpoint } from '../../engine/format/open-checkpoint'
import { likeliest } from '../../engine/backend/choose-token'
import { estimateMemory } from '../../engine/model/memory'
import { loadModel } from '../../engine/model/model'
import { relativeDifference, tinyModel } from './tiny-models'

const live = new AbortController().signal
const tiny = tinyModel('llama-f16-blocks')
const { quantized } = JSON.parse(readFileSync('test/fixtures/tiny/llama-f16-blocks.json', 'utf8')) as {
  quantized: Record<'q8_0' | 'q4_0', string>
}

/** Declares the suite. `bound` is the largest difference from transformers, as a share of the largest logit. */
export function checkQuantized(target: { choice: 'cpu' | 'cpu-reference' | 'webgpu'; bound: number }): void {
  describe(`quantizing while loading on ${target.choice}`, function () {
    this.timeout(180_000)
    let backend: Backend
    before(async () => (backend = (await openBackend(target.choice, silentLog)).backend))
    after(() => (backend as Backend | undefined)?.dispose())

    const load = async (
      name: string,
      quantize: 'none' | 'q8_0' | 'q4_0',
    ): Promise<{ logits: Float32Array; told: string[] }> => {
      const { path, tokens } = tinyModel(name)
      const told: string[] = []
      const log = createLog((_, text) => told.push(text))
      const checkpoint = await openCheckpoint(path)
      try {
        using model = await loadModel(
          { checkpoint, backend, quantize, kvCache: 'f32', log, progress: noProgress },
          live,
        )
        using state = model.createState(tokens.length)
        const logits = await model.forward(state, tokens, { outputs: 'all' }, live)
        return { logits, told }
      } finally {
        await checkpoint.close()
      }
    }
    const equal = (got: Float32Array, expected: Float32Array): void => {
      const difference = relativeDifference(got, expected)
      assert.ok(difference <= target.bound, `${difference} instead of at most ${target.bound}`)
    }

    for (const [type, says] of [
      ['q8_0', /^Quantized 8 matrices to q8_0: /],
      ['q4_0', /^Quantized 8 matrices to q4_0 and q8_0: /],
    ] as const) {
      it(`${type} equals transformers with the weights of gguf-py, and says what it did`, async () => {
        const { logits, told } = await load(tiny.name, type)
        equal(logits, new Float32Array(Uint8Array.from(Buffer.from(quantized[type], 'base64')).buffer))
        assert.ok(
          told.some((line) => says.test(line)),
          told.join(', '),
        )
        // Otherwise the first check would prove nothing.
        assert.ok(relativeDifference(logits, tiny.logits) > 10 * target.bound)
      })
    }

    // The weights of gguf-py are 2.6e-2 away in transformers, too: random weights pass more of an error on than trained ones.
    it('q8_0 is within 3e-2 of the model as it is, and chooses the same tokens', async () => {
      const { logits } = await load(tiny.name, 'q8_0')
      assert.ok(relativeDifference(logits, tiny.logits) <= 3e-2)
      for (let row = 0; row < tiny.tokens.length; row++) {
        const range = [row * tiny.vocabulary, (row + 1) * tiny.vocabulary] as const
        assert.equal(likeliest(logits.subarray(...range)), likeliest(tiny.logits.subarray(...range)))
      }
    })

    it('leaves a model that is quantized already, and one with rows of odd lengths', async () => {
      for (const name of ['llama-q5_0', 'llama-f16-biases']) {
        const { logits, told } = await load(name, 'q4_0')
        equal(logits, tinyModel(name).logits)
        assert.ok(told.some((line) => line.startsWith('Nothing was quantized to q4_0')))
      }
    })

    it('the estimate counts the weights as loaded', async () => {
      const checkpoint = await openCheckpoint(tiny.path)
      const bytes = (['none', 'q8_0', 'q4_0'] as const).map(
        (quantize) => estimateMemory(checkpoint, 64, quantize).weights,
      )
      await checkpoint.close()
      // Vectors are f32 in the file: three norms of 64.
      const vectors = 3 * 64 * 4
      const edge = tiny.vocabulary * 64
      const inner = 64 * (128 + 32 + 32 + 128 + 3 * 96)
      assert.deepEqual(bytes, [
        vectors + 2 * (edge + inner),
        vectors + (34 / 32) * (edge + inner),
        vectors + (34 / 32) * edge + (18 / 32) * inner,
      ])
    })
  })
}
