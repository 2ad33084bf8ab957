// One suite for every backend: the engine's logits on the tiny checkpoints, and that no way of feeding a sequence changes them.
import assert from 'node:assert/strict'
import type { Backend } from '../../engine/backend/backend'
import { openBackend } from '../../engine/backend/open-backend'
import { silentLog } from '../../engine/base/log'
import { noProgress } from '../../engine/base/progress'
import { openCheckpoint } from '../../engine/format/open-checkpoint'
import { loadModel, type Model } from '../../engine/model/model'
import type { State } from '../../engine/model/state'
import { oracleLogits } from '../oracle/llama'
import { readGguf } from '../oracle/read-gguf'
import { recordDifferences, type Difference } from './record-differences'
import { relativeDifference, tinyFolders, tinyModels, tinyRwkv, type TinyCheckpoint } from './tiny-models'

export interface Target {
  choice: 'cpu' | 'cpu-reference' | 'webgpu'
  /** Part of the device's name that must be there, so that a suite cannot pass on another driver than the one it is about. */
  adapter: string
  /** Largest difference from transformers, as a share of the largest logit. */
  bound: number
}

const live = new AbortController().signal

/** Checkpoints whose rows begin at multiples of 256 bytes, which every device can bind. */
const wide = [
  'chatglm-q8_0-separate',
  'gemma-q4_0',
  'gemma2-q8_0-defaults',
  'granite-q4_0',
  'llama-q4_0',
  'minicpm-q8_0-longrope',
  'phi3-q4_0',
  'qwen2-q5_1',
  'starcoder2-q5_0',
  'rwkv/gguf-6-q5_1',
  'rwkv/gguf-7-q8_0',
]

/** Declares the suite. */
export function checkLogits(target: Target): void {
  describe(`logits on ${target.choice}`, function () {
    // A software driver compiles dozens of pipelines per model.
    this.timeout(180_000)
    let backend: Backend
    const differences: Difference[] = []
    /** Checkpoints whose rows are too narrow to be bound on this device. */
    const apart: string[] = []

    before(async () => {
      backend = (await openBackend(target.choice, silentLog)).backend
    })
    after(() => {
      ;(backend as Backend | undefined)?.dispose()
      if (process.env['UPDATE'] && differences.length > 0)
        recordDifferences(target.adapter || target.choice, differences)
    })

    it('runs where it should', () => {
      assert.ok(target.choice.startsWith(backend.kind), backend.kind)
      assert.ok(backend.device.name.toLowerCase().includes(target.adapter.toLowerCase()), backend.device.name)
    })

    for (const tiny of [...tinyModels(), ...tinyFolders(), ...tinyRwkv()]) {
      describe(tiny.name, () => checkTinyModel(tiny))
    }

    describe('several sequences', () => {
      it('run together where their rows can be bound', () => {
        assert.deepEqual(
          apart.filter((name) => target.choice !== 'webgpu' || wide.includes(name)),
          [],
        )
      })
    })

    function checkTinyModel(tiny: TinyCheckpoint): void {
      let model: Model
      let weights: string
      let whole: Float32Array // [tokens, vocabulary]

      before(async () => {
        const checkpoint = await openCheckpoint(tiny.path)
        try {
          const matrices = [...checkpoint.tensors.values()].filter((tensor) => tensor.shape.length > 1)
          weights = [...new Set(matrices.map((tensor) => tensor.type))].sort().join(' ')
          const { context: contextLength } = tiny
          model = await loadModel(
            {
              checkpoint,
              backend,
              log: silentLog,
              progress: noProgress,
              // The reference keeps floats; check-kv-cache.ts has the others.
              kvCache: 'f32',
              ...(contextLength !== undefined && { contextLength }),
            },
            live,
          )
        } finally {
          await checkpoint.close()
        }
        using state = model.createState(tiny.tokens.length)
        whole = await all(model, state, tiny.tokens)
      })
      after(() => (model as Model | undefined)?.[Symbol.dispose]())

      it('equal those of transformers at every position', () => {
        const difference = relativeDifference(whole, tiny.logits)
        differences.push({ model: tiny.name, weights, difference })
        assertWithin(difference)
      })

      it('the last position alone is the last row of all', async () => {
        using state = model.createState(tiny.tokens.length)
        const last = await model.forward(state, tiny.tokens, { outputs: 'last' }, live)
        assertWithin(relativeDifference(last, whole.slice(-tiny.vocabulary)))
      })

      it('the same after steps of which nobody wanted the logits', async () => {
        using state = model.createState(tiny.tokens.length)
        const chunks = [...pieces(tiny, tiny.tokens, [5])]
        for (const chunk of chunks.slice(0, -1)) {
          assert.equal((await model.forward(state, chunk, { outputs: 'none' }, live)).length, 0)
        }
        const last = await model.forward(state, chunks.at(-1) ?? [], { outputs: 'last' }, live)
        assertWithin(relativeDifference(last, whole.slice(-tiny.vocabulary)))
      })

      it('token by token, and in uneven chunks', async () => {
        for (const sizes of [[1], [1, 7, 2, 3], [5, 1]]) {
          using state = model.createState(tiny.tokens.length)
          const rows: number[] = []
          for (const chunk of pieces(tiny, tiny.tokens, sizes)) rows.push(...(await all(model, state, chunk)))
          assertWithin(relativeDifference(rows, whole), `chunks of ${sizes.join(', ')}`)
        }
      })

      it('rewinding and going on elsewhere is like starting there', async () => {
        const count = Math.max(6, atOnce(tiny, tiny.tokens) + 2)
        const kept = tiny.tokens.slice(0, count)
        const other = tiny.tokens.slice(count).reverse()
        using rewound = model.createState(tiny.tokens.length)
        await all(model, rewound, kept)
        rewound.checkpoint()
        await all(model, rewound, tiny.tokens.slice(count))
        assert.equal(rewound.rewind(kept.length), kept.length)
        assert.equal(rewound.length, kept.length)
        using fresh = model.createState(tiny.tokens.length)
        await all(model, fresh, kept)
        const expected = await all(model, fresh, other)
        assertWithin(relativeDifference(await all(model, rewound, other), expected))
        // The other continuation must not happen to say the same, or this proves nothing.
        assert.ok(relativeDifference(whole.slice(kept.length * tiny.vocabulary), expected) > 0.1)
      })

      it('two sequences side by side do not disturb each other', async () => {
        const backwards = tiny.tokens.toReversed()
        using alone = model.createState(tiny.tokens.length)
        const expected = await all(model, alone, backwards)
        using first = model.createState(tiny.tokens.length)
        using second = model.createState(tiny.tokens.length)
        const firstRows: number[] = []
        const secondRows: number[] = []
        const mine = pieces(tiny, tiny.tokens, [3, 1])
        const theirs = pieces(tiny, backwards, [3, 1])
        while (mine.length > 0 || theirs.length > 0) {
          const [own, other] = [mine.shift(), theirs.shift()]
          if (own) firstRows.push(...(await all(model, first, own)))
          if (other) secondRows.push(...(await all(model, second, other)))
        }
        assertWithin(relativeDifference(firstRows, whole), 'first')
        assertWithin(relativeDifference(secondRows, expected), 'second')
      })

      it('sequences of different lengths in one step are like each alone', async () => {
        const order = [0, 1, 2]
        if (!(await model.runsTogether(order.length))) {
          apart.push(tiny.name)
          return
        }
        // Each begins with what has to come at once.
        const start = atOnce(tiny, tiny.tokens) + 2
        const begun = order.map((i) => ({
          state: model.createState(tiny.tokens.length + 3),
          before: [...tiny.tokens.slice(0, start), ...tiny.tokens.slice(1, 1 + i)],
          logits: [] as number[],
        }))
        const after = tiny.tokens.slice(-4)
        for (const { state, before } of begun) await all(model, state, before)
        for (const [n, token] of after.entries()) {
          const rows = [...order.slice(n % 3), ...order.slice(0, n % 3)].map((i) => begun[i]!)
          const logits = await model.forwardTogether(rows.map(({ state }) => ({ state, token })))
          rows.forEach((row, i) => row.logits.push(...logits[i]!))
        }
        for (const { state, before, logits } of begun) {
          assertWithin(relativeDifference(logits, await fresh(model, [...before, ...after], after.length)))
          state[Symbol.dispose]()
        }
      })

      if (tiny.name.startsWith('tiny-')) {
        it('longer than two prefill chunks, as the oracle has it', async () => {
          const length = Math.min(2 * model.prefillChunk + 3, model.contextLength)
          const tokens = Array.from({ length }, (_, i) => (i * 37 + (i >> 3)) % tiny.vocabulary)
          using state = model.createState(length)
          const logits = await all(model, state, tokens)
          assert.equal(state.length, length)
          assertWithin(relativeDifference(logits, oracleLogits(readGguf(tiny.path), tokens)))
        })

        it('what cannot be served is refused and leaves the state alone', async () => {
          using state = model.createState(8)
          await all(model, state, [1, 2, 3])
          const refuse = (tokens: number[]): Promise<void> =>
            assert.rejects(all(model, state, tokens), { code: 'bad-request' })
          await refuse([])
          await refuse([1, 2, 3, 4, 5, 6])
          await refuse([tiny.vocabulary])
          await refuse([-1])
          await refuse([1.5])
          const stopped = model.forward(state, [4], { outputs: 'last' }, AbortSignal.abort())
          await assert.rejects(stopped, { name: 'AbortError' })
          assert.equal(state.length, 3)
          assertWithin(
            relativeDifference(await all(model, state, [9, 8]), await fresh(model, [1, 2, 3, 9, 8], 2)),
          )
        })
      }
    }

    function assertWithin(difference: number, what = ''): void {
      assert.ok(difference <= target.bound, `${what} largest difference ${difference} of the largest logit`)
    }
  })
}

function all(model: Model, state: State, tokens: readonly number[]): Promise<Float32Array> {
  return model.forward(state, tokens, { outputs: 'all' }, live)
}

/** Logits of the last `rows` positions of a sequence in a state of its own. */
async function fresh(model: Model, tokens: readonly number[], rows: number): Promise<Float32Array> {
  using state = model.createState(tokens.length)
  return (await all(model, state, tokens)).slice(-rows * model.config.vocabulary)
}

/** Tokens at the start of a sequence that have to be given together. */
function atOnce({ answerStart }: TinyCheckpoint, tokens: readonly number[]): number {
  return answerStart === undefined ? 0 : tokens.indexOf(answerStart) + 1
}

// What has to come at once, and then pieces of sizes that repeat until the tokens are used up.
function pieces(tiny: TinyCheckpoint, tokens: readonly number[], sizes: readonly number[]): number[][] {
  let start = atOnce(tiny, tokens)
  const result = start > 0 ? [tokens.slice(0, start)] : []
  for (let i = 0; start < tokens.length; i++) {
    const size = sizes[i % sizes.length]!
    result.push(tokens.slice(start, start + size))
    start += size
  }
  return result
}
