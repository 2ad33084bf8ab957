// How much processor an engine takes that serves an editor in which nothing happens.
import { readFileSync } from 'node:fs'
import { startEngine } from '../lsp/engine-process'
import { sleep } from '../../engine/base/signal'

export interface IdleOptions {
  /** A GGUF file. */
  model: string
  device: 'webgpu' | 'cpu'
  seconds: number
  env: NodeJS.ProcessEnv
}

/** Of one core, while nothing is asked. Linux only: other systems do not tell of another process without help. */
export async function idleShare({ model, device, seconds, env }: IdleOptions): Promise<number> {
  const before = { ...process.env }
  Object.assign(process.env, { XDG_RUNTIME_DIR: '/tmp', ...env })
  const engine = await startEngine({ settings: { model, device } })
  process.env = before
  try {
    const { state, message } = await engine.status(
      (status) => status.state === 'ready' || status.state === 'error',
    )
    if (state === 'error') throw new Error(message)
    // What loading leaves behind is no idling: V8 collects it once more, some ten seconds later.
    await sleep(20_000)
    const pid = engine.child.pid ?? 0
    const [ticks, start] = [ticksOf(pid), performance.now()]
    await sleep(seconds * 1000)
    return (ticksOf(pid) - ticks) / ticksPerSecond / ((performance.now() - start) / 1000)
  } finally {
    await engine.quit()
  }
}

/** USER_HZ, the same on every Linux that Node runs on. */
const ticksPerSecond = 100

// The name, in parentheses, may hold anything; utime and stime are the 14th and 15th field, all threads together.
function ticksOf(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return Number(fields[11]) + Number(fields[12])
}
