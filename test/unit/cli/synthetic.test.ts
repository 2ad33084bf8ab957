// Every shape that can be measured is a model that could be loaded.
import assert from 'node:assert/strict'
import { syntheticCheckpoint } from '../../../engine/cli/synthetic'
import { buildModel } from '../../../engine/model/build-model'
import { EngineError } from '../../../engine/protocol/errors'
import { tokenizerFromMetadata } from '../../../engine/tokenizer/from-gguf'

describe('synthetic models', () => {
  // Shape, embedding rows, operations of its graph at least.
  const rows: readonly [string, number, number][] = [
    ['smollm2-135m', 49152, 30 * 10],
    ['smollm2-360m:q8_0', 49152, 32 * 10],
    ['qwen2.5-0.5b', 151936, 24 * 10],
    ['llama3.2-1b:f16', 128256, 16 * 10],
    ['qwen2.5-1.5b', 151936, 28 * 10],
    ['smollm2-1.7b:bf16', 49152, 24 * 10],
    ['qwen2.5-3b', 151936, 36 * 10],
    ['qwen2.5-coder-7b:q4_k', 152064, 28 * 10],
    ['minicpm-2b', 122753, 40 * 10],
    ['gemma2-2b:q4_k', 256000, 26 * 10],
    ['rwkv5-0.1b', 65536, 12 * 20],
    ['rwkv5-0.4b', 65536, 24 * 20],
    ['rwkv5-1.5b:q8_0', 65536, 24 * 20],
    ['rwkv7-0.1b:q4_k', 65536, 12 * 40],
    ['rwkv7-1.5b:f16', 65536, 24 * 40],
  ]
  for (const [shape, vocabulary, operations] of rows) {
    it(shape, async () => {
      const checkpoint = syntheticCheckpoint(shape, 1024)
      const built = await buildModel(checkpoint, 1024)
      assert.equal(built.facts.vocabulary, vocabulary)
      assert.ok(built.graph.operations.length > operations, String(built.graph.operations.length))
      const { tokenizer, warnings } = tokenizerFromMetadata(checkpoint.metadata)
      assert.deepEqual([tokenizer.size, warnings], [vocabulary, []])
      for (const { name, bytes } of checkpoint.tensors.values()) {
        assert.equal((await checkpoint.read(name, 0, Math.min(bytes, 64))).length, Math.min(bytes, 64))
      }
    })
  }

  it('another shape', () => {
    assert.throws(
      () => syntheticCheckpoint('rwkv9', 1024),
      (error: unknown) => error instanceof EngineError && error.hint?.includes('rwkv7-0.1b') === true,
    )
  })
})
