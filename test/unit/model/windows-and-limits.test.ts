// Scales, limits and windows of attention, where a family's files do not say them plainly.
import assert from 'node:assert/strict'
import { findArchitecture } from '../../../engine/arch/registry'
import type { Checkpoint, MetadataValue } from '../../../engine/format/checkpoint'
import { stringOf } from '../../../engine/format/metadata'
import { openCheckpoint } from '../../../engine/format/open-checkpoint'
import { readConfig, type ModelConfig } from '../../../engine/model/config'

interface Row {
  name: string
  model: string
  /** Keys after the architecture; undefined takes one away. */
  keys: Record<string, MetadataValue | undefined>
  expected: Partial<ModelConfig>
}

// The Gemmas have 36 and 24 columns, 6 heads of 12.
const rows: Row[] = [
  { name: 'by the width of a head', model: 'gemma2-f32', keys: {}, expected: { attentionScale: 12 ** -0.5 } },
  {
    name: "27B's of Gemma 2 by hidden / heads",
    model: 'gemma2-f32',
    keys: { block_count: 46 },
    expected: { attentionScale: 6 ** -0.5 },
  },
  {
    name: "27B's of Gemma 3 by hidden / heads",
    model: 'gemma3-f32',
    keys: { block_count: 62 },
    expected: { attentionScale: 4 ** -0.5 },
  },
  {
    name: 'limits of zero are none',
    model: 'gemma2-f32',
    keys: { attn_logit_softcapping: 0, final_logit_softcapping: 0 },
    expected: { attentionSoftcap: undefined, logitSoftcap: undefined },
  },
  {
    name: 'a Gemma 2 that says nothing of limits and windows',
    model: 'gemma2-f32',
    keys: {
      attn_logit_softcapping: undefined,
      final_logit_softcapping: undefined,
      'attention.sliding_window': undefined,
    },
    expected: { attentionSoftcap: 50, logitSoftcap: 30, windows: [4096, undefined] },
  },
  {
    name: 'a Gemma 3 without a window',
    model: 'gemma3-q8_0-pattern',
    keys: { 'attention.sliding_window': undefined },
    expected: { windows: [undefined, undefined, undefined], localRope: undefined },
  },
  {
    name: 'windows by a period',
    model: 'gemma3-q8_0-pattern',
    keys: { 'attention.sliding_window_pattern': 2 },
    expected: { windows: [5, undefined, 5] },
  },
  {
    name: 'windows by numbers',
    model: 'gemma3-q8_0-pattern',
    keys: { 'attention.sliding_window_pattern': Int32Array.of(1, 0, 1) },
    expected: { windows: [5, undefined, 5] },
  },
  {
    name: 'a window without a word about layers, in a family that has none',
    model: 'qwen2-q8_0-yarn',
    keys: { 'attention.sliding_window': 5 },
    expected: { windows: [undefined] },
  },
]

describe('numbers of a model', () => {
  for (const { name, model, keys, expected } of rows) {
    it(name, async () => {
      const config = await read(model, keys)
      for (const [key, value] of Object.entries(expected))
        assert.deepEqual(rounded(config[key as keyof ModelConfig]), rounded(value), key)
    })
  }

  it('windows and chunks at once are refused', () =>
    assert.rejects(read('gemma2-f32', { 'attention.chunk_length': 8, 'attention.chunk_local_length': 2 }), {
      code: 'unsupported-arch',
      message: /windows and chunks/,
    }))

  for (const [length, local] of [
    [0, 2],
    [2.5, 2],
    [8, -1],
  ]) {
    it(`chunks of ${length} tokens that overlap by ${local} are refused`, () =>
      assert.rejects(
        read('qwen2-q8_0-yarn', {
          'attention.chunk_length': length,
          'attention.chunk_local_length': local,
        }),
        { code: 'bad-file' },
      ))
  }
})

async function read(model: string, keys: Row['keys']): Promise<ModelConfig> {
  const file = await openCheckpoint(`test/fixtures/tiny/${model}.gguf`)
  const architecture = stringOf(file.metadata, 'general.architecture')
  const metadata = new Map(file.metadata)
  for (const [key, value] of Object.entries(keys)) {
    if (value === undefined) metadata.delete(`${architecture}.${key}`)
    else metadata.set(`${architecture}.${key}`, value)
  }
  const checkpoint = Object.create(file, { metadata: { value: metadata } }) as Checkpoint
  await file.close()
  const spec = findArchitecture(architecture)
  assert.ok(spec.family === 'transformer')
  return readConfig(spec, checkpoint)
}

// To six digits, where the order of operations makes the last one.
function rounded(value: unknown): unknown {
  return typeof value === 'number' ? Number(value.toPrecision(6)) : value
}
