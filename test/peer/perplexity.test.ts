// Perplexity on a fixed text is llama.cpp's: an average over thousands of tokens, where small mistakes add up and ties do not matter.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

const text = 'test/fixtures/perplexity.txt'
const ctx = 512
/** Of the perplexity. On the processor llama.cpp rounds the activations of a quantized product to 8 bits. */
const tolerance = 0.005

interface Figure {
  tokens: number
  scored: number
  perplexity: number
}

/** Each model's path is in a variable that test/run.mjs sets. */
const rows: readonly { name: string; variable: string }[] = [
  { name: 'SmolLM2 135M, Q4_1', variable: 'HEARTH_TEST_MODEL' },
  { name: 'Gemma 3 270M, Q4_K_M', variable: 'HEARTH_TEST_GEMMA' },
]

describe('perplexity', function () {
  this.timeout(1_200_000)
  for (const { name, variable } of rows) {
    it(`of ${name} is within ${tolerance * 100}% of llama.cpp's`, () => {
      const model = process.env[variable] ?? ''
      const theirs = run(['test/peer/llama-cpp-perplexity.mjs'], {
        model,
        ctx,
        text: readFileSync(text, 'utf8'),
      })
      const options = ['--model', model, '--ctx', String(ctx), '--device', 'webgpu', '--json']
      const ours = run(['dist/engine.js', 'perplexity', text, ...options])
      assert.deepEqual([ours.tokens, ours.scored], [theirs.tokens, theirs.scored])
      const told = `${ours.perplexity.toFixed(4)}, llama.cpp's ${theirs.perplexity.toFixed(4)}`
      process.stderr.write(`perplexity of ${name}: ${told}\n`)
      assert.ok(Math.abs(ours.perplexity / theirs.perplexity - 1) < tolerance, told)
    })
  }
})

function run(args: readonly string[], input?: object): Figure {
  const output = execFileSync(process.execPath, args, {
    input: input === undefined ? '' : JSON.stringify(input),
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  return JSON.parse(output) as Figure
}
