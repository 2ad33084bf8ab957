// Files of RWKV with something wrong: one error that names it, before anything is uploaded.
import assert from 'node:assert/strict'
import type { Checkpoint, MetadataValue, TensorInfo } from '../../../engine/format/checkpoint'
import { openCheckpoint } from '../../../engine/format/open-checkpoint'
import { buildModel } from '../../../engine/model/build-model'
import { estimateMemory } from '../../../engine/model/memory'
import { EngineError } from '../../../engine/protocol/errors'

interface Row {
  what: string
  file: string
  tensors?: Record<string, number[] | 'missing'>
  metadata?: Record<string, MetadataValue>
  says: RegExp
  code?: string
}

const pth5 = 'pth-5.2-bf16/model.pth'
const pth7 = 'pth-7-f32/model.pth'
const gguf6 = 'gguf-6-f16-rescaled/model.gguf'

const rows: readonly Row[] = [
  {
    what: 'a matrix is missing',
    file: pth5,
    tensors: { 'blocks.1.att.value.weight': 'missing' },
    says: /lacks the tensor "blocks\.1\.att\.value\.weight"/,
  },
  {
    what: 'a blend is missing',
    file: pth7,
    tensors: { 'blocks.2.att.x_a': 'missing' },
    says: /lacks the tensor "blocks\.2\.att\.x_a"/,
  },
  {
    what: 'the blends of all inputs are missing',
    file: gguf6,
    tensors: { 'blk.1.time_mix_lerp_fused.weight': 'missing' },
    says: /lacks the tensor "blk\.1\.time_mix_lerp_fused\.weight"/,
  },
  {
    what: 'the first layer is missing',
    file: pth5,
    tensors: { 'blocks.0.ffn.key.weight': 'missing' },
    says: /lacks the tensor "blocks\.0\.ffn\.key\.weight"/,
  },
  {
    what: 'a matrix of another shape',
    file: pth5,
    tensors: { 'blocks.1.att.output.weight': [24, 25] },
    says: /"blocks\.1\.att\.output\.weight" is 24 x 25, but .* 24 x 24/,
  },
  {
    what: 'a vector of another length',
    file: pth7,
    tensors: { 'blocks.1.ln2.bias': [23] },
    says: /"blocks\.1\.ln2\.bias" is 23, but .* 24/,
  },
  {
    what: 'a decay for neither heads nor channels',
    file: pth5,
    tensors: { 'blocks.1.att.time_decay': [7] },
    says: /"blocks\.1\.att\.time_decay" is 7/,
  },
  {
    what: 'narrow matrices that do not meet',
    file: pth7,
    tensors: { 'blocks.1.att.w2': [6, 24] },
    says: /"blocks\.1\.att\.w2" is 6 x 24/,
  },
  {
    what: 'five narrow matrices of which one is longer',
    file: gguf6,
    tensors: { 'blk.0.time_mix_w1.weight': [26, 20] },
    says: /"blk\.0\.time_mix_w1\.weight" is 26 x 20/,
  },
  {
    what: 'a tensor that nothing reads',
    file: pth7,
    tensors: { 'blocks.0.att.time_state': [3, 8, 8] },
    says: /"blocks\.0\.att\.time_state" that this version does not understand/,
    code: 'unsupported-arch',
  },
  {
    what: 'heads that do not fill the width',
    file: pth5,
    metadata: { 'rwkv5.wkv.head_size': 7 },
    says: /heads comes to 3\.4/,
  },
  { what: 'no heads', file: gguf6, metadata: { 'rwkv6.wkv.head_size': 0 }, says: /heads comes to Infinity/ },
  { what: 'no layers', file: gguf6, metadata: { 'rwkv6.block_count': 0 }, says: /layers comes to 0/ },
  {
    what: 'more layers than there are',
    file: gguf6,
    metadata: { 'rwkv6.block_count': 1e9 },
    says: /lacks the tensor "blk\.5\./,
  },
  {
    what: 'an impossible rescaling',
    file: gguf6,
    metadata: { 'rwkv6.rescale_every_n_layers': -1 },
    says: /rescaleEvery comes to -1/,
  },
  {
    what: 'an impossible eps',
    file: gguf6,
    metadata: { 'rwkv6.attention.group_norm_epsilon': NaN },
    says: /headNormEps comes to NaN/,
  },
  {
    what: 'no eps',
    file: gguf6,
    metadata: { 'rwkv6.attention.layer_norm_epsilon': 'small' },
    says: /layer_norm_epsilon must be a number/,
  },
]

describe('files of RWKV with something wrong', () => {
  for (const { what, file, tensors = {}, metadata = {}, says, code = 'bad-file' } of rows) {
    it(what, async () => {
      const checkpoint = await openCheckpoint(`test/fixtures/tiny-rwkv/${file}`)
      await checkpoint.close()
      const broken = changed(checkpoint, tensors, metadata)
      const refused = (error: unknown): boolean => {
        assert.ok(error instanceof EngineError, String(error))
        assert.match(error.message, says)
        assert.equal(error.code, code)
        assert.ok(error.hint)
        return true
      }
      await assert.rejects(buildModel(broken, 100), refused)
    })
  }

  it('and nothing wrong', async () => {
    for (const file of [pth5, pth7, gguf6]) {
      const checkpoint = await openCheckpoint(`test/fixtures/tiny-rwkv/${file}`)
      await checkpoint.close()
      const built = await buildModel(changed(checkpoint, {}, {}), undefined)
      assert.equal(built.contextLength, Infinity)
      // However long the text.
      assert.equal(estimateMemory(checkpoint, 100).state, estimateMemory(checkpoint, 1e6).state)
    }
  })
})

function changed(
  checkpoint: Checkpoint,
  tensors: Record<string, number[] | 'missing'>,
  metadata: Record<string, MetadataValue>,
): Checkpoint {
  const result = new Map<string, TensorInfo>(checkpoint.tensors)
  for (const [name, shape] of Object.entries(tensors)) {
    if (shape === 'missing') assert.ok(result.delete(name))
    else result.set(name, { name, type: 'f32', shape, bytes: 4 * shape.reduce((a, b) => a * b, 1) })
  }
  return {
    ...checkpoint,
    metadata: new Map([...checkpoint.metadata, ...Object.entries(metadata)]),
    tensors: result,
  }
}
