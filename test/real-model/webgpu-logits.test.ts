// The default model on the driver that HEARTH_TEST_ADAPTER names, against the reference backend.
import assert from 'node:assert/strict'
import { likeliest } from '../../engine/backend/choose-token'
import { relativeDifference } from '../arch/tiny-models'
import { expected, lastLogits, openModel, type OpenModel } from './open-model'

// Measured 1.3e-6 on lavapipe.
const bound = 1e-4

describe('real model on webgpu', function () {
  this.timeout(300_000)
  let cpu: OpenModel
  let webgpu: OpenModel

  before(async () => {
    webgpu = await openModel('webgpu')
    cpu = await openModel('cpu-reference')
  })
  after(() => {
    for (const opened of [webgpu, cpu] as (OpenModel | undefined)[]) opened?.close()
  })

  it('runs where it should', () => {
    const wanted = process.env['HEARTH_TEST_ADAPTER'] ?? ''
    assert.equal(webgpu.backend.kind, 'webgpu')
    assert.ok(
      webgpu.backend.device.name.toLowerCase().includes(wanted.toLowerCase()),
      webgpu.backend.device.name,
    )
  })

  for (const prompt of expected.prompts) {
    it(`${JSON.stringify(prompt.text.slice(0, 30))}: the same logits`, async () => {
      const theirs = await lastLogits(cpu.model, prompt.tokens)
      const ours = await lastLogits(webgpu.model, prompt.tokens)
      const difference = relativeDifference(ours, theirs)
      process.stderr.write(
        `largest |webgpu - cpu| on ${webgpu.backend.device.name}: ${difference.toExponential(1)} of the largest logit\n`,
      )
      assert.ok(difference <= bound, `largest difference ${difference}`)
      assert.equal(likeliest(ours), prompt.top[0]![0])
    })
  }
})
