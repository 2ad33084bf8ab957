// Decides which device computes, and says why in one line for status bar and log.
import type { Log } from '../base/log'
import { EngineError, toWire } from '../protocol/errors'
import type { Backend, DeviceInfo } from './backend'
import { CpuBackend } from './cpu/cpu-backend'
import { openDevice } from './webgpu/dawn'
import { WebGpuBackend } from './webgpu/webgpu-backend'

export type DeviceChoice = 'auto' | 'webgpu' | 'cpu'

export interface OpenedBackend {
  readonly backend: Backend
  /** Which device and why, as one sentence. */
  readonly reason: string
}

/**
 * Opens the device of the setting `hearth.device`. `auto` takes WebGPU whenever there is an adapter that is faster than the
 * processor: any GPU, and of the software ones lavapipe, whose vectors plain TypeScript cannot reach.
 * Throws `no-gpu` when WebGPU was asked for by name and is not there.
 */
export async function openBackend(choice: DeviceChoice, log: Log): Promise<OpenedBackend> {
  if (choice === 'cpu') return cpu('hearth.device is "cpu".')
  try {
    const backend = new WebGpuBackend(await openDevice(log), log)
    if (choice === 'auto' && isSlowerThanCpu(backend.device)) {
      backend.dispose()
      return cpu(`hearth.device is "auto" and ${backend.device.name}, the only adapter, is slower.`)
    }
    const kind = backend.device.software ? ', a software adapter' : ''
    return { backend, reason: `Using ${backend.device.name}${kind}; hearth.device is "${choice}".` }
  } catch (error) {
    if (choice === 'webgpu' || !(error instanceof EngineError) || error.code !== 'no-gpu') throw error
    log.warn(`webgpu: ${error.message}`)
    return cpu(`hearth.device is "auto" and WebGPU does not work: ${toWire(error).message}`)
  }
}

// Measured, decode of SmolLM2 shapes in tokens per second: lavapipe (8 lanes) 15, cpu 3.1, SwiftShader (4 lanes) 1.8.
function isSlowerThanCpu(device: DeviceInfo): boolean {
  return device.software && (device.subgroups?.max ?? 0) < 8
}

function cpu(why: string): OpenedBackend {
  const backend = new CpuBackend()
  return { backend, reason: `Using the CPU (${backend.device.name}); ${why}` }
}
