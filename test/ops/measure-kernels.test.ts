// Kernels are measured on a real adapter; which of them wins is the adapter's affair, and that one of them does is ours.
import assert from 'node:assert/strict'
import { silentLog } from '../../engine/base/log'
import type { Situation } from '../../engine/backend/kernel-choice'
import { openBackend } from '../../engine/backend/open-backend'
import { byFeatures, contestOf, withoutTime, type Contest } from '../../engine/backend/webgpu/choose-kernels'
import { openDevice } from '../../engine/backend/webgpu/dawn'
import { noShape, type Kernel } from '../../engine/backend/webgpu/kernels/table'
import { agrees, measureKernels, type Measuring } from '../../engine/backend/webgpu/measure-kernels'

describe('measuring kernels', () => {
  // Every reading of the clock is a millisecond later, so all kernels are as fast as each other.
  let time = 0
  const small: Measuring = {
    shapes: {
      decode: { ...noShape, maxTokens: 1, rows: 96, cols: 64, integers: true },
      prefill: { ...noShape, maxTokens: 12, rows: 96, cols: 64, integers: true },
    },
    copies: { decode: 2, prefill: 1 },
    rounds: 3,
    submitMs: 0,
    budget: Infinity,
    now: () => time++,
  }

  const all = ({ rivals }: Contest): readonly Kernel[] => rivals
  const twin = ({ own }: Contest): readonly Kernel[] => [{ ...own, name: `twin of ${own.name}` }]
  const other = (main: string) => (contest: Contest) =>
    twin(contest).map((row) => ({ ...row, wgsl: row.wgsl.slice(0, row.wgsl.indexOf('@compute')) + main }))
  const empty = '@compute @workgroup_size(1) fn main() {}'
  const rows: [
    name: string,
    budget: number,
    rivals: (own: Contest) => readonly Kernel[],
    why: string | undefined,
  ][] = [
    ['when there is no time for others', 0, all, withoutTime('').why],
    ['when none is faster', Infinity, all, undefined],
    ['beside its twin', Infinity, twin, undefined],
    ['beside one that does not compile', Infinity, other('nonsense'), byFeatures('').why],
    ['beside one that computes something else', Infinity, other(empty), byFeatures('').why],
  ]
  for (const [name, budget, rivals, reason] of rows) {
    it(`takes the own kernels ${name}`, async () => {
      const open = await openDevice(silentLog)
      try {
        open.device.pushErrorScope('validation')
        const contest = (situation: Situation): Contest => {
          const full = contestOf(situation, open.traits, { allowsRounding: true })
          return { own: full.own, rivals: rivals(full) }
        }
        const contests = { decode: contest('decode'), prefill: contest('prefill') }
        const got = await measureKernels(open, contests, { ...small, budget })
        const error = await open.device.popErrorScope()
        assert.equal(error, null, error?.message)
        for (const situation of ['decode', 'prefill'] as const) {
          const { kernel, why, isMeasured } = got[situation]
          assert.equal(kernel, contests[situation].own.name)
          assert.equal(isMeasured, reason === undefined)
          if (!isMeasured) assert.equal(why, reason)
        }
      } finally {
        open.release()
      }
    })
  }

  const products: [name: string, got: number[], tolerance: number, expected: boolean][] = [
    ['the same', [3, 4, 0], 0, true],
    ['hardly different', [3.003, 4, 0], 1e-3, true],
    ['different', [3.01, 4, 0], 1e-3, false],
    ['not all there', [3, 4], 1e-3, false],
    ['nothing', [0, 0, 0], 5e-2, false],
    ['no number', [3, NaN, 0], 5e-2, false],
  ]
  for (const [name, got, tolerance, expected] of products) {
    it(`takes a product that is ${name} ${expected ? 'as equal' : 'as another'}`, () => {
      assert.equal(agrees(new Float32Array([3, 4, 0]), new Float32Array(got), tolerance), expected)
    })
  }

  it('is left out without a memory: kernels follow from features', async () => {
    const { backend } = await openBackend('webgpu', silentLog)
    try {
      const { decode, prefill } = backend.device.kernels ?? {}
      assert.deepEqual(decode, byFeatures(decode?.kernel ?? ''))
      assert.deepEqual(prefill, byFeatures(prefill?.kernel ?? ''))
    } finally {
      backend.dispose()
    }
  })
})
