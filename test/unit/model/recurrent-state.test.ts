// The state of recurrent models on a backend that only keeps numbers: what it goes back to is what it was, and it stays small.
import assert from 'node:assert/strict'
import type { Backend, Tensor } from '../../../engine/backend/backend'
import { RecurrentState, recurrentStateBytes } from '../../../engine/model/recurrent-state'

describe('recurrent state', () => {
  it('starts at nothing', () => {
    const { state, read } = make()
    assert.deepEqual([state.length, read()], [0, 0])
    assert.equal(state.rewind(0), 0)
    assert.equal(state.rewind(5), 0)
  })

  it('goes back to the longest checkpoint that is not longer', () => {
    const { state, step, read } = make()
    for (const length of [3, 7, 12]) {
      step(length - state.length)
      state.checkpoint()
    }
    step(8)
    for (const [wanted, found] of [
      [25, 20],
      [20, 20],
      [19, 12],
      [12, 12],
      [11, 7],
      [6, 3],
      [2, 0],
    ] as const) {
      assert.equal(state.rewind(wanted), found)
      assert.deepEqual([state.length, read()], [found, found], `back to ${wanted}`)
    }
  })

  it('forgets checkpoints of what was taken back', () => {
    const { state, step, read } = make()
    step(4)
    state.checkpoint()
    step(4)
    state.checkpoint()
    assert.equal(state.rewind(5), 4)
    step(10)
    assert.equal(state.rewind(9), 4)
    assert.equal(read(), 4)
  })

  it('a step that failed leaves nothing to go on with', () => {
    const { state, step, write, read } = make()
    step(4)
    state.checkpoint()
    step(2)
    state.begin()
    write(99)
    // Not a length that the tensors have.
    state.checkpoint()
    assert.equal(state.rewind(6), 4)
    assert.equal(read(), 4)
  })

  it('keeps the newest checkpoints, and older ones further apart, in bounded memory', () => {
    const { state, step, read, count } = make()
    const tensors = count()
    for (let i = 0; i < 100; i++) {
      step(10)
      state.checkpoint()
    }
    step(5)
    assert.equal(count(), tensors)
    const kept: number[] = []
    for (let length = state.length - 1; length > 0; length = kept.at(-1)! - 1) {
      kept.push(state.rewind(length))
      assert.equal(read(), kept.at(-1))
    }
    assert.equal(kept[0], 1000)
    assert.ok(kept.includes(990), String(kept))
    // Going back costs at most about as many tokens again as one goes back.
    for (let i = 1; i < kept.length; i++)
      assert.ok(1005 - kept[i]! <= 4 * (1005 - kept[i - 1]!), String(kept))
    assert.equal(kept.at(-1), 0)
  })

  it('frees all it took, also when the device has no room for it', () => {
    const whole = make()
    whole.state[Symbol.dispose]()
    assert.equal(whole.count(), 0)
    for (let room = 0; room < 10; room++) {
      const { backend, count } = fakeBackend(room)
      assert.throws(() => new RecurrentState(backend, shapes, 100), /no room/)
      assert.equal(count(), 0)
    }
  })

  it('says beforehand how much it takes', () => {
    const { backend, bytes } = fakeBackend()
    using state = new RecurrentState(backend, shapes, 100)
    assert.equal(bytes(), recurrentStateBytes(shapes))
    assert.equal(state.capacity, 100)
    const large = new Map([['wkv.0', { rows: 4096, cols: 4096 }]])
    assert.equal(recurrentStateBytes(large), 5 * 4 * 4096 * 4096)
  })
})

const shapes = new Map([
  ['wkv.0', { rows: 3, cols: 5 }],
  ['shift.0', { rows: 1, cols: 7 }],
])

/** Every tensor of the state holds one number, the tokens it has seen. */
function make() {
  const { backend, values, count } = fakeBackend()
  const state = new RecurrentState(backend, shapes, 10_000)
  const write = (value: number): void => {
    for (const tensor of state.tensors.values()) values.set(tensor, value)
  }
  const read = (): number => {
    const found = new Set([...state.tensors.values()].map((tensor) => values.get(tensor)))
    assert.equal(found.size, 1)
    return [...found][0]!
  }
  const step = (count: number): void => {
    state.begin()
    write(state.length + count)
    state.advance(count)
  }
  return { state, step, write, read, count }
}

function fakeBackend(room = Infinity) {
  const values = new Map<Tensor, number>()
  const backend = {
    createState: (label: string, rows: number, cols: number): Tensor => {
      if (values.size >= room) throw new Error('no room')
      const tensor: Tensor = { label, type: 'f32', rows, cols }
      values.set(tensor, 0)
      return tensor
    },
    copyState: (from: Tensor, to: Tensor) => values.set(to, values.get(from)!),
    destroy: (tensor: Tensor) => assert.ok(values.delete(tensor), 'destroyed twice'),
  } as unknown as Backend
  return {
    backend,
    values,
    count: () => values.size,
    bytes: () => [...values.keys()].reduce((sum, { rows, cols }) => sum + rows * cols * 4, 0),
  }
}
