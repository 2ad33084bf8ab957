// What a file leaves out and its model's size tells.
import assert from 'node:assert/strict'
import { baichuan } from '../../../engine/arch/baichuan'
import type { Checkpoint, MetadataValue } from '../../../engine/format/checkpoint'
import { readConfig, type ModelConfig } from '../../../engine/model/config'

describe('a model of a known size', () => {
  const published = { layers: 32, vocabulary: 64_000 }
  check('Baichuan 7B', published, { alibi: undefined, unitRows: false })
  check('Baichuan 13B', { ...published, layers: 40 }, { alibi: 8, unitRows: false })
  check('Baichuan 2 7B', { ...published, vocabulary: 125_696 }, { alibi: undefined, unitRows: true })
  check('Baichuan 2 13B', { layers: 40, vocabulary: 125_696 }, { alibi: 8, unitRows: true })
  check(
    'one that says the opposite',
    { layers: 40, vocabulary: 125_696, 'attention.max_alibi_bias': 0, output_rows_normalized: false },
    { alibi: undefined, unitRows: false },
  )
})

it('numbers that are listed once per layer', () => {
  const config = read(2, 300, {
    'attention.head_count': [4, 4],
    'attention.head_count_kv': [2, 2],
    feed_forward_length: [80, 80],
  })
  assert.deepEqual([config.heads, config.kvHeads, config.ffn], [4, 2, 80])
})

function check(
  name: string,
  { layers, vocabulary, ...more }: { layers: number; vocabulary: number; [key: string]: MetadataValue },
  expected: { alibi: number | undefined; unitRows: boolean },
): void {
  it(name, () => {
    const config = read(layers, vocabulary, more)
    assert.equal(config.alibiBias, expected.alibi)
    assert.equal(config.rope === undefined, expected.alibi !== undefined)
    assert.equal(config.unitRows, expected.unitRows)
  })
}

function read(layers: number, vocabulary: number, more: Record<string, MetadataValue>): ModelConfig {
  const numbers = {
    block_count: layers,
    embedding_length: 64,
    feed_forward_length: 96,
    context_length: 512,
    'attention.head_count': 4,
    'attention.layer_norm_rms_epsilon': 1e-6,
    ...more,
  }
  const embedding = {
    name: 'token_embd.weight',
    type: 'f32',
    shape: [vocabulary, 64],
    bytes: vocabulary * 256,
  } as const
  const checkpoint: Checkpoint = {
    path: '',
    layout: 'gguf',
    metadata: new Map<string, MetadataValue>([
      ['general.architecture', 'baichuan'],
      ...Object.entries(numbers).map(([key, value]) => [`baichuan.${key}`, value] as const),
    ]),
    // Every layer has tensors; which ones does not matter here.
    tensors: new Map([
      [embedding.name, embedding],
      ...Array.from({ length: layers }, (_, n) => [`blk.${n}.attn_norm.weight`, embedding] as const),
    ]),
    read: () => Promise.reject(new Error('nothing to read')),
    close: () => Promise.resolve(),
  }
  return readConfig(baichuan, checkpoint)
}
