// The default model on the processor against transformers; HEARTH_TEST_MODEL is the path of its file.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { estimateMemory } from '../../engine/model/memory'
import { openCheckpoint } from '../../engine/format/open-checkpoint'
import { templateText } from '../../engine/tokenizer/tokenizer'
import { expected, lastLogits, modelPath, openModel, type OpenModel } from './open-model'

/** Largest difference as a share of the largest logit. A wrong weight or angle is off by whole units. */
const bounds = {
  // float32 sums against float64: measured 5e-7.
  'cpu-reference': 1e-5,
  // Activations rounded to 16 bits: measured 3e-4.
  cpu: 1e-3,
} as const

describe('real model on the processor', () => {
  it('is the file that the expected logits were made from', async () => {
    const hash = createHash('sha256')
    for await (const part of createReadStream(modelPath())) hash.update(part as Buffer)
    assert.equal(hash.digest('hex'), expected.sha256)
  })

  for (const choice of ['cpu-reference', 'cpu'] as const) describe(choice, () => checkModel(choice))
})

function checkModel(choice: keyof typeof bounds): void {
  const bound = bounds[choice]
  let opened: OpenModel
  let rssBefore: number

  before(async function () {
    // Loading reads the whole file.
    this.timeout(300_000)
    rssBefore = process.memoryUsage().rss
    opened = await openModel(choice)
  })
  after(() => (opened as OpenModel | undefined)?.close())

  for (const prompt of expected.prompts) {
    const title = JSON.stringify(prompt.text.slice(0, 30))

    it(`${title}: tokens as in the reference tokenizer`, () => {
      assert.deepEqual(opened.model.tokenizer.encode([templateText(prompt.text)]), prompt.tokens)
    })

    it(`${title}: logits as in transformers`, async function () {
      // Plain loops take seconds per prompt.
      this.timeout(300_000)
      const logits = await lastLogits(opened.model, prompt.tokens)
      assert.equal(logits.length, expected.vocabulary)
      const known: [number, number][] = [
        ...prompt.top,
        ...prompt.sample.map((value, i): [number, number] => [expected.sampleIds[i]!, value]),
      ]
      const largest = Math.max(...known.map(([, value]) => Math.abs(value)))
      const worst = Math.max(...known.map(([id, value]) => Math.abs(logits[id]! - value))) / largest
      process.stderr.write(
        `largest |${choice} - transformers|: ${worst.toExponential(1)} of the largest logit\n`,
      )
      assert.ok(worst <= bound, `largest difference ${worst} of the largest logit`)
      // Nothing outside the list is larger than the twentieth.
      const least = prompt.top.at(-1)![1]
      const listed = new Set(prompt.top.map(([id]) => id))
      const intruder = logits.findIndex((value, id) => !listed.has(id) && value > least + bound * largest)
      assert.equal(intruder, -1)
    })
  }

  it('takes no more memory than it said it would, and what Node itself needs', async () => {
    const checkpoint = await openCheckpoint(modelPath())
    const estimate = estimateMemory(checkpoint, 256)
    await checkpoint.close()
    const grown = process.memoryUsage().rss - rssBefore
    process.stderr.write(
      `memory: ${Math.round(grown / 1e6)} MB, estimated ${Math.round((estimate.weights + estimate.state) / 1e6)} MB\n`,
    )
    assert.ok(grown < estimate.weights + estimate.state + 200e6, `${Math.round(grown / 1e6)} MB`)
  })
}
