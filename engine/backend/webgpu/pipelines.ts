// Compiles each kernel variant once, and turns the compiler's messages into an error that names kernel and line.
import { EngineError } from '../../protocol/errors'
import { compose, variantName, type Variant } from './compose'
import { interfaces, type DeviceTraits, type OpName } from './kernels/table'
import { bufferUsage, computeStage } from './usage'

export interface Pipeline {
  readonly pipeline: GPUComputePipeline
  readonly layout: GPUBindGroupLayout
}

/** More than any kernel needs bound. */
const emptyBytes = 256

export class Pipelines {
  readonly #device: GPUDevice
  readonly #traits: DeviceTraits
  readonly #layouts = new Map<OpName, GPUBindGroupLayout>()
  readonly #pipelines = new Map<string, Promise<Pipeline>>()
  /** Something to bind, one buffer per binding. */
  readonly #empty: GPUBuffer[] = []

  constructor(device: GPUDevice, traits: DeviceTraits) {
    this.#device = device
    this.#traits = traits
  }

  /** Throws `internal` with the kernel's name and the line when the shader does not compile. */
  get(variant: Variant): Promise<Pipeline> {
    const { kernel } = variant
    const name = variantName(variant)
    let pipeline = this.#pipelines.get(name)
    if (!pipeline) {
      pipeline = this.compile(name, kernel.op, compose(variant, this.#traits), kernel.constants)
      this.#pipelines.set(name, pipeline)
    }
    return pipeline
  }

  /** Compiles what is not compiled yet, and runs one workgroup of it on empty memory: some drivers compile only then. Throws as `get`. */
  async warm(variant: Variant): Promise<void> {
    if (this.#pipelines.has(variantName(variant))) return
    this.#runOnce(variant.kernel.op, await this.get(variant))
  }

  #runOnce(op: OpName, { pipeline, layout }: Pipeline): void {
    const entries = this.#bindings(op).map((_, binding) => {
      this.#empty[binding] ??= this.#device.createBuffer({
        label: 'empty',
        size: emptyBytes,
        usage: bufferUsage.storage | bufferUsage.uniform,
      })
      return { binding, resource: { buffer: this.#empty[binding] } }
    })
    const encoder = this.#device.createCommandEncoder()
    const pass = encoder.beginComputePass()
    pass.setPipeline(pipeline)
    pass.setBindGroup(0, this.#device.createBindGroup({ label: op, layout, entries }))
    pass.dispatchWorkgroups(1)
    pass.end()
    this.#device.queue.submit([encoder.finish()])
  }

  /** Compiles one text for an operation's interface, without the cache. */
  async compile(
    name: string,
    op: OpName,
    code: string,
    constants: Readonly<Record<string, number>> = {},
  ): Promise<Pipeline> {
    const layout = this.#layout(op)
    const device = this.#device
    device.pushErrorScope('validation')
    const module = device.createShaderModule({ label: name, code })
    const info = await module.getCompilationInfo()
    await device.popErrorScope()
    const wrong = info.messages.find((message) => message.type === 'error')
    if (wrong) {
      const line = code.split('\n')[wrong.lineNum - 1] ?? ''
      throw new EngineError(
        'internal',
        `kernel "${name}" line ${wrong.lineNum}: ${wrong.message} in: ${line.trim()}`,
        { hint: 'This is a bug in a shader of Hearth. Set hearth.device to "cpu" to work without it.' },
      )
    }
    try {
      const pipeline = await device.createComputePipelineAsync({
        label: name,
        layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
        compute: { module, entryPoint: 'main', constants },
      })
      return { pipeline, layout }
    } catch (cause) {
      throw new EngineError('internal', `kernel "${name}": ${messageOf(cause)}`, {
        cause,
        hint: 'The GPU driver refused a shader of Hearth. Set hearth.device to "cpu" to work without it.',
      })
    }
  }

  #layout(op: OpName): GPUBindGroupLayout {
    let layout = this.#layouts.get(op)
    if (!layout) {
      const types = this.#bindings(op)
      layout = this.#device.createBindGroupLayout({
        label: op,
        entries: types.map((type, binding) => ({ binding, visibility: computeStage, buffer: { type } })),
      })
      this.#layouts.set(op, layout)
    }
    return layout
  }

  #bindings(op: OpName): readonly GPUBufferBindingType[] {
    const types: GPUBufferBindingType[] = ['uniform', 'uniform']
    if (interfaces[op].quant) types.push('read-only-storage', 'read-only-storage')
    for (const access of Object.values(interfaces[op].bind)) {
      types.push(access === 'read' ? 'read-only-storage' : 'storage')
    }
    return types
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
