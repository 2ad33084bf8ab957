// A row added to a table is a row tested: kernels, tensor types, model families.
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { architectures } from '../../engine/arch/registry'
import {
  kernels,
  noShape,
  type DeviceTraits,
  type Kernel,
  type OpName,
  type Shape,
} from '../../engine/backend/webgpu/kernels/table'
import { tensorTypes } from '../../engine/format/ggml-types'
import type { Operation } from '../../engine/graph/graph'
import { tinyRwkv } from '../arch/tiny-models'
import { choiceCases } from '../ops/choice-cases'
import { embedCase, matmulCases, otherCases, types } from '../ops/op-cases'

const devices: readonly DeviceTraits[] = [
  { subgroups: undefined, subgroupId: false, packedDot: false },
  ...[4, 8, 16, 32, 64].flatMap((lanes) => [
    { subgroups: { min: lanes, max: lanes }, subgroupId: true, packedDot: true },
    { subgroups: { min: lanes, max: lanes }, subgroupId: false, packedDot: false },
  ]),
]

describe('tables', () => {
  const cases = [
    ...otherCases,
    ...types.flatMap((type) => [
      embedCase(type, 37, 256),
      ...matmulCases(type, 'one'),
      ...matmulCases(type, 'many'),
    ]),
  ]
  const shapes: readonly { op: OpName; shape: Shape }[] = [
    ...cases.flatMap(({ graph, maxTokens }) =>
      graph.operations.flatMap((operation) =>
        [false, true].map((manyRows) => ({
          op: operation.op,
          shape: { ...shapeOf(operation, maxTokens), manyRows },
        })),
      ),
    ),
    // After every attention that leaves parts.
    { op: 'join-parts', shape: noShape },
    // Before every matrix that is multiplied as integers.
    { op: 'quantize', shape: { ...noShape, maxTokens: 1, cols: 32 } },
    ...choiceCases.flatMap(({ logits, choice }) =>
      choiceOps(choice.temperature > 0).map((op) => ({ op, shape: { ...noShape, cols: logits.length } })),
    ),
  ]

  for (const kernel of kernels) {
    it(`kernel ${kernel.name} is run by some row of test/ops/op-cases.ts or choice-cases.ts`, () => {
      assert.ok(shapes.some(({ op, shape }) => op === kernel.op && runs(kernel, shape)))
    })
  }

  it('every tensor type is run', () => {
    assert.deepEqual([...types].sort(), Object.keys(tensorTypes).sort())
  })

  it('every model family has a tiny checkpoint to compare with the reference implementation', () => {
    const files = readdirSync('test/fixtures/tiny').filter((file) => file.endsWith('.gguf'))
    const folders = readdirSync('test/fixtures/tiny-hf')
    const recurrent = new Set(tinyRwkv().map(({ architecture }) => architecture))
    for (const { gguf, layouts } of architectures)
      for (const name of gguf)
        assert.ok(
          recurrent.has(name) || (layouts.gguf ? files : folders).some((file) => file.startsWith(`${name}-`)),
          `no ${name}-* in test/fixtures/tiny, or in tiny-hf where it has no GGUF; make one with a script of test/fixtures`,
        )
  })
})

function choiceOps(drawn: boolean): OpName[] {
  const all = ['choose-best', 'choose-token', 'sum-exponentials', 'log-probability'] as const
  return drawn ? ['choose-least', ...all] : [...all]
}

function runs(kernel: Kernel, shape: Shape): boolean {
  // One that rounds is forced by its rows.
  return devices.some((device) => (kernel.rounds || kernel.when(shape, device)) && kernel.can(shape, device))
}

function shapeOf(operation: Operation, maxTokens: number): Shape {
  const shape: Shape = { ...noShape, maxTokens, rows: 1, cols: 32 }
  switch (operation.op) {
    case 'append':
      return { ...shape, cache: operation.cache.type ?? 'f32' }
    case 'rope-append':
      return { ...shape, cache: operation.keys.type ?? 'f32' }
    case 'attention': {
      const { heads, headDim, valueDim, kvHeads, k, chunks } = operation
      const cache = k.type ?? 'f32'
      return { ...shape, rows: heads, headDim, valueDim, kvHeads, cache, chunked: chunks !== undefined }
    }
    case 'activate':
    case 'gated':
      return { ...shape, activation: operation.activation }
    case 'matmul':
      return { ...shape, rows: operation.out.cols, cols: operation.x.cols, integers: true }
    case 'wkv-5':
    case 'wkv-7':
      return { ...shape, cols: operation.r.cols, headDim: operation.r.cols / operation.heads }
    default:
      return shape
  }
}
