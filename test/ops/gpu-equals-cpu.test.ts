// Every kernel, type and shape on the WebGPU adapter, compared with the cpu backend. Runs on any adapter; HEARTH_TEST_ADAPTER
// names the one that is expected, so that a machine cannot quietly test another.
import assert from 'node:assert/strict'
import { silentLog } from '../../engine/base/log'
import { CpuBackend } from '../../engine/backend/cpu/cpu-backend'
import { openDevice, type OpenDevice } from '../../engine/backend/webgpu/dawn'
import { kernels, type Shape } from '../../engine/backend/webgpu/kernels/table'
import { WebGpuBackend } from '../../engine/backend/webgpu/webgpu-backend'
import { bandCase, embedCase, matmulCases, otherCases, types, type OpCase } from './op-cases'
import { difference, runCase } from './run-case'

describe('gpu equals cpu', () => {
  const cpu = new CpuBackend()
  let open: OpenDevice
  let gpu: WebGpuBackend

  before(async () => {
    open = await openDevice(silentLog)
    gpu = new WebGpuBackend(open, silentLog)
  })
  after(() => gpu.dispose())

  async function check(row: OpCase, backend: WebGpuBackend): Promise<void> {
    const expected = await runCase(cpu, row)
    const got = await runCase(backend, row)
    for (const [index, result] of expected.entries()) {
      const wrong = difference(result, got[index] ?? new Float32Array(), row.tolerance)
      const { tokens, position } = row.steps[index] ?? { tokens: [], position: 0 }
      assert.equal(wrong, undefined, `${row.name}, ${tokens.length} tokens at ${position}`)
    }
  }

  it('runs on the expected adapter', () => {
    const expected = process.env['HEARTH_TEST_ADAPTER'] ?? ''
    assert.ok(gpu.device.name.includes(expected), `"${gpu.device.name}" instead of "${expected}"`)
  })

  for (const kernel of kernels.filter((row) => row.op === 'matmul')) {
    const tokens = kernel.name.startsWith('matvec') ? 'one' : 'many'
    for (const type of types) {
      it(`${kernel.name} ${type}`, async () => {
        const forced = new WebGpuBackend(open, silentLog, { force: kernel.name })
        const runnable = matmulCases(type, tokens).filter((row) => kernel.can(matmulShape(row), open.traits))
        assert.ok(runnable.length > 0, `${kernel.name} runs nowhere on ${gpu.device.name}`)
        for (const row of runnable) await check(row, forced)
      })
    }
  }

  for (const type of types) {
    it(`${type} in bands`, async () => {
      const small = new WebGpuBackend(open, silentLog, { maxBindingBytes: 65536 })
      await check(bandCase(type, [1]), small)
      await check(bandCase(type, [7, 2]), small)
      await check(embedCase(type, 501, type.endsWith('_k') ? 768 : 576), small)
    })

    it(`embed ${type}`, async () => {
      await check(embedCase(type, 37, 256), gpu)
      if (type === 'f32' || type.endsWith('f16')) await check(embedCase(type, 37, 50), gpu)
    })
  }

  for (const row of otherCases) it(row.name, () => check(row, gpu))
})

function matmulShape(row: OpCase): Shape {
  const { rows, cols } = row.weights['w'] ?? { rows: 0, cols: 0 }
  return { maxTokens: row.maxTokens, rows, cols, headDim: 0, activation: '' }
}
