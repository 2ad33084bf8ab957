// The life of devices: how they are found, why they are not, and what happens when one goes away.
import assert from 'node:assert/strict'
import { silentLog } from '../../engine/base/log'
import { noProgress } from '../../engine/base/progress'
import type { Backend, Executable, Tensor } from '../../engine/backend/backend'
import { CpuBackend } from '../../engine/backend/cpu/cpu-backend'
import { PlainStorage } from '../../engine/backend/cpu/plain-storage'
import { openBackend } from '../../engine/backend/open-backend'
import { Profile } from '../../engine/backend/profile'
import { listAdapters, openDevice } from '../../engine/backend/webgpu/dawn'
import { WebGpuBackend } from '../../engine/backend/webgpu/webgpu-backend'
import { openCheckpoint } from '../../engine/format/open-checkpoint'
import { GraphBuilder } from '../../engine/graph/graph'
import { makePlan, type Plan } from '../../engine/graph/plan'
import { loadModel } from '../../engine/model/model'
import { EngineError, type EngineErrorCode } from '../../engine/protocol/errors'
import { randomWeight } from './random-blocks'

describe('devices', () => {
  it('lists the adapter with its limits', async () => {
    const adapters = await listAdapters()
    assert.ok(adapters.length > 0)
    for (const adapter of adapters) {
      assert.ok(adapter.name.length > 0)
      assert.ok((adapter.limits['maxStorageBufferBindingSize'] ?? 0) >= 128 * 2 ** 20)
    }
  })

  it('opens with the limits of the adapter, not the defaults', async () => {
    const open = await openDevice(silentLog)
    for (const [name, value] of Object.entries(open.adapter.limits)) {
      assert.equal(open.device.limits[name as 'maxBufferSize'], value, name)
    }
    open.release()
  })

  it('auto takes the adapter when it is faster than the cpu, and says so', async () => {
    const [adapter] = await listAdapters()
    const { backend, reason } = await openBackend('auto', silentLog)
    // Software adapters lose to the cpu backend.
    assert.equal(backend.kind, /SwiftShader|llvmpipe/.test(adapter?.name ?? '') ? 'cpu' : 'webgpu')
    assert.ok(adapter && reason.includes(adapter.name) && reason.includes('"auto"'), reason)
    backend.dispose()
  })

  it('cpu is taken when it was asked for', async () => {
    const { backend, reason } = await openBackend('cpu', silentLog)
    assert.equal(backend.kind, 'cpu')
    assert.match(reason, /hearth\.device is "cpu"/)
  })

  it('without a driver webgpu is refused with the reason, and auto falls back to the cpu', async () => {
    const before = process.env['VK_DRIVER_FILES']
    process.env['VK_DRIVER_FILES'] = 'no-such-driver.json'
    try {
      await rejects(openBackend('webgpu', silentLog), 'no-gpu')
      const { backend, reason } = await openBackend('auto', silentLog)
      assert.equal(backend.kind, 'cpu')
      assert.match(reason, /"auto" and WebGPU does not work: No WebGPU adapter .*no-such-driver\.json/)
    } finally {
      if (before === undefined) delete process.env['VK_DRIVER_FILES']
      else process.env['VK_DRIVER_FILES'] = before
    }
  })

  it('a lost device resolves lost and rejects reads', async () => {
    const open = await openDevice(silentLog)
    const backend = new WebGpuBackend(open, silentLog)
    const { plan, weights } = await smallModel(backend)
    const executable = await backend.compile(plan, weights)
    backend.run(executable, new Map(), { tokens: [1], position: 0 })
    open.device.destroy()
    await rejects(backend.read(executable), 'device-lost')
    assert.equal((await backend.lost).code, 'device-lost')
    await rejects(backend.read(executable), 'device-lost')
    backend.dispose()
  })

  it('a state that no binding holds is out of memory, with numbers', async () => {
    const backend = new WebGpuBackend(await openDevice(silentLog), silentLog, { maxBindingBytes: 65536 })
    assert.throws(
      () => backend.createState('k cache 0', 1000, 192),
      (error: unknown) =>
        error instanceof EngineError &&
        error.code === 'out-of-memory' &&
        /k cache 0 needs 0\.7 MiB, this GPU can bind 0\.1 MiB/.test(error.message) &&
        error.hint === 'Choose a smaller context.',
    )
    backend.dispose()
  })

  it('a plan without one of its weights is refused', async () => {
    const backend = new WebGpuBackend(await openDevice(silentLog), silentLog)
    const { plan } = await smallModel(backend)
    await rejects(backend.compile(plan, new Map()), 'internal')
    backend.dispose()
  })

  it('a step that ends inside the prefix is refused', async () => {
    for (const backend of [new CpuBackend(), new WebGpuBackend(await openDevice(silentLog), silentLog)]) {
      const g = new GraphBuilder()
      const x = g.value('tokens', 4, 'x')
      g.push({ op: 'embed', table: { weight: 'w' }, scale: 1, out: x })
      const cache = { state: 'cache' }
      g.push({ op: 'append', x, cache })
      const out = g.value('tokens', 4, 'attended')
      g.push({
        op: 'attention',
        q: x,
        k: cache,
        v: cache,
        heads: 1,
        kvHeads: 1,
        headDim: 4,
        valueDim: 4,
        scale: 1,
        window: undefined,
        softcap: undefined,
        slopes: undefined,
        prefix: true,
        chunks: undefined,
        out,
      })
      const plan = makePlan(g.build(out), { maxTokens: 2, outputs: 'all' })
      const executable = await backend.compile(plan, new Map([['w', await weight(backend, 8, 4)]]))
      const state = new Map([['cache', backend.createState('cache', 8, 4)]])
      const run = (prefix: number, position: number): void => {
        backend.run(executable, state, { tokens: [1, 2], position, prefix })
      }
      run(2, 0)
      run(2, 2)
      assert.throws(() => run(3, 0), /a step ends at token 2, inside the prefix of 3 tokens/)
      assert.throws(() => run(6, 3), /a step ends at token 5, inside the prefix of 6 tokens/)
      await backend.read(executable)
      backend.dispose()
    }
  })

  it('reads belong to the run before them, also when nobody waits in between', async () => {
    for (const backend of [new CpuBackend(), new WebGpuBackend(await openDevice(silentLog), silentLog)]) {
      const { plan, weights, table } = await smallModel(backend)
      const executable = await backend.compile(plan, weights)
      const reads = [3, 5, 1].map((token) => {
        backend.run(executable, new Map(), { tokens: [token], position: 0 })
        return backend.read(executable)
      })
      for (const [i, token] of [3, 5, 1].entries()) {
        assert.deepEqual(await reads[i], table.slice(token * 4, token * 4 + 4), backend.kind)
      }
      backend.dispose()
    }
  })

  it('a profile gets the times of the steps it wants measured, and changes no value', async () => {
    const profile = new Profile()
    const backends = [
      new CpuBackend(new PlainStorage(), profile),
      new WebGpuBackend(await openDevice(silentLog, { exactTimestamps: true }), silentLog, { profile }),
    ]
    for (const backend of backends) {
      const executable = await compileProduct(backend, 64, 32)
      const run = (measured: boolean, tokens: number[]): Promise<Float32Array> => {
        profile.enabled = measured
        backend.run(executable, new Map(), { tokens, position: 0 })
        return backend.read(executable)
      }
      assert.deepEqual(await run(true, [1, 2, 3]), await run(false, [1, 2, 3]))
      await run(true, [1])
      await run(true, [2])
      const { prefill, decode } = await profile.take()
      for (const [found, steps] of [
        [prefill, 1],
        [decode, 2],
      ] as const) {
        assert.equal(found.steps, steps)
        assert.deepEqual(
          found.kernels.map(({ launches, weightBytes }) => [launches, weightBytes]).toSorted(),
          [
            [steps, 0],
            [steps, steps * 64 * 32 * 4],
          ],
        )
        for (const { kernel, ms } of found.kernels) assert.ok(ms >= 0 && ms < 1000, `${kernel} ${ms} ms`)
        assert.ok(found.kernels.some(({ ms }) => ms > 0))
      }
      assert.deepEqual((await profile.take()).decode, { steps: 0, kernels: [] })
      assert.ok((await backend.copyBandwidth()) > 1e8)
      backend.dispose()
    }
  })

  it('a profile names the activation of products that gate, and of no others', async () => {
    const profile = new Profile()
    const open = await openDevice(silentLog, { exactTimestamps: true })
    const backend = new WebGpuBackend(open, silentLog, { profile })
    const checkpoint = await openCheckpoint('test/fixtures/tiny/llama-q4_0.gguf')
    const signal = new AbortController().signal
    using model = await loadModel({ checkpoint, backend, log: silentLog, progress: noProgress }, signal)
    await checkpoint.close()
    using state = model.createState(8)
    profile.enabled = true
    await model.forward(state, [1], { outputs: 'last' }, signal)
    const { decode } = await profile.take()
    const products = decode.kernels.filter(({ kernel }) => /^mat(vec|mul)/.test(kernel))
    const launches = (gates: boolean): number =>
      products
        .filter(({ kernel }) => kernel.endsWith(' silu') === gates)
        .reduce((sum, row) => sum + row.launches, 0)
    // Of the one layer gate and up are one; q, k and v are another, and so are output, down and, after it, the logits.
    assert.deepEqual([launches(true), launches(false)], [1, 4])
    backend.dispose()
  })

  it('the cpu backend lets the event loop run while it computes', async () => {
    const backend = new CpuBackend()
    const executable = await compileProduct(backend, 20_000, 512)
    backend.run(executable, new Map(), { tokens: [0, 1, 2, 3, 4, 5, 6, 7], position: 0 })
    let turns = 0
    const timer = setInterval(() => turns++, 1)
    const start = performance.now()
    await backend.read(executable)
    const took = performance.now() - start
    clearInterval(timer)
    assert.ok(turns >= Math.floor(took / 50), `${turns} turns in ${took.toFixed(0)} ms`)
    assert.ok(turns > 0)
  })
})

/** The table times the row of the token, for up to 8 tokens. */
async function compileProduct(backend: Backend, rows: number, cols: number): Promise<Executable> {
  const g = new GraphBuilder()
  const x = g.value('tokens', cols, 'x')
  g.push({ op: 'embed', table: { weight: 'w' }, scale: 1, out: x })
  const out = g.value('tokens', rows, 'product')
  g.push({ op: 'matmul', weight: { weight: 'w' }, bias: undefined, scale: 1, x, add: undefined, out })
  const weights = new Map([['w', await weight(backend, rows, cols)]])
  return backend.compile(makePlan(g.build(out), { maxTokens: 8, outputs: 'all' }), weights)
}

/** Returns the row of the token: the smallest plan there is. */
async function smallModel(
  backend: Backend,
): Promise<{ plan: Plan; weights: Map<string, Tensor>; table: Float32Array }> {
  const g = new GraphBuilder()
  const out = g.value('tokens', 4, 'row')
  g.push({ op: 'embed', table: { weight: 'w' }, scale: 1, out })
  const plan = makePlan(g.build(out), { maxTokens: 2, outputs: 'all' })
  const table = new Float32Array(randomWeight('f32', 8, 4, 1).buffer)
  return { plan, table, weights: new Map([['w', await weight(backend, 8, 4)]]) }
}

function weight(backend: Backend, rows: number, cols: number): Promise<Tensor> {
  const bytes = randomWeight('f32', rows, cols, 1)
  return backend.createWeight({ label: 'w', type: 'f32', rows, cols }, (offset, length) =>
    Promise.resolve(bytes.subarray(offset, offset + length)),
  )
}

function rejects(work: Promise<unknown>, code: EngineErrorCode): Promise<void> {
  return assert.rejects(work, (error: unknown) => {
    assert.ok(error instanceof EngineError, String(error))
    assert.equal(error.code, code, error.message)
    return true
  })
}
