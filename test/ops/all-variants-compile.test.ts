// Every kernel with every type passes the shader compiler and fits its bindings, on a machine without any driver.
import assert from 'node:assert/strict'
import { quants } from '../../engine/backend/quants/table'
import { variantName, type Variant } from '../../engine/backend/webgpu/compose'
import { openNullDevice, type OpenDevice } from '../../engine/backend/webgpu/dawn'
import { activations } from '../../engine/backend/webgpu/kernels/activations'
import {
  interfaces,
  kernels,
  noShape,
  type DeviceTraits,
  type Kernel,
  type Shape,
} from '../../engine/backend/webgpu/kernels/table'
import { Pipelines } from '../../engine/backend/webgpu/pipelines'
import type { Activation } from '../../engine/graph/graph'
import { EngineError } from '../../engine/protocol/errors'
import { types } from './op-cases'

const activationNames = Object.keys(activations) as Activation[]

describe('all kernel variants', () => {
  let open: OpenDevice
  let pipelines: Pipelines
  before(async () => {
    open = await openNullDevice()
    pipelines = new Pipelines(open.device, open.traits)
  })
  after(() => open.release())

  for (const kernel of kernels) {
    for (const variant of variantsOf(kernel)) {
      it(`${variantName(variant)} compiles, and runs on empty memory`, async () => {
        open.device.pushErrorScope('validation')
        await pipelines.warm(variant)
        const error = await open.device.popErrorScope()
        assert.equal(error, null, error?.message)
        const { pipeline } = await pipelines.get(variant)
        assert.equal(pipeline.label.length > 0, true)
      })
    }
  }

  it('names kernel and line when a shader does not compile', async () => {
    const wrong = '@compute @workgroup_size(1)\nfn main() {\n  let a: f32 = 1u;\n}\n'
    await assert.rejects(pipelines.compile('wrong', 'append', wrong), (error: unknown) => {
      assert.ok(error instanceof EngineError)
      assert.equal(error.code, 'internal')
      assert.match(error.message, /kernel "wrong" line 3: .*let a: f32 = 1u;/)
      return true
    })
  })

  it('names the kernel when its bindings do not fit', async () => {
    const wrong =
      '@group(0) @binding(2) var<storage, read_write> x: array<f32>;\n' +
      '@compute @workgroup_size(1) fn main() { x[0] = 1.0; }\n'
    await assert.rejects(pipelines.compile('misfit', 'append', wrong), /kernel "misfit"/)
  })
})

describe('the kernel table', () => {
  const widths = [undefined, [4, 4], [8, 8], [4, 8], [8, 32], [16, 16], [32, 32], [32, 64], [64, 64]] as const
  const devices: DeviceTraits[] = widths.flatMap((width) => {
    const subgroups = width && { min: width[0], max: width[1] }
    return [true, false].flatMap((subgroupId) =>
      [true, false].map((packedDot) => ({ subgroups, subgroupId, packedDot })),
    )
  })
  const heads = (
    [
      [16, 16, ['f32', 'f16']],
      [18, 18, ['f32']],
      [96, 64, ['f32', 'f16', 'q8_0']],
      [96, 18, ['f32']],
      [18, 256, ['f32']],
      [256, 256, ['f32', 'f16', 'q8_0']],
    ] as const
  ).flatMap(([headDim, valueDim, types]) =>
    types.flatMap((cache) => [true, false].map((chunked) => ({ headDim, valueDim, cache, chunked }))),
  )
  const lengths = [
    { maxTokens: 1, manyRows: false },
    { maxTokens: 1, manyRows: true },
    { maxTokens: 2, manyRows: false },
    { maxTokens: 256, manyRows: false },
  ]
  const shapes: Shape[] = lengths.flatMap((length) =>
    [3, 32, 50, 576].flatMap((cols) =>
      heads.flatMap((head) =>
        activationNames.map((activation) => ({
          ...noShape,
          ...head,
          ...length,
          rows: 83,
          cols,
          activation,
          integers: cols % 64 === 0,
        })),
      ),
    ),
  )

  for (const op of Object.keys(interfaces)) {
    it(`has exactly one kernel for ${op} on every shape and device`, () => {
      for (const device of devices) {
        for (const shape of shapes) {
          const found = kernels.filter(
            (row) => row.op === op && row.can(shape, device) && row.when(shape, device),
          )
          const where = `${JSON.stringify(shape)} on ${JSON.stringify(device)}`
          assert.equal(found.length, 1, `${found.map((row) => row.name).join(', ') || 'none'} for ${where}`)
        }
      }
    })
  }

  it('has no two rows of one name', () => {
    assert.equal(new Set(kernels.map((row) => row.name)).size, kernels.length)
  })
})

// Gates stand apart from the type, so one type meets them all.
function variantsOf(kernel: Kernel): Variant[] {
  const { quant, edges } = interfaces[kernel.op]
  const able = kernel.rounds ? types.filter((type) => quants[type].integers !== undefined) : types
  const [first = 'f32'] = able
  const plain = { kernel, type: first, activation: '' } as const
  const takesEdges = edges === true && !kernel.rounds
  return [
    ...(quant ? able : [first]).map((type): Variant => ({ ...plain, type })),
    ...(takesEdges ? activationNames : []).map((activation) => ({ ...plain, activation })),
  ]
}
