// What a step asks of the device, counted: plans are bound once, so a token costs a write and its submits, wherever in a text it is.
import assert from 'node:assert/strict'
import { silentLog } from '../../engine/base/log'
import { noProgress } from '../../engine/base/progress'
import { openDevice } from '../../engine/backend/webgpu/dawn'
import { WebGpuBackend } from '../../engine/backend/webgpu/webgpu-backend'
import { openCheckpoint } from '../../engine/format/open-checkpoint'
import { loadModel, type Model } from '../../engine/model/model'
import type { State } from '../../engine/model/state'
import type { KvCacheChoice } from '../../engine/protocol/settings'

const live = new AbortController().signal

interface Costs {
  bindGroups: number
  buffers: number
  writes: number
  submits: number
}

type Step = (model: Model, state: State) => Promise<unknown>

/** A token whose logits are read: the step, and the copy that is read. */
const read: Step = (model, state) => model.forward(state, [3], { outputs: 'last' }, live)

/** A token after which the device chooses the next one: both in one submit. */
const choose: Step = async (model, state) => {
  const choice = { vocabulary: 60, temperature: 0.8, topK: 9, topP: 0.9, minP: 0, seed: 4 }
  return (await model.choose(state, [3], choice)).read()
}

describe('what a step costs', () => {
  const rows: [string, string, KvCacheChoice, Step, submits: number][] = [
    ['logits of a transformer', 'tiny/llama-q4_0-wide-heads.gguf', 'f16', read, 2],
    ['a token that a transformer chooses', 'tiny/llama-q4_0-wide-heads.gguf', 'q8_0', choose, 1],
    ['logits of one with windows', 'tiny/gemma2-f32.gguf', 'f32', read, 2],
    ['logits of RWKV', 'tiny-rwkv/gguf-7-f32/model.gguf', 'f32', read, 2],
  ]
  for (const [name, file, kvCache, step, submits] of rows) {
    it(name, async () => {
      const open = await openDevice(silentLog)
      // In the middle one token's attention gets another kernel, and one more.
      const force = `attention-parts-4-${kvCache}`
      const backend = new WebGpuBackend(open, silentLog, { force, manyRows: 8, choosesTokens: true })
      const checkpoint = await openCheckpoint(`test/fixtures/${file}`)
      try {
        using model = await loadModel(
          { checkpoint, backend, kvCache, log: silentLog, progress: noProgress },
          live,
        )
        using state = model.createState(32)
        for (let warm = 0; warm < 3; warm++) await step(model, state)
        const costs = count(open.device)
        for (let token = 1; token <= 12; token++) {
          await step(model, state)
          assert.deepEqual(costs, { bindGroups: 0, buffers: 0, writes: token, submits: submits * token })
        }
      } finally {
        await checkpoint.close()
        backend.dispose()
      }
    })
  }
})

/** From now on. */
function count(device: GPUDevice): Costs {
  const costs: Costs = { bindGroups: 0, buffers: 0, writes: 0, submits: 0 }
  const counted = <Args extends unknown[], Result>(
    name: keyof Costs,
    call: (...args: Args) => Result,
  ): ((...args: Args) => Result) => {
    return (...args) => {
      costs[name]++
      return call(...args)
    }
  }
  const { queue } = device
  Object.assign(device, {
    createBindGroup: counted('bindGroups', device.createBindGroup.bind(device)),
    createBuffer: counted('buffers', device.createBuffer.bind(device)),
  })
  Object.assign(queue, {
    writeBuffer: counted('writes', queue.writeBuffer.bind(queue) as (...args: unknown[]) => undefined),
    submit: counted('submits', queue.submit.bind(queue)),
  })
  return costs
}
