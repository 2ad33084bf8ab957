// Every operation, type and shape with the SIMD kernels, compared with the plain loops; and what becomes of their memory.
import assert from 'node:assert/strict'
import { SimdStorage } from '../../engine/backend/cpu-simd/simd-storage'
import { CpuBackend } from '../../engine/backend/cpu/cpu-backend'
import { tensorTypes, type TensorType } from '../../engine/format/ggml-types'
import type { OpCase } from './op-case'
import { embedCase, gatedMatmulCases, matmulCases, normedMatmulCases, otherCases, types } from './op-cases'
import { randomWeight } from './random-blocks'
import { difference, runCase } from './run-case'

// Every job is shared by so many threads, however small it is; more than this machine's processors take turns.
for (const threads of [1, 2, 3]) {
  describe(`simd equals plain loops, threads: ${threads}`, () => {
    const plain = new CpuBackend()
    const storage = new SimdStorage({ fixed: threads })
    const simd = new CpuBackend(storage)

    async function check(rows: readonly OpCase[], tolerance = 0): Promise<void> {
      for (const row of rows) {
        const [expected, got] = [await runCase(plain, row), await runCase(simd, row)]
        assert.equal(difference(expected, got, Math.max(tolerance, row.tolerance)), undefined, row.name)
      }
    }

    // Rounding to 16 bits: a mean square error of 1e-9 at most.
    const tolerance = (type: TensorType): number => (tensorTypes[type].block === 1 ? 0 : 3e-9)

    for (const type of types) {
      for (const tokens of ['one', 'many'] as const)
        it(`matmul ${type}, ${tokens}`, () =>
          check(
            [
              ...matmulCases(type, tokens),
              ...gatedMatmulCases(type, tokens),
              ...normedMatmulCases(type, tokens),
            ],
            tolerance(type),
          ))
      it(`embed ${type}`, () => check([embedCase(type, 37, 256), embedCase(type, 501, 768, 12)]))
    }

    for (const row of otherCases) it(row.name, () => check([row], 1e-9))

    after(() => {
      simd.dispose()
      assert.equal(storage.helped > 0, threads > 1, `${storage.helped} parts`)
    })
  })
}

describe('simd storage', () => {
  it('gives memory back with the last tensor, and hands out zeros again', async () => {
    const storage = new SimdStorage()
    const weight = await storage.createWeight({ label: 'w', type: 'q4_0', rows: 40, cols: 64 }, zeros)
    const state = storage.createState('k', 16, 64)
    assert.equal(storage.arenas, 1)
    state.values?.fill(7)
    storage.destroy(state)
    const next = storage.createState('k', 8, 64)
    assert.ok(next.values?.length === 8 * 64 && next.values.every((value) => value === 0))
    storage.destroy(next)
    storage.destroy(weight)
    assert.equal(storage.arenas, 0)
  })

  it('opens another memory when one is full', () => {
    const storage = new SimdStorage()
    // Address space only: the rows are never written.
    const rows = 3 * 2 ** 20
    const states = ['k', 'v'].map((label) => storage.createState(label, rows, 256))
    assert.equal(storage.arenas, 2)
    for (const state of states) storage.destroy(state)
    assert.equal(storage.arenas, 0)
  })

  it('a large product pauses often', async () => {
    const storage = new SimdStorage()
    const [rows, cols, tokens] = [8192, 512, 8]
    const weight = await storage.createWeight({ label: 'w', type: 'q8_0', rows, cols }, zeros)
    const epilogue = { bias: undefined, scale: 1, add: undefined }
    const [x, out] = [new Float32Array(tokens * cols), new Float32Array(tokens * rows)]
    const pauses = [...storage.matmul(weight, x, tokens, epilogue, out)].length
    assert.ok(pauses >= (rows * cols * tokens) / 2 ** 22, `${pauses} pauses`)
  })

  it('computes on one thread when the others have ended', async () => {
    const storage = new SimdStorage({ fixed: 2 })
    const [rows, cols, tokens] = [8192, 512, 8]
    const bytes = randomWeight('q4_0', rows, cols, 1)
    const weight = await storage.createWeight({ label: 'w', type: 'q4_0', rows, cols }, (at, length) =>
      Promise.resolve(bytes.subarray(at, at + length)),
    )
    const x = Float32Array.from({ length: tokens * cols }, (_, i) => Math.sin(i))
    const product = (): Float32Array => {
      const out = new Float32Array(tokens * rows)
      const work = storage.matmul(weight, x, tokens, { bias: undefined, scale: 1, add: undefined }, out)
      while (!work.next().done);
      return out
    }
    const shared = product()
    // The system may not have let the other thread begin in time.
    for (let i = 0; i < 100 && storage.helped === 0; i++) assert.deepEqual(product(), shared)
    const { helped } = storage
    assert.ok(helped > 0)
    storage.dispose()
    // Ended threads tell it through the event loop.
    await new Promise((resolve) => setTimeout(resolve, 50))
    assert.deepEqual(product(), shared)
    assert.equal(storage.helped, helped)
  })

  it('leaves no memory behind when a file cannot be read', async () => {
    const storage = new SimdStorage()
    const broken = storage.createWeight({ label: 'w', type: 'q4_0', rows: 40, cols: 64 }, () =>
      Promise.reject(new Error('gone')),
    )
    await assert.rejects(broken, /gone/)
    const weight = await storage.createWeight({ label: 'w', type: 'q4_0', rows: 40, cols: 64 }, zeros)
    storage.destroy(weight)
    assert.equal(storage.arenas, 0)
  })

  function zeros(_: number, length: number): Promise<Uint8Array> {
    return Promise.resolve(new Uint8Array(length))
  }
})
