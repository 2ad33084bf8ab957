// Liveness: two values may share a slot only while neither is needed, and a graph of any length needs few slots.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { GraphBuilder, inputsOf, outputOf, type Graph, type Value } from '../../../engine/graph/graph'
import { makePlan, type Plan, type PlanOptions } from '../../../engine/graph/plan'

const decode: PlanOptions = { maxTokens: 1, outputs: 'last' }

describe('plan', () => {
  // Every line is "output[cols] = input input"; expected: the slot of each value, then the size of each slot in elements.
  check('a chain needs two slots', ['a[4] =', 'b[4] = a', 'c[4] = b', 'd[4] = c'], 'a0 b1 c0 d1 | 4 4')
  check(
    'a residual stays alive across its branch',
    ['x[4] =', 'h[4] = x', 'y[4] = h', 'z[4] = y x'],
    'x0 h1 y2 z1 | 4 4 4',
  )
  check('an output never lies on its own input', ['a[4] =', 'b[4] = a a'], 'a0 b1 | 4 4')
  check(
    'the best fitting free slot is taken',
    ['a[2] =', 'b[9] = a', 'c[1] = a b', 'd[2] = c'],
    'a0 b1 c2 d0 | 2 9 1',
  )
  check('a slot grows when none fits', ['a[2] =', 'b[1] = a', 'c[8] = b'], 'a0 b1 c0 | 8 1')
  check(
    'a value nobody reads gives its slot back',
    ['a[4] =', 'b[4] =', 'c[4] = b', 'd[4] = c'],
    'a0 b0 c1 d0 | 4 4',
  )
  check(
    'the result is never overwritten',
    ['a[4] =', 'r[4] = a', 'b[4] = a', 'c[4] = b'],
    'a0 r1 b2 c0 | 4 4 4',
    'r',
  )

  it('rows: tokens of the step, or the positions whose logits are wanted', () => {
    const graph = parse(['a[4] =', 'b[4] = a'], 'b', 'outputs')
    const sizes = (options: PlanOptions): readonly number[] => makePlan(graph, options).slotSizes
    assert.deepEqual(sizes({ maxTokens: 8, outputs: 'all' }), [32, 32])
    assert.deepEqual(sizes({ maxTokens: 8, outputs: 'last' }), [32, 4])
    assert.deepEqual(sizes({ maxTokens: 1, outputs: 'last' }), [4, 4])
  })

  it('any graph: nothing is overwritten before its last reader', () => {
    fc.assert(
      fc.property(randomGraph(), (lines) => assertNothingLost(makePlan(parse(lines), decode))),
      { numRuns: 500 },
    )
  })

  it('a hundred layers need no more slots than two', () => {
    const layers = (n: number): string[] =>
      Array.from({ length: n }, (_, i) => [
        `h${i}[8] = x${i}`,
        `q${i}[8] = h${i}`,
        `k${i}[4] = h${i}`,
        `a${i}[8] = q${i} k${i}`,
        `y${i}[8] = a${i} x${i}`,
        `g${i}[16] = y${i}`,
        `u${i}[16] = y${i}`,
        `m${i}[16] = g${i} u${i}`,
        `x${i + 1}[8] = m${i} y${i}`,
      ]).flat()
    const slots = (n: number): number => makePlan(parse(['x0[8] =', ...layers(n)]), decode).slotSizes.length
    assert.equal(slots(100), slots(2))
  })
})

function check(what: string, lines: readonly string[], expected: string, result?: string): void {
  it(what, () => {
    const plan = makePlan(parse(lines, result), decode)
    const slots = plan.operations
      .map((operation) => outputOf(operation)!)
      .map((v) => `${v.label}${plan.slotOf.get(v.id)}`)
    assert.equal(`${slots.join(' ')} | ${plan.slotSizes.join(' ')}`, expected)
    assertNothingLost(plan)
  })
}

// Plays the plan: every slot remembers whose value it holds, and a reader must find the value it asks for.
function assertNothingLost(plan: Plan): void {
  const holds = new Map<number, Value>()
  for (const operation of plan.operations) {
    for (const input of inputsOf(operation)) {
      assert.equal(
        holds.get(plan.slotOf.get(input.id)!)?.label,
        input.label,
        `${input.label} was overwritten`,
      )
    }
    const out = outputOf(operation)
    if (!out) continue
    const slot = plan.slotOf.get(out.id)!
    for (const input of inputsOf(operation))
      assert.notEqual(plan.slotOf.get(input.id), slot, `${out.label} lies on its input`)
    assert.ok(plan.slotSizes[slot]! >= out.cols, `${out.label} does not fit its slot`)
    holds.set(slot, out)
  }
  assert.equal(
    holds.get(plan.slotOf.get(plan.result.id)!)?.label,
    plan.result.label,
    'the result was overwritten',
  )
}

// One operation per line: no input is an embedding, one a product with a weight, two a product that adds the second.
function parse(lines: readonly string[], resultLabel?: string, lastRows: Value['rows'] = 'tokens'): Graph {
  const graph = new GraphBuilder()
  const values = new Map<string, Value>()
  let last: Value | undefined
  lines.forEach((line, index) => {
    const [, label, cols, rest] = /^(\w+)\[(\d+)\] =(.*)$/.exec(line) as unknown as string[]
    const [x, add] = rest!
      .split(' ')
      .filter(Boolean)
      .map((name) => values.get(name)!)
    const out = graph.value(index === lines.length - 1 ? lastRows : 'tokens', Number(cols), label!)
    if (x) graph.push({ op: 'matmul', weight: { weight: 'w' }, bias: undefined, scale: 1, x, add, out })
    else graph.push({ op: 'embed', table: { weight: 'w' }, scale: 1, out })
    values.set(label!, out)
    last = out
  })
  return graph.build(resultLabel === undefined ? last! : values.get(resultLabel)!)
}

function randomGraph(): fc.Arbitrary<string[]> {
  const line = fc.record({
    cols: fc.integer({ min: 1, max: 20 }),
    inputs: fc.array(fc.nat(), { maxLength: 2 }),
  })
  return fc
    .array(line, { minLength: 1, maxLength: 30 })
    .map((rows) =>
      rows.map(
        ({ cols, inputs }, i) =>
          `v${i}[${cols}] = ${i === 0 ? '' : inputs.map((n) => `v${n % i}`).join(' ')}`,
      ),
    )
}
