// Where a step rounds activations: once for each run of matrices that read the same ones as integers.
import assert from 'node:assert/strict'
import { kernels, noShape } from '../../../engine/backend/webgpu/kernels/table'
import { lower, type Launch } from '../../../engine/backend/webgpu/lowering'
import { quantizedBytes, withRounding } from '../../../engine/backend/webgpu/round-activations'
import { emptyWeight } from '../../../engine/backend/webgpu/tensors'
import { makePlan } from '../../../engine/graph/plan'
import { bandCase } from '../../ops/op-cases'

describe('rounding activations', () => {
  /** Matrices as `kernel x y`: the kernel, the slot it reads and the slot it writes. */
  const rows: [name: string, matrices: string[], expected: string[]][] = [
    ['nothing for kernels of float32', ['matvec-lanes-8 0 1'], ['matvec-lanes-8 0']],
    ['once before one matrix', ['matvec-integers 0 1'], ['quantize 0', 'matvec-integers quantized']],
    [
      'once for two that read the same slot',
      ['matvec-integers 0 1', 'matvec-integers 0 2'],
      ['quantize 0', 'matvec-integers quantized', 'matvec-integers quantized'],
    ],
    [
      'again for another slot',
      ['matvec-integers 0 1', 'matvec-integers 1 0', 'matvec-integers 0 1'],
      [
        'quantize 0',
        'matvec-integers quantized',
        'quantize 1',
        'matvec-integers quantized',
        'quantize 0',
        'matvec-integers quantized',
      ],
    ],
    [
      'again after a kernel that may have written the slot',
      ['matvec-integers 0 1', 'matvec-lanes-8 1 0', 'matvec-integers 0 1'],
      [
        'quantize 0',
        'matvec-integers quantized',
        'matvec-lanes-8 1',
        'quantize 0',
        'matvec-integers quantized',
      ],
    ],
  ]
  for (const [name, matrices, expected] of rows) {
    it(name, () => {
      const chosen = matrices.map((text) => {
        const [kernelName, x, y] = text.split(' ')
        const kernel = kernels.find((row) => row.name === kernelName)
        assert.ok(kernel)
        return { kernel, launch: product(Number(x), Number(y)) }
      })
      const got = withRounding(chosen).map(({ launch, kernel }) => {
        const x = launch.operands[launch.op === 'quantize' ? 0 : 2]
        return `${kernel.name} ${x?.kind === 'slot' ? x.slot : x?.kind}`
      })
      assert.deepEqual(got, expected)
    })
  }

  it('keeps 48 bytes for every 32 of the widest activations', () => {
    const kernel = kernels.find((row) => row.name === 'matmul-integers')
    assert.ok(kernel)
    const chosen = withRounding([
      { kernel, launch: product(0, 1, 96) },
      { kernel, launch: product(1, 2) },
    ])
    const launches = chosen.map(({ launch }) => launch)
    assert.equal(quantizedBytes(launches, 5), 3 * 48 * 5)
    assert.equal(quantizedBytes([product(0, 1)], 5), 0)
  })

  it('once for the bands of a matrix', () => {
    const { graph, weights } = bandCase('q4_0', [7])
    const plan = makePlan(graph, { maxTokens: 7, outputs: 'all' })
    const nothing = {} as GPUBuffer
    const shapes = new Map(
      Object.entries(weights).map(([label, spec]) => [
        label,
        emptyWeight(
          { label, ...spec },
          { maxBindingBytes: 65536, traits: { subgroups: undefined, subgroupId: false, packedDot: true } },
          nothing,
        ),
      ]),
    )
    const kernel = kernels.find((row) => row.name === 'matmul-integers')
    assert.ok(kernel)
    const bands = graph.operations
      .flatMap((operation) => lower(operation, plan, shapes))
      .filter(({ op }) => op === 'matmul')
    assert.ok(bands.length > 1)
    const ops = withRounding(bands.map((launch) => ({ launch, kernel }))).map(({ launch }) => launch.op)
    assert.deepEqual(ops, ['quantize', ...bands.map(({ op }) => op)])
  })
})

function product(x: number, y: number, cols = 64): Launch {
  const slot = (index: number): Launch['operands'][number] => ({ kind: 'slot', slot: index, cols })
  const nothing = { kind: 'nothing' } as const
  return {
    op: 'matmul',
    type: 'q4_0',
    shape: { ...noShape, maxTokens: 1, rows: 64, cols, integers: true },
    params: new Uint32Array(8),
    operands: [nothing, nothing, slot(x), nothing, nothing, slot(y)],
    perSequence: false,
    single: false,
  }
}
