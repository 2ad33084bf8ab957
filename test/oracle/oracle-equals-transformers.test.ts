// The oracle is only worth something if it agrees with the reference implementation.
import assert from 'node:assert/strict'
import { relativeDifference, tinyModels } from '../arch/tiny-models'
import { oracleLogits } from './llama'
import { readGguf } from './read-gguf'

// transformers takes norms and angles in float32 even when everything else is float64.
const tolerance = 1e-5

// What the oracle knows; other families are compared with transformers alone.
const families = new Set(['llama', 'qwen2', 'qwen3', 'gemma', 'minicpm'])

// Quantized files are left to test/arch: the oracle reads plain numbers only.
const plain = tinyModels().filter(
  (model) => families.has(model.architecture) && !/q\d/.test(model.name.replace('qwen2', '')),
)

describe('the oracle equals transformers', () => {
  it('on every family', () => {
    assert.deepEqual(new Set(plain.map((model) => model.architecture)), families)
  })

  for (const model of plain) {
    it(model.name, () => {
      const difference = relativeDifference(oracleLogits(readGguf(model.gguf), model.tokens), model.logits)
      assert.ok(difference <= tolerance, `largest difference ${difference}`)
    })
  }
})
