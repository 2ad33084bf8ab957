// A file whose numbers do not fit its tensors is refused before anything is computed from it.
import assert from 'node:assert/strict'
import { CpuBackend } from '../../../engine/backend/cpu/cpu-backend'
import { silentLog } from '../../../engine/base/log'
import { noProgress } from '../../../engine/base/progress'
import type { Checkpoint, MetadataValue } from '../../../engine/format/checkpoint'
import { openCheckpoint } from '../../../engine/format/open-checkpoint'
import { loadModel } from '../../../engine/model/model'
import { EngineError } from '../../../engine/protocol/errors'

describe('a model file with a wrong number', () => {
  check('llama.feed_forward_length', 32, 'bad-file', /"blk\.0\.ffn_gate\.weight" is 60 x 48, but .* 32 x 48/)
  check('llama.embedding_length', 32, 'bad-file', /"token_embd\.weight"/)
  check('llama.attention.head_count', 7, 'bad-file', /do not fit together/)
  check('llama.rope.dimension_count', 7, 'bad-file', /7 rotary columns/)
  check('llama.rope.dimension_count', 4e9, 'bad-file', /4000000000 rotary columns/)
  check('llama.block_count', 3, 'bad-file', /lacks the tensor "blk\.2\./)
  check('llama.block_count', 2 ** 31, 'bad-file', /is 2147483648, more than the possible 4096/)
  check('llama.block_count', 1, 'unsupported-arch', /"blk\.1\..*does not understand/)
  check('llama.block_count', 0, 'bad-file', /must be a positive whole number/)
  check(
    'llama.attention.head_count_kv',
    [2, 1],
    'unsupported-arch',
    /Layers differ in "llama\.attention\.head_count_kv"/,
  )
  check('llama.feed_forward_length', [48], 'bad-file', /has 1 entries/)
  check('general.architecture', 'mamba', 'unsupported-arch', /"mamba" is not supported; known: llama, /)
  check(
    'gemma3.attention.sliding_window_pattern',
    [true],
    'bad-file',
    /has 1 entries for 6 layers/,
    'gemma3-f32',
  )
  check('llama.attention.chunk_length', 8, 'bad-file', /chunk_local_length is missing/)
  check(
    'minicpm3.rope.dimension_count',
    18,
    'bad-file',
    /18 rotary columns do not fit heads of 16/,
    'minicpm3-f16',
  )
  check(
    'minicpm3.rope.dimension_count',
    8,
    'bad-file',
    /attn_kv_a_mqa\.weight" has 20 rows, .* ask for 22/,
    'minicpm3-f16',
  )
  check('minicpm3.attention.kv_lora_rank', 12, 'bad-file', /"blk\.0\.attn_kv_a_norm\.weight"/, 'minicpm3-f16')
  check('minicpm3.attention.key_length', 18, 'bad-file', /attn_q_b/, 'minicpm3-f16')
  check('qwen2.attention.layer_norm_rms_epsilon', NaN, 'bad-file', /normEps comes to NaN/, 'qwen2-q8_0-yarn')
  check('qwen2.rope.freq_base', 0, 'bad-file', /a frequency of Infinity/, 'qwen2-q8_0-yarn')
  check('qwen2.rope.scaling.factor', 0, 'bad-file', /a frequency of (NaN|Infinity)/, 'qwen2-q8_0-yarn')
  check('qwen2.rope.scaling.factor', NaN, 'bad-file', /context_length" is NaN/, 'qwen2-q8_0-yarn')
  check('qwen2.rope.scaling.original_context_length', 0, 'bad-file', /is 0 tokens/, 'qwen2-q8_0-yarn')
  check('gemma2.attn_logit_softcapping', -1, 'bad-file', /attentionSoftcap comes to -1/, 'gemma2-f32')
  check('minicpm.logit_scale', 0, 'bad-file', /scale of the logits comes to 0/, 'minicpm-f32')
  check('minicpm.residual_scale', NaN, 'bad-file', /scale of the branch comes to NaN/, 'minicpm-f32')
})

function check(
  key: string,
  value: MetadataValue,
  code: string,
  message: RegExp,
  model = 'tiny-llama-chat',
): void {
  it(`${key} = ${String(value)}`, async () => {
    const file = await openCheckpoint(`test/fixtures/tiny/${model}.gguf`)
    const checkpoint: Checkpoint = Object.create(file, {
      metadata: { value: new Map([...file.metadata, [key, value]]) },
    }) as Checkpoint
    const backend = new CpuBackend()
    try {
      await assert.rejects(
        loadModel(
          { checkpoint, backend, log: silentLog, progress: noProgress },
          new AbortController().signal,
        ),
        (error) => error instanceof EngineError && error.code === code && message.test(error.message),
      )
    } finally {
      await file.close()
      backend.dispose()
    }
  })
}
