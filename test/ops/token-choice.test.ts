// Devices choose the tokens that the plain loops choose, and say how likely they were; steps take them before anybody has read them.
import assert from 'node:assert/strict'
import type { Backend, Executable, StepInput, Tensor } from '../../engine/backend/backend'
import { chooseToken, type ChoiceResult, type TokenChoice } from '../../engine/backend/choose-token'
import { CpuBackend } from '../../engine/backend/cpu/cpu-backend'
import { openDevice } from '../../engine/backend/webgpu/dawn'
import { WebGpuBackend } from '../../engine/backend/webgpu/webgpu-backend'
import { silentLog } from '../../engine/base/log'
import { GraphBuilder } from '../../engine/graph/graph'
import { makePlan } from '../../engine/graph/plan'
import { choiceCases, type ChoiceCase } from './choice-cases'
import { input } from './op-case'

const backends: Readonly<Record<string, () => Promise<Backend>>> = {
  cpu: () => Promise.resolve(new CpuBackend()),
  webgpu: async () => new WebGpuBackend(await openDevice(silentLog), silentLog, { choosesTokens: true }),
}

const none = new Map<string, Tensor>()
const likeliest: TokenChoice = { vocabulary: 8, temperature: 0, topK: 0, topP: 1, minP: 0, seed: 1 }

for (const [kind, open] of Object.entries(backends)) {
  describe(`token choice on ${kind}`, () => {
    let backend: Backend
    before(async () => {
      backend = await open()
    })
    after(() => backend.dispose())

    for (const row of choiceCases) it(row.name, () => checkChoice(row))

    it('logits that are not numbers are told, and the next ones are read', async () => {
      const executable = await table(backend, [Array<number>(8).fill(NaN), peak(5)])
      for (const temperature of [0, 1]) {
        const choice = { ...likeliest, temperature, topK: 1 }
        await assert.rejects(
          backend.choose(executable, none, step(0), choice).read(),
          /not a number/,
          `${temperature}`,
        )
        assert.equal((await backend.choose(executable, none, step(1), choice).read()).token, 5)
      }
      executable.dispose()
    })

    it('a step takes the token of the step before, which nobody has read', async () => {
      // Each token is followed by another one, round and round.
      const next = [3, 5, 0, 1, 2, 4]
      const executable = await table(
        backend,
        next.map((token) => peak(token)),
      )
      const chosen = [backend.choose(executable, none, step(0), likeliest)]
      for (let i = 1; i < 6; i++) {
        const before = chosen[i - 1]
        assert.ok(before)
        chosen.push(backend.choose(executable, none, { ...step(7), chosen: before }, likeliest))
      }
      const read: number[] = []
      for (const token of chosen) read.push((await token.read()).token)
      assert.deepEqual(read, [3, 1, 5, 4, 2, 0])
      executable.dispose()
    })

    it('sequences in turns do not take each other’s tokens', async () => {
      const executable = await table(
        backend,
        [1, 2, 3, 4, 5, 6, 7, 0].map((token) => peak(token)),
      )
      let [a, b] = [0, 4].map((token) => backend.choose(executable, none, step(token), likeliest))
      for (let i = 0; i < 3; i++) {
        assert.ok(a && b)
        const [beforeA, beforeB] = [a, b]
        a = backend.choose(executable, none, { ...step(0), chosen: beforeA }, likeliest)
        b = backend.choose(executable, none, { ...step(0), chosen: beforeB }, likeliest)
        const read = [await beforeA.read(), await beforeB.read()]
        assert.deepEqual(
          read.map(({ token }) => token),
          [1 + i, 5 + i],
        )
      }
      a?.forget()
      b?.forget()
      executable.dispose()
    })

    it('tokens that are given up leave their places to others', async () => {
      const executable = await table(backend, [peak(6)])
      for (let i = 0; i < 200; i++) backend.choose(executable, none, step(0), likeliest).forget()
      assert.equal((await backend.choose(executable, none, step(0), likeliest).read()).token, 6)
      executable.dispose()
    })

    async function checkChoice({ logits, choice, draws }: ChoiceCase): Promise<void> {
      const executable = await table(backend, [logits])
      for (let position = 0; position < draws; position++) {
        // Every other one is asked.
        const asked = { ...choice, tellsProbability: position % 2 === 0 }
        const token = backend.choose(executable, none, { tokens: [0], position }, asked)
        const read = await token.read()
        assert.equal(read.token, chooseToken(logits, choice, position + 1), `position ${position}`)
        if (asked.tellsProbability) checkProbability(logits, choice.vocabulary, read)
        else assert.equal(read.logProbability, undefined)
      }
      executable.dispose()
    }
  })
}

/** The log-softmax in float64, as if there were no filters and no temperature. */
function checkProbability(
  logits: Float32Array,
  vocabulary: number,
  { token, logProbability }: ChoiceResult,
): void {
  const numbers = logits.slice(0, vocabulary).filter((logit) => !Number.isNaN(logit))
  const highest = numbers.reduce((most, logit) => Math.max(most, logit), -Infinity)
  const sum = numbers.reduce((all, logit) => all + Math.exp(logit - highest), 0)
  const expected = logits[token]! - highest - Math.log(sum)
  const off = Math.abs((logProbability ?? NaN) - expected)
  assert.ok(off < 1e-4 && (logProbability ?? NaN) <= 0, `${logProbability} instead of ${expected}`)
}

/** A model whose logits are the row of its last token. */
async function table(backend: Backend, rows: readonly ArrayLike<number>[]): Promise<Executable> {
  const cols = rows[0]?.length ?? 0
  const bytes = new Uint8Array(Float32Array.from(rows.flatMap((values) => Array.from(values))).buffer)
  const weight = await backend.createWeight(
    { label: 'rows', type: 'f32', rows: rows.length, cols },
    (offset, length) => Promise.resolve(bytes.subarray(offset, offset + length)),
  )
  const g = new GraphBuilder()
  const x = input(g, 'rows', cols)
  const out = g.value('outputs', cols, 'logits')
  g.push({ op: 'select-outputs', x, out })
  return backend.compile(
    makePlan(g.build(out), { maxTokens: 1, outputs: 'last' }),
    new Map([['rows', weight]]),
  )
}

function step(token: number): StepInput {
  return { tokens: [token], position: 0 }
}

function peak(token: number): number[] {
  return Array.from({ length: 8 }, (_, i) => (i === token ? 1 : 0))
}
