// The only import of `webgpu` (Dawn for Node): finds adapters, opens a device with the adapter's real limits, and proves it works.
import type { Log } from '../../base/log'
import { EngineError } from '../../protocol/errors'
import type { DeviceTraits } from './kernels/table'
import { bufferUsage, mapModeRead } from './usage'

export interface AdapterFacts {
  readonly name: string
  /** All that the driver tells of itself and of the device; changes with the driver's version where that is told. */
  readonly identity: string
  readonly vendor: string
  /** The API below Dawn: "vulkan", "metal" or "d3d12". */
  readonly backend: string
  /** True for a rasterizer that runs on the CPU. */
  readonly software: boolean
  readonly features: readonly string[]
  readonly limits: Readonly<Record<string, number>>
  readonly subgroups: { readonly min: number; readonly max: number } | undefined
}

export interface OpenDevice {
  readonly device: GPUDevice
  readonly adapter: AdapterFacts
  readonly traits: DeviceTraits
  /** Destroys the device; without it Node does not exit. */
  release(): void
}

/** Every adapter Dawn finds, best first. Empty when there is none; throws `no-gpu` when Dawn itself does not load. */
export async function listAdapters(): Promise<AdapterFacts[]> {
  const gpu = await loadDawn([])
  const found: AdapterFacts[] = []
  for (const powerPreference of ['high-performance', 'low-power'] as const) {
    const adapter = await requestAdapter(gpu, { powerPreference })
    if (!adapter) continue
    const facts = factsOf(adapter)
    if (!found.some((other) => other.name === facts.name)) found.push(facts)
  }
  return found
}

/**
 * Opens the best adapter and runs a small job on it. Throws `no-gpu` with the reason when there is no adapter, Dawn does not
 * load, or the job fails (Electron, for one, may refuse the buffers that mapping needs). Timestamps are rounded to a tenth of a
 * millisecond unless `exactTimestamps` is set.
 */
export async function openDevice(log: Log, { exactTimestamps = false } = {}): Promise<OpenDevice> {
  const gpu = await loadDawn(exactTimestamps ? ['disable-dawn-features=timestamp_quantization'] : [])
  const adapter = await requestAdapter(gpu, { powerPreference: 'high-performance' })
  if (!adapter) throw new EngineError('no-gpu', noAdapter(), { hint: driverHint })
  const open = await request(gpu, adapter)
  try {
    await probe(open.device)
  } catch (cause) {
    open.release()
    throw new EngineError('no-gpu', `${open.adapter.name} failed a small test job: ${messageOf(cause)}`, {
      cause,
      hint: 'Set hearth.engine.nodePath to a Node.js 20 or newer, or hearth.device to "cpu".',
    })
  }
  log.debug(`device: ${open.adapter.name} (${open.adapter.backend})`)
  return open
}

/** A device that checks shaders and pipelines but computes nothing: for tests without any driver. */
export async function openNullDevice(): Promise<OpenDevice> {
  const gpu = await loadDawn(['backend=null'])
  const adapter = await requestAdapter(gpu, {})
  if (!adapter) throw new EngineError('no-gpu', "Dawn's null backend gave no adapter.")
  return request(gpu, adapter)
}

const wantedFeatures = ['shader-f16', 'subgroups', 'timestamp-query'] as const

// The defaults are the smallest any WebGPU adapter has, 128 MiB for a binding among them.
const wantedLimits = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupsPerDimension',
  'minStorageBufferOffsetAlignment',
] as const

const driverHint =
  'Install a graphics driver with Vulkan 1.1 or newer, or set hearth.device to "cpu". `hearth doctor` shows what was found.'

// Never let go of: node-webgpu's event loop goes on using an instance that was collected, and hangs on its freed mutex.
const instances: GPU[] = []

async function loadDawn(flags: string[]): Promise<GPU> {
  try {
    const { create } = await import('webgpu')
    const gpu = create(flags)
    instances.push(gpu)
    return gpu
  } catch (cause) {
    throw new EngineError('no-gpu', `The WebGPU module does not load: ${messageOf(cause)}`, {
      cause,
      hint: 'Reinstall Hearth for this platform, or set hearth.device to "cpu".',
    })
  }
}

async function requestAdapter(gpu: GPU, options: GPURequestAdapterOptions): Promise<GPUAdapter | null> {
  try {
    return await gpu.requestAdapter(options)
  } catch (cause) {
    throw new EngineError('no-gpu', `Looking for a WebGPU adapter failed: ${messageOf(cause)}`, {
      cause,
      hint: driverHint,
    })
  }
}

async function request(gpu: GPU, adapter: GPUAdapter): Promise<OpenDevice> {
  const requiredLimits: Record<string, number> = {}
  for (const limit of wantedLimits) requiredLimits[limit] = adapter.limits[limit]
  const requiredFeatures = wantedFeatures.filter((feature) => adapter.features.has(feature))
  const facts = factsOf(adapter)
  let device: GPUDevice | undefined
  try {
    device = await adapter.requestDevice({ requiredFeatures, requiredLimits })
  } catch (cause) {
    throw new EngineError('no-gpu', `${facts.name} refused to open: ${messageOf(cause)}`, {
      cause,
      hint: driverHint,
    })
  }
  const opened = device
  return {
    device,
    adapter: facts,
    traits: {
      subgroups: requiredFeatures.includes('subgroups') ? facts.subgroups : undefined,
      subgroupId: gpu.wgslLanguageFeatures.has('subgroup_id'),
      packedDot: gpu.wgslLanguageFeatures.has('packed_4x8_integer_dot_product'),
    },
    release: () => opened.destroy(),
  }
}

function factsOf(adapter: GPUAdapter): AdapterFacts {
  const { info, limits } = adapter
  const name = info.description || info.device || info.vendor || 'unnamed adapter'
  const features = [...adapter.features].sort()
  return {
    name,
    identity: [info.vendor, info.architecture, info.device, info.description].join(', '),
    vendor: info.vendor,
    backend: { darwin: 'metal', win32: 'd3d12' }[process.platform as string] ?? 'vulkan',
    software: info.isFallbackAdapter || /llvmpipe|swiftshader|basic render/i.test(name),
    features,
    limits: Object.fromEntries(wantedLimits.map((limit) => [limit, limits[limit]])),
    // Every width from 4 to 128 is legal; an adapter that does not tell its own gets that range.
    subgroups: features.includes('subgroups')
      ? { min: info.subgroupMinSize ?? 4, max: info.subgroupMaxSize ?? 128 }
      : undefined,
  }
}

// Writes a number, copies it and reads it back.
async function probe(device: GPUDevice): Promise<void> {
  const from = device.createBuffer({ size: 16, usage: bufferUsage.copySrc | bufferUsage.copyDst })
  const to = device.createBuffer({ size: 16, usage: bufferUsage.mapRead | bufferUsage.copyDst })
  try {
    device.queue.writeBuffer(from, 0, new Uint32Array([1, 2, 3, 0x48656172]))
    const encoder = device.createCommandEncoder()
    encoder.copyBufferToBuffer(from, 0, to, 0, 16)
    device.queue.submit([encoder.finish()])
    await to.mapAsync(mapModeRead)
    const got = new Uint32Array(to.getMappedRange())[3]
    if (got !== 0x48656172) throw new Error(`it returned ${String(got)}`)
  } finally {
    from.destroy()
    to.destroy()
  }
}

function noAdapter(): string {
  const picked = process.env['VK_DRIVER_FILES'] ?? process.env['VK_ICD_FILENAMES']
  const driver = picked === undefined ? '' : ` (the environment restricts Vulkan to ${picked})`
  return `No WebGPU adapter was found${driver}.`
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
