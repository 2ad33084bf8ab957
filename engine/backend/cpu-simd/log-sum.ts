// The logarithm of a sum of exponentials, sixteen at a time: what a softmax is divided by.
import {
  acrossLanes,
  assemble,
  f32x4,
  FunctionBuilder,
  get,
  i32,
  increase,
  maxPages,
  repeat,
  set,
  v128,
  type WasmFunction,
} from './assembler'
import { exponential, exponentialLocals } from './exponential'

/** ln(e^a + e^b + ...) of `values`; what is not a number does not count. */
export type LogSum = (values: Float32Array) => number

/** Values that lie in the memory at once: few enough to stay in a processor's cache. */
const block = 16384
const resultBytes = 64
const name = 'sum-exponentials'

/** With a small memory of its own. Throws where WebAssembly has no shared memory, or none is left. */
export function createLogSum(): LogSum {
  const memory = new WebAssembly.Memory({ initial: 2, maximum: maxPages, shared: true })
  const module = new WebAssembly.Module(assemble([sumKernel()]))
  const { exports } = new WebAssembly.Instance(module, { memory: { memory } })
  const kernel = exports[name] as (x: number, out: number, sixteens: number) => void
  const result = new Float32Array(memory.buffer, 0, 8)
  const room = new Float32Array(memory.buffer, resultBytes, block)
  return (values) => {
    let highest = -Infinity
    let sum = 0
    for (let from = 0; from < values.length; from += block) {
      const part = values.subarray(from, from + block)
      const sixteens = Math.ceil(part.length / 16)
      room.fill(-Infinity, part.length, 16 * sixteens)
      room.set(part)
      kernel(resultBytes, 0, sixteens)
      const higher = Math.max(highest, result[0]!)
      const found = result[4]! + result[5]! + result[6]! + result[7]!
      sum = sum * Math.exp(highest - higher) + found * Math.exp(result[0]! - higher)
      highest = higher
    }
    return highest + Math.log(sum)
  }
}

/**
 * (x, out, sixteens): of 16 * `sixteens` values, sixteen at least, the highest to the four lanes at `out`, and the sum of e to the power
 * of how far each is below it to the four after them, in four parts.
 */
function sumKernel(): WasmFunction {
  const f = new FunctionBuilder(name)
  const x = f.parameter()
  const out = f.parameter()
  const sixteens = f.parameter()
  const at = f.local('i32')
  const left = f.local('i32')
  const highest = f.local('v128')
  // Four sums, so that none waits for the addition before it, and each stays small.
  const sums = [0, 16, 32, 48].map((offset) => ({ offset, sum: f.local('v128') }))
  const exp = exponentialLocals(f)
  const start = [...set(at, get(x)), ...set(left, get(sixteens))]
  const next = increase(at, i32.value(64))
  const add = f32x4.add
  const [a, b, c, d] = sums.map(({ sum }) => get(sum)) as [number[], number[], number[], number[]]
  return f.build(
    start,
    // The lowest finite number, because infinities have no difference.
    set(highest, f32x4.splat(-3.4028234663852886e38)),
    repeat(
      left,
      ...sums.map(({ offset }) => set(highest, f32x4.greater(get(highest), v128.load(get(at), offset)))),
      next,
    ),
    acrossLanes(f32x4.greater, highest),
    start,
    ...sums.map(({ sum }) => set(sum, f32x4.splat(0))),
    repeat(
      left,
      ...sums.flatMap(({ offset, sum }) => [
        // What is not a number is not above the bound either.
        set(exp.value, f32x4.greater(f32x4.splat(-87), f32x4.sub(v128.load(get(at), offset), get(highest)))),
        set(sum, add(get(sum), exponential(exp, 'standard'))),
      ]),
      next,
    ),
    v128.store(get(out), get(highest)),
    v128.store(get(out), add(add(a, b), add(c, d)), 16),
  )
}
