// Opens a model on this machine: resolve the file, open the device, load the weights.
import type { Log } from '../base/log'
import type { Progress } from '../base/progress'
import type { DeviceChoice } from '../protocol/settings'
import type { Provider } from './provider'

export interface OpenLocalOptions {
  /** The file of a model; see hub.ts for ids. */
  path: string
  /** What to call it in status and messages. */
  model: string
  device: DeviceChoice
  contextLength: number
  log: Log
  progress: Progress
}

export function openLocal(options: OpenLocalOptions, signal: AbortSignal): Promise<Provider> {
  signal.throwIfAborted()
  return Promise.reject(new Error(options.path))
}
