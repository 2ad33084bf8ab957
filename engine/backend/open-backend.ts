// Decides which device computes, and says why in one line for status bar and log.
import type { Log } from '../base/log'
import { EngineError, toWire } from '../protocol/errors'
import type { Backend } from './backend'
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
 * Opens the device of the setting `hearth.device`. `auto` takes WebGPU whenever there is an adapter, a software one too:
 * lavapipe uses the vector units that plain TypeScript cannot reach, and is several times faster than the cpu backend.
 * Throws `no-gpu` when WebGPU was asked for by name and is not there.
 */
export async function openBackend(choice: DeviceChoice, log: Log): Promise<OpenedBackend> {
  if (choice === 'cpu') return cpu('hearth.device is "cpu".')
  try {
    const backend = new WebGpuBackend(await openDevice(log), log)
    const kind = backend.device.software ? ', a software adapter' : ''
    return { backend, reason: `Using ${backend.device.name}${kind}; hearth.device is "${choice}".` }
  } catch (error) {
    if (choice === 'webgpu' || !(error instanceof EngineError) || error.code !== 'no-gpu') throw error
    log.warn(`webgpu: ${error.message}`)
    return cpu(`hearth.device is "auto" and WebGPU does not work: ${toWire(error).message}`)
  }
}

function cpu(why: string): OpenedBackend {
  const backend = new CpuBackend()
  return { backend, reason: `Using the CPU (${backend.device.name}); ${why}` }
}
