// Runs the built engine as a user would: arguments in, exit code and both streams out.
import { spawn } from 'node:child_process'
import path from 'node:path'

export interface Ended {
  code: number | null
  stdout: string
  stderr: string
}

export interface CommandOptions {
  env?: NodeJS.ProcessEnv
  /** What stdin holds; empty by default. */
  input?: string
  /** Called once with a way to send it signals; `output` resolves with the first text on stdout. */
  started?: (kill: (signal: NodeJS.Signals) => void, output: Promise<void>) => void
  /** Runs the command inside another one, such as a shell that sets limits. */
  inside?: readonly string[]
}

/** Another build than the one `npm run build` makes, for work on the engine itself. */
export const enginePath = path.resolve(process.env['HEARTH_TEST_ENGINE'] ?? 'dist/engine.js')

export function hearth(args: readonly string[], options: CommandOptions = {}): Promise<Ended> {
  const [command = '', ...words] = [...(options.inside ?? []), process.execPath, enginePath, ...args]
  return new Promise((resolve, reject) => {
    const child = spawn(command, words, { env: { ...quiet(), ...options.env }, stdio: 'pipe' })
    const ended: Ended = { code: null, stdout: '', stderr: '' }
    const read = (name: 'stdout' | 'stderr'): void => {
      child[name].setEncoding('utf8').on('data', (text: string) => (ended[name] += text))
    }
    read('stdout')
    read('stderr')
    child.on('error', reject)
    child.on('close', (code) => resolve({ ...ended, code }))
    const output = new Promise<void>((first) => child.stdout.once('data', () => first()))
    options.started?.((signal) => child.kill(signal), output)
    // A command that does not read its input may be gone before it is written.
    child.stdin.on('error', () => undefined)
    child.stdin.end(options.input ?? '')
  })
}

/** The last error a command told: "hearth: …" and the hint below it. */
export function toldError({ stderr }: Ended): string {
  const lines = stderr.trimEnd().split('\n')
  const at = lines.findLastIndex((line) => line.startsWith('hearth: '))
  return at < 0 ? '' : lines.slice(at).join('\n')
}

// Variables of whoever runs the tests must not decide them.
function quiet(): NodeJS.ProcessEnv {
  const env = { ...process.env }
  for (const name of ['HEARTH_DEBUG', 'NO_COLOR', 'FORCE_COLOR', 'HF_ENDPOINT', 'HEARTH_CACHE'])
    delete env[name]
  return env
}
