// Every kernel, type and shape on the WebGPU adapter, compared with the cpu backend. Runs on any adapter; HEARTH_TEST_ADAPTER
// names the one that is expected, so that a machine cannot quietly test another.
import assert from 'node:assert/strict'
import { silentLog } from '../../engine/base/log'
import { CpuBackend } from '../../engine/backend/cpu/cpu-backend'
import { quants } from '../../engine/backend/quants/table'
import { openDevice } from '../../engine/backend/webgpu/dawn'
import { kernels, noShape, type DeviceTraits, type Shape } from '../../engine/backend/webgpu/kernels/table'
import { WebGpuBackend, type WebGpuOptions } from '../../engine/backend/webgpu/webgpu-backend'
import { tensorTypes, type TensorType } from '../../engine/format/ggml-types'
import { attentionCases, farAttentionCases } from './attention-cases'
import type { OpCase } from './op-case'
import {
  bandCase,
  embedCase,
  gatedBandCase,
  gatedMatmulCases,
  matmulCases,
  normedMatmulCases,
  otherCases,
  roundingCases,
  types,
} from './op-cases'
import { difference, runCase } from './run-case'

describe('gpu equals cpu', () => {
  const cpu = new CpuBackend()

  async function check(rows: readonly OpCase[], options: WebGpuOptions = {}): Promise<void> {
    const gpu = new WebGpuBackend(await openDevice(silentLog), silentLog, options)
    try {
      for (const row of rows) await compare(row, gpu, options.force)
    } finally {
      gpu.dispose()
    }
  }

  async function compare(row: OpCase, gpu: WebGpuBackend, kernel = 'chosen kernel'): Promise<void> {
    const expected = await runCase(cpu, row)
    const got = await runCase(gpu, row)
    assert.equal(difference(expected, got, row.tolerance), undefined, `${row.name}, ${kernel}`)
  }

  let traits: DeviceTraits
  before(async () => {
    const open = await openDevice(silentLog)
    traits = open.traits
    open.release()
    const expected = process.env['HEARTH_TEST_ADAPTER'] ?? ''
    assert.ok(open.adapter.name.includes(expected), `"${open.adapter.name}" instead of "${expected}"`)
  })

  for (const type of types) {
    it(`matmul ${type}`, async () => {
      for (const kernel of kernels.filter((row) => row.op === 'matmul')) {
        const tokens = kernel.name.startsWith('matvec') ? 'one' : 'many'
        const rows = kernel.rounds
          ? roundingCases(type, tokens)
          : [
              ...matmulCases(type, tokens),
              ...gatedMatmulCases(type, tokens),
              ...normedMatmulCases(type, tokens),
            ]
        const runnable = rows.filter((row) => kernel.can(matmulShape(row), traits))
        // Kernels for 8 lanes are the only ones that an adapter may be too narrow for.
        const tooNarrow = kernel.name.endsWith('lanes-8') && (traits.subgroups?.min ?? 0) < 8
        const noIntegers = kernel.rounds && quants[type].integers === undefined
        const cannot = tooNarrow || noIntegers
        assert.equal(runnable.length === 0, cannot, `${kernel.name} has ${runnable.length} cases here`)
        // A kernel knows a type by load_chunk and weights4 alone, and a software adapter compiles a pair of them for seconds.
        const chosen = rows.some((row) => kernel.when(matmulShape(row), traits))
        if (chosen || kernel.rounds || oneTypeOfEachKind.includes(type))
          await check(runnable, { force: kernel.name })
      }
    })
  }

  for (const type of types) {
    it(`${type} in bands`, async () => {
      const cols = tensorTypes[type].block === 256 ? 768 : 576
      const bands = [[1], [7, 2]].flatMap((tokens) => [bandCase(type, tokens), gatedBandCase(type, tokens)])
      await check([...bands, embedCase(type, 501, cols)], { maxBindingBytes: 65536 })
    })

    it(`embed ${type}`, async () => {
      const odd = tensorTypes[type].block === 1 ? [embedCase(type, 37, 50)] : []
      await check([embedCase(type, 37, 256), ...odd])
    })
  }

  // All head sizes, so that the kernels for vec4 also meet sizes they leave to the others.
  for (const kernel of kernels.filter((row) => row.op === 'attention')) {
    it(`${kernel.name}`, async () => {
      const rowsOf = (cases: readonly OpCase[], oneToken: boolean): OpCase[] =>
        cases.filter(
          ({ states, maxTokens }) =>
            kernel.name.endsWith(states['k cache']?.type ?? '') && (maxTokens === 1 || !oneToken),
        )
      const takesMany = kernel.parts > 0
      await check(rowsOf(attentionCases, takesMany), { force: kernel.name, manyRows: 1 })
      // Where a text grows from few rows to many, and far behind that.
      if (takesMany) await check(rowsOf(farAttentionCases, true), { force: kernel.name, manyRows: 30 })
    })
  }

  for (const row of otherCases) it(row.name, () => check([row]))
})

/** Without scales and with them, of blocks and of parts of blocks: for kernels that this adapter would not choose. */
const oneTypeOfEachKind: readonly TensorType[] = ['f32', 'f16', 'q8_0', 'q4_k', 'q3_k']

function matmulShape(row: OpCase): Shape {
  const { type, rows, cols } = row.weights['w'] ?? { type: 'f32', rows: 0, cols: 0 }
  const integers = quants[type].integers !== undefined
  return { ...noShape, maxTokens: row.maxTokens, rows, cols, integers }
}
