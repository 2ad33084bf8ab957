// `hearth bench` on a GPU: what it says, and that it adds up. How fast anything is, is no test's business.
import assert from 'node:assert/strict'
import type { PositionCosts } from '../../engine/cli/bench-positions'
import type { DeviceProfile } from '../../engine/cli/bench-profile'
import type { Measured, Spread } from '../../engine/cli/bench-rounds'
import { hearth } from '../cli/engine-command'

const model = ['--model', 'test/fixtures/tiny/llama-q4_0.gguf', '--backend', 'webgpu']

describe('bench on a GPU', function () {
  this.timeout(60_000)

  const json = async <T>(...args: string[]): Promise<T> => {
    const { code, stdout, stderr } = await hearth(['bench', ...model, '--repeat', '2', ...args, '--json'])
    assert.equal(code, 0, stderr)
    return JSON.parse(stdout) as T
  }

  it('speeds', async () => {
    const found = await json<Measured>('--prompt', '8,16', '--gen', '4')
    assert.equal(found.backend, 'webgpu')
    assert.match(found.device, new RegExp(process.env['HEARTH_TEST_ADAPTER'] ?? '.'))
    assert.deepEqual(
      found.speeds.map(({ tokens }) => tokens),
      [8, 16],
    )
    for (const { prefill, decode } of found.speeds) [prefill, decode].forEach(checkSpread)
    assert.ok(found.loadMs > 0 && found.firstTokenMs > 0 && found.peakRssMB > 0)
  })

  it('the time of every kernel', async () => {
    const { copyGBps, phases } = await json<DeviceProfile>('--profile', '--prompt', '16', '--gen', '4')
    assert.ok(copyGBps > 0)
    assert.deepEqual(
      phases.map(({ phase }) => phase),
      ['prefill', 'decode'],
    )
    for (const { kernels, kernelMs, launches, profiledMs, plainMs } of phases) {
      ;[profiledMs, plainMs].forEach(checkSpread)
      const sum = (of: (kernel: (typeof kernels)[number]) => number): number =>
        kernels.reduce((total, kernel) => total + of(kernel), 0)
      assert.ok(Math.abs(sum(({ ms }) => ms) / kernelMs - 1) < 0.01)
      assert.ok(Math.abs(sum(({ share }) => share) - 1) < 0.01)
      assert.equal(
        sum((kernel) => kernel.launches),
        launches,
      )
      assert.ok(kernels.some(({ kernel, weightGBps }) => / q4_0\b/.test(kernel) && weightGBps > 0))
      assert.ok(kernelMs <= profiledMs.max, `${kernelMs} ms of kernels in ${profiledMs.max} ms`)
    }
  })

  it('a token at two positions', async () => {
    const found = await json<PositionCosts>('--at', '4,40', '--gen', '3')
    ;[found.ratio, ...found.positions.map(({ msPerToken }) => msPerToken)].forEach(checkSpread)
    assert.equal(found.stateGrowthBytes, 0)
  })
})

function checkSpread({ median, min, max }: Spread): void {
  assert.ok(0 < min && min <= median && median <= max, `${min} ${median} ${max}`)
}
