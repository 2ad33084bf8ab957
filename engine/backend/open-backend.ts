// Decides which device computes, and says why in one line for status bar and log.
import type { Log } from '../base/log'
import { EngineError, toWire } from '../protocol/errors'
import type { Backend } from './backend'
import { SimdStorage } from './cpu-simd/simd-storage'
import { CpuBackend } from './cpu/cpu-backend'
import { PlainStorage } from './cpu/plain-storage'
import type { CpuStorage } from './cpu/storage'
import { describeKernels, type KernelChoices, type KernelMemory } from './kernel-choice'
import type { Profile } from './profile'
import { choicesByFeatures, chooseKernels, type Measure } from './webgpu/choose-kernels'
import { openDevice, type OpenDevice } from './webgpu/dawn'
import { measureKernels, measuringAtStart, patientMeasuring, type Measuring } from './webgpu/measure-kernels'
import { WebGpuBackend } from './webgpu/webgpu-backend'

/** `cpu-reference` is the processor with plain loops, for whoever compares or looks for an error. */
export type DeviceChoice = 'auto' | 'webgpu' | 'cpu' | 'cpu-reference'

export interface OpenBackendOptions {
  /** Gets the times of the steps it wants measured. */
  readonly profile?: Profile | undefined
  /** Kernels are measured once for an adapter and remembered here; without it they follow from its features alone. */
  readonly kernelMemory?: KernelMemory | undefined
}

export interface OpenedBackend {
  readonly backend: Backend
  /** Which device and why, as one sentence; it is logged, too. */
  readonly reason: string
}

/**
 * Opens the device of the setting `hearth.device`. `auto` takes WebGPU whenever there is an adapter that is faster than the
 * processor: any GPU, and no software one.
 * Throws `no-gpu` when WebGPU was asked for by name and is not there.
 */
export async function openBackend(
  choice: DeviceChoice,
  log: Log,
  options: OpenBackendOptions = {},
): Promise<OpenedBackend> {
  const opened = await choose(choice, log, options)
  log.info(opened.reason)
  return opened
}

async function choose(
  choice: DeviceChoice,
  log: Log,
  { profile, kernelMemory }: OpenBackendOptions,
): Promise<OpenedBackend> {
  if (choice === 'cpu') return cpu('hearth.device is "cpu".', log, profile)
  if (choice === 'cpu-reference') {
    const backend = new CpuBackend(new PlainStorage(), profile)
    return { backend, reason: `Using the CPU (${backend.device.name}) with the slow loops of the reference.` }
  }
  try {
    const open = await openDevice(log, { exactTimestamps: profile !== undefined })
    const kernels = await kernelsFor(open, kernelMemory, measuringAtStart, log)
    const backend = new WebGpuBackend(open, log, { profile, kernels })
    // Measured, SmolLM2 on one machine: the processor decodes 4 times as fast as lavapipe and reads a prompt twice as fast.
    if (choice === 'auto' && backend.device.software) {
      backend.dispose()
      return cpu(
        `hearth.device is "auto" and ${backend.device.name}, the only adapter, is a slower software one.`,
        log,
        profile,
      )
    }
    const kind = backend.device.software ? ', a software adapter' : ''
    return { backend, reason: `Using ${backend.device.name}${kind}; hearth.device is "${choice}".` }
  } catch (error) {
    if (choice === 'webgpu' || !(error instanceof EngineError) || error.code !== 'no-gpu') throw error
    log.warn(`webgpu: ${error.message}`)
    return cpu(`hearth.device is "auto" and WebGPU does not work: ${toWire(error).message}`, log, profile)
  }
}

/** Measures the kernels of an open device with time for slow compilers, and remembers that for later starts. */
export function measureAgain(open: OpenDevice, memory: KernelMemory, log: Log): Promise<KernelChoices> {
  const forgetful: KernelMemory = { ...memory, recall: () => Promise.resolve(undefined) }
  return kernelsFor(open, forgetful, patientMeasuring, log)
}

async function kernelsFor(
  open: OpenDevice,
  memory: KernelMemory | undefined,
  measuring: Measuring,
  log: Log,
): Promise<KernelChoices> {
  const exactness = { allowsRounding: false }
  const measure: Measure = async (contests) => {
    try {
      return await measureKernels(open, contests, measuring)
    } catch (error) {
      // A start is worth more than a choice.
      log.warn(`kernels: not measured: ${String(error)}`)
      return choicesByFeatures(contests)
    }
  }
  const kernels = await chooseKernels(open.adapter, open.traits, exactness, memory, measure)
  log.debug(`kernels: ${describeKernels(kernels)}`)
  return kernels
}

function cpu(why: string, log: Log, profile: Profile | undefined): OpenedBackend {
  const backend = new CpuBackend(fastStorage(log), profile)
  return { backend, reason: `Using the CPU (${backend.device.name}); ${why}` }
}

// Plain loops are ten times slower or more, and work everywhere.
function fastStorage(log: Log): CpuStorage {
  try {
    return new SimdStorage({ warn: (message) => log.warn(message) })
  } catch (error) {
    log.warn(`cpu: no SIMD, using plain loops: ${toWire(error).message}`)
    return new PlainStorage()
  }
}
