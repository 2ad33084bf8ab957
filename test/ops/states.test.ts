// States of all backends: copies are taken between the steps around them, and only states with a row per token end a sequence.
import assert from 'node:assert/strict'
import { silentLog } from '../../engine/base/log'
import type { Backend, Executable, StepInput, Tensor } from '../../engine/backend/backend'
import { SimdStorage } from '../../engine/backend/cpu-simd/simd-storage'
import { CpuBackend } from '../../engine/backend/cpu/cpu-backend'
import { openDevice } from '../../engine/backend/webgpu/dawn'
import { WebGpuBackend } from '../../engine/backend/webgpu/webgpu-backend'
import { GraphBuilder, type StateType } from '../../engine/graph/graph'
import { makePlan } from '../../engine/graph/plan'
import { EngineError, type EngineErrorCode } from '../../engine/protocol/errors'
import { input } from './op-case'

const [rows, cols, capacity] = [8, 5, 4]

const backends: Readonly<Record<string, () => Promise<Backend>>> = {
  cpu: () => Promise.resolve(new CpuBackend()),
  'cpu with SIMD': () => Promise.resolve(new CpuBackend(new SimdStorage())),
  webgpu: async () => new WebGpuBackend(await openDevice(silentLog), silentLog),
}

for (const [kind, open] of Object.entries(backends)) {
  describe(`states on ${kind}`, () => {
    let backend: Backend
    let executable: Executable
    let state: Map<string, Tensor>
    before(async () => {
      backend = await open()
      executable = await changes(backend)
    })
    beforeEach(() => {
      state = new Map([
        ['last', backend.createState('last', 1, cols)],
        ['cache', backend.createState('cache', capacity, cols)],
      ])
    })
    after(() => backend.dispose())

    // Every line: tokens to run, "save" or "restore"; expected: the row seen before each token, 0 for none.
    check('each token sees the one before', '3 5 1', '0 3 5')
    check('a copy is of its moment', '3 save 5 restore 1', '0 3 3')
    check('a copy is not changed by later steps', '3 save 5 1 restore 2 restore 6', '0 3 5 3 3')
    check('a copy of a new state is the start', 'save 3 5 restore 1', '0 3 0')

    function check(name: string, script: string, seen: string): void {
      it(name, async () => {
        const last = tensor('last')
        const saved = backend.createState('saved', 1, cols)
        const reads: Promise<Float32Array>[] = []
        // Nothing is awaited in between: order alone must do.
        for (const word of script.split(' ')) {
          if (word === 'save') backend.copyState(last, saved)
          else if (word === 'restore') backend.copyState(saved, last)
          else {
            backend.run(executable, state, { tokens: [Number(word)], position: 0 })
            reads.push(backend.read(executable))
          }
        }
        const results = await Promise.all(reads)
        assert.equal(results.map((result) => result[0]).join(' '), seen)
        assert.ok(results.every((result) => result.length === cols && result.every((v) => v === result[0])))
      })
    }

    it('refuses to copy to a state of another shape', () => {
      refuses(() => backend.copyState(tensor('last'), tensor('cache')), 'internal')
    })

    it('a state of fixed size does not end a sequence, one with a row per token does', async () => {
      const step = (position: number, tokens: number[]): StepInput => ({ position, tokens })
      backend.run(executable, state, step(capacity - 2, [1, 2]))
      await backend.read(executable)
      refuses(() => backend.run(executable, state, step(capacity - 1, [1, 2])), 'bad-request')
      refuses(() => backend.run(executable, state, step(capacity, [1])), 'bad-request')
    })

    for (const type of ['f16', 'q8_0'] as const) {
      it(`a copy of a cache of ${type} goes on as the cache itself, and to no other type`, async () => {
        const reader = await attends(backend, type)
        const [cache, copy] = ['cache', 'copy'].map((label) => backend.createState(label, capacity, 32, type))
        assert.ok(cache && copy)
        const states = new Map([['cache', cache]])
        backend.run(reader, states, { tokens: [3, 5], position: 0 })
        backend.copyState(cache, copy)
        const result = async (from: Tensor): Promise<Float32Array> => {
          backend.run(reader, new Map([['cache', from]]), { tokens: [1], position: 2 })
          return backend.read(reader)
        }
        const [expected, got] = [await result(cache), await result(copy)]
        assert.deepEqual(got, expected)
        // Rows of equal values 3, 5 and 1: what a cache that was not copied would not give.
        assert.ok(expected.every((value) => value > 1.1 && value < 5))
        refuses(() => backend.copyState(cache, backend.createState('floats', capacity, 32)), 'internal')
      })
    }

    function tensor(name: string): Tensor {
      const found = state.get(name)
      assert.ok(found)
      return found
    }
  })
}

/** A plan whose result is the row of the token before; it appends each row to "cache", too. */
async function changes(backend: Backend): Promise<Executable> {
  const g = new GraphBuilder()
  const x = input(g, 'table', cols)
  const out = g.value('tokens', cols, 'before')
  g.push({
    op: 'shift-mix',
    x,
    previous: { state: 'last' },
    weight: { weight: 'ones' },
    dynamic: undefined,
    out,
  })
  g.push({ op: 'keep-last', x, state: { state: 'last' } })
  g.push({ op: 'append', x, cache: { state: 'cache' } })
  const table = Float32Array.from({ length: rows * cols }, (_, i) => Math.floor(i / cols))
  const weights = new Map([
    ['table', await weight(backend, rows, table)],
    ['ones', await weight(backend, 1, new Float32Array(cols).fill(1))],
  ])
  return backend.compile(makePlan(g.build(out), { maxTokens: 2, outputs: 'all' }), weights)
}

/** A plan that appends rows of 32 equal values, the tokens, to "cache", and whose result is the attention over it. */
async function attends(backend: Backend, type: StateType): Promise<Executable> {
  const g = new GraphBuilder()
  const x = input(g, 'table', 32)
  const out = g.value('tokens', 32, 'mixed')
  const cache = { state: 'cache', type }
  g.push({ op: 'append', x, cache })
  const heads = { heads: 1, kvHeads: 1, headDim: 32, valueDim: 32, scale: 1e-3 }
  const plain = { window: undefined, softcap: undefined, slopes: undefined, prefix: false, chunks: undefined }
  g.push({ op: 'attention', q: x, k: cache, v: cache, ...heads, ...plain, out })
  const table = Float32Array.from({ length: rows * 32 }, (_, i) => Math.floor(i / 32))
  const weights = new Map([['table', await weight(backend, rows, table, 32)]])
  return backend.compile(makePlan(g.build(out), { maxTokens: 2, outputs: 'all' }), weights)
}

function weight(backend: Backend, count: number, values: Float32Array, width = cols): Promise<Tensor> {
  const bytes = new Uint8Array(values.buffer)
  return backend.createWeight({ label: 'weight', type: 'f32', rows: count, cols: width }, (offset, length) =>
    Promise.resolve(bytes.subarray(offset, offset + length)),
  )
}

function refuses(work: () => void, code: EngineErrorCode): void {
  assert.throws(work, (error: unknown) => error instanceof EngineError && error.code === code)
}
