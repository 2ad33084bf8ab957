// What webgpu makes of each family's layer, one kernel launch per operation, and that fusion changes no logit.
import assert from 'node:assert/strict'
import type { Backend } from '../../../engine/backend/backend'
import { CpuBackend } from '../../../engine/backend/cpu/cpu-backend'
import { webgpuFusions } from '../../../engine/backend/webgpu/webgpu-backend'
import { silentLog } from '../../../engine/base/log'
import { noProgress } from '../../../engine/base/progress'
import { openCheckpoint } from '../../../engine/format/open-checkpoint'
import { buildModel } from '../../../engine/model/build-model'
import { fuseModel } from '../../../engine/model/fuse-model'
import { loadModel } from '../../../engine/model/model'
import { relativeDifference, tinyModels, tinyRwkv, type TinyCheckpoint } from '../../arch/tiny-models'

const live = new AbortController().signal

// The model, what comes before its layers, a layer, and what comes after them.
const rows: readonly [string, string, string, string][] = [
  ['llama-q4_0', 'embed', llamaLayer(), head()],
  // A width that is no multiple of the rows that gates take turns by.
  ['llama-f16-biases', 'embed', llamaLayer('matmul gated'), head()],
  ['qwen2-q5_1', 'embed', llamaLayer(), head()],
  ['minicpm-q8_0-inverse', 'embed', llamaLayer(), head()],
  ['phi3-q4_0', 'embed', llamaLayer(), head()],
  [
    'gemma2-q8_0-defaults',
    'embed',
    'matmul rope-append attention matmul rms-norm add matmul matmul rms-norm add',
    `${head()} softcap`,
  ],
  // Its gates let through what is no product.
  [
    'rwkv/pth-5.2-bf16',
    'embed layer-norm',
    'layer-norm shift-mix matmul shift-mix matmul shift-mix matmul wkv-5 layer-norm shift-mix matmul gated keep-last matmul ' +
      'layer-norm shift-mix shift-mix keep-last matmul activate matmul matmul gated add',
    'select-outputs layer-norm matmul',
  ],
  [
    'qwen3-q8_0',
    'embed',
    'matmul matmul matmul rms-norm rms-norm rope-append attention matmul matmul matmul',
    head(),
  ],
]

describe('fused models', () => {
  for (const [name, before, layer, after] of rows) {
    it(`${name} has ${layer.split(' ').length} operations in a layer`, () =>
      checkLayer(name, before, layer, after))
    it(`${name} computes the same`, () => checkLogits(name))
  }
})

function llamaLayer(gated = 'matmul'): string {
  return `matmul rope-append attention matmul ${gated} matmul`
}

function tiny(name: string): TinyCheckpoint {
  const found = [...tinyModels(), ...tinyRwkv()].find((model) => model.name === name)
  if (found) return found
  throw new Error(`no tiny model ${name}`)
}

function head(): string {
  return 'select-outputs matmul'
}

async function checkLayer(name: string, before: string, layer: string, after: string): Promise<void> {
  const checkpoint = await openCheckpoint(tiny(name).path)
  try {
    const { graph } = fuseModel(await buildModel(checkpoint, undefined), checkpoint, webgpuFusions.gpu)
    const found = graph.operations.map(({ op }) => op).join(' ')
    const layers = (found.match(/attention|wkv-5/g) ?? []).length
    assert.ok(layers > 0)
    assert.equal(found, [before, ...Array<string>(layers).fill(layer), after].join(' '))
  } finally {
    await checkpoint.close()
  }
}

async function checkLogits(name: string): Promise<void> {
  const plain = await logits(name, new CpuBackend())
  for (const fusions of Object.values(webgpuFusions)) {
    const fused = await logits(name, Object.assign(new CpuBackend(), { fusions }))
    const difference = relativeDifference(fused, plain)
    assert.ok(difference < 1e-6, `${difference}`)
  }
}

async function logits(name: string, backend: Backend): Promise<Float32Array> {
  const { path, tokens } = tiny(name)
  const checkpoint = await openCheckpoint(path)
  try {
    using model = await loadModel({ checkpoint, backend, log: silentLog, progress: noProgress }, live)
    using state = model.createState(tokens.length)
    await model.forward(state, tokens.slice(0, -1), { outputs: 'last' }, live)
    return await model.forward(state, tokens.slice(-1), { outputs: 'last' }, live)
  } finally {
    await checkpoint.close()
  }
}
