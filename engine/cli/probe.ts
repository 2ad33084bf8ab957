// Answers one question of the extension: does WebGPU work in this very runtime? A crash is an answer too.
import { silentLog } from '../base/log'
import { openDevice } from '../backend/webgpu/dawn'
import type { Run } from './commands'
import { exitCodes } from './exit-codes'

/** Opens a device, which reads a mapped buffer back, and prints one line: `{"node":"20.19.0","webgpu":"ok"}` or the reason instead of "ok". */
export const probe: Run = async ({ terminal }) => {
  const webgpu = await tryDevice()
  await terminal.out(`${JSON.stringify({ node: process.versions.node, webgpu })}\n`)
  return exitCodes.ok.code
}

async function tryDevice(): Promise<string> {
  try {
    const opened = await openDevice(silentLog)
    opened.release()
    return 'ok'
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
