// Where the engine's process starts: serves an editor, or runs one command of the CLI. The only process.exit.
import { setFlagsFromString } from 'node:v8'

// By default V8 collects garbage when 48 MB of it are young, or when the heap has doubled. Half of that is what a small model takes.
setFlagsFromString('--semi-space-growth-factor=1')
setFlagsFromString('--heap-growing-percent=25')

// Each branch loads its own code: an editor waits for `lsp`, and the extension for `probe`.
void start(process.argv.slice(2)).then((code) => process.exit(code))

async function start([command, ...rest]: readonly string[]): Promise<number> {
  if (command === 'lsp' && !rest.includes('--help')) return serve(rest)
  return runCommand(process.argv.slice(2))
}

async function serve(options: readonly string[]): Promise<number> {
  const { runLspServer } = await import('./server/lsp')
  await runLspServer({ transport: options.includes('--node-ipc') ? 'node-ipc' : 'stdio' })
  return 0
}

async function runCommand(argv: readonly string[]): Promise<number> {
  const { createTerminal } = await import('./cli/terminal')
  const { runCli } = await import('./cli/run')
  const interrupted = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      // The second one is from somebody who has waited long enough.
      if (interrupted.signal.aborted) process.exit(130)
      interrupted.abort()
    })
  }
  // `hearth … | head` closes the pipe when it has enough; that is no error, and nobody is left to tell.
  process.stdout.on('error', () => process.exit(0))
  const terminal = createTerminal(process, process.env)
  const code = await runCli(argv, { terminal, signal: interrupted.signal })
  // Ends only when a slow reader has everything.
  await new Promise((resolve) => process.stdout.write('', resolve))
  return code
}
