// Decides which device computes, and says why in one line for status bar and log.
import type { Log } from '../base/log'
import { EngineError, toWire } from '../protocol/errors'
import type { Backend } from './backend'
import { SimdStorage } from './cpu-simd/simd-storage'
import { CpuBackend } from './cpu/cpu-backend'
import { PlainStorage } from './cpu/plain-storage'
import type { CpuStorage } from './cpu/storage'
import type { Profile } from './profile'
import { openDevice } from './webgpu/dawn'
import { WebGpuBackend } from './webgpu/webgpu-backend'

/** `cpu-reference` is the processor with plain loops, for whoever compares or looks for an error. */
export type DeviceChoice = 'auto' | 'webgpu' | 'cpu' | 'cpu-reference'

export interface OpenedBackend {
  readonly backend: Backend
  /** Which device and why, as one sentence; it is logged, too. */
  readonly reason: string
}

/**
 * Opens the device of the setting `hearth.device`. `auto` takes WebGPU whenever there is an adapter that is faster than the
 * processor: any GPU, and no software one. A `profile` gets the times of the steps it wants measured.
 * Throws `no-gpu` when WebGPU was asked for by name and is not there.
 */
export async function openBackend(choice: DeviceChoice, log: Log, profile?: Profile): Promise<OpenedBackend> {
  const opened = await choose(choice, log, profile)
  log.info(opened.reason)
  return opened
}

async function choose(choice: DeviceChoice, log: Log, profile?: Profile): Promise<OpenedBackend> {
  if (choice === 'cpu') return cpu('hearth.device is "cpu".', log, profile)
  if (choice === 'cpu-reference') {
    const backend = new CpuBackend(new PlainStorage(), profile)
    return { backend, reason: `Using the CPU (${backend.device.name}) with the slow loops of the reference.` }
  }
  try {
    const backend = new WebGpuBackend(
      await openDevice(log, { exactTimestamps: profile !== undefined }),
      log,
      { profile },
    )
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
