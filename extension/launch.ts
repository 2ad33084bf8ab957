// Decides which Node.js runs the engine: each candidate must prove itself by running `engine.js probe`.
import { spawn } from 'node:child_process'
import { accessSync, constants, realpathSync } from 'node:fs'
import { homedir } from 'node:os'
import path from 'node:path'
import type { Log } from '../engine/base/log'
import { EngineError } from '../engine/protocol/errors'

/** A way to run JavaScript files outside the editor. */
export interface Runtime {
  /** For people, such as "node on PATH". */
  title: string
  command: string
  /** Added to the environment of the child. */
  env: Readonly<Record<string, string>>
}

/** What `engine.js probe` found out, or why it could not run. */
export type ProbeResult = { ok: true; node: string; webgpu: string } | { ok: false; reason: string }

export interface Attempt {
  runtime: Runtime
  result: ProbeResult
}

export interface Surroundings {
  /** Setting `hearth.engine.nodePath`; empty means not set. */
  nodePath: string
  /** `process.execPath` of the extension host. */
  execPath: string
  /** Whether that is Electron, which must be told to be Node.js. code-server is plain Node.js. */
  electron: boolean
  /** The variable PATH. */
  path: string
}

const probeTimeoutMs = 15_000
// What the oldest supported editor carries. Node.js 20.3 has AbortSignal.any but no Symbol.dispose, which the engine
// needs too; an older one dies of errors that explain nothing.
const oldestNode = [20, 9] as const

/** A runtime, and what it was chosen for. */
export interface Choice {
  runtime: Runtime
  nodePath: string
  /** Whether no other choice would be better for a GPU. False when nobody asked for one and this one has none. */
  forGpu: boolean
}

/** Whether a choice still holds under these settings. */
export function stillHolds(choice: Choice, wanted: { nodePath: string; wantsGpu: boolean }): boolean {
  return choice.nodePath === wanted.nodePath && (choice.forGpu || !wanted.wantsGpu)
}

/**
 * The runtime to use: the first whose probe reports WebGPU, else the first that runs at all, for the processor.
 * @throws EngineError `internal` when none runs, with every attempt in the message.
 */
export async function findRuntime(
  engine: string,
  around: Surroundings,
  options: { wantsGpu: boolean },
  log: Log,
  signal: AbortSignal,
): Promise<Choice> {
  const attempts: Attempt[] = []
  for (const runtime of candidates(around)) {
    const result = await probe(runtime, engine, signal)
    attempts.push({ runtime, result })
    log.info(describeAttempt({ runtime, result }))
    if (result.ok && (result.webgpu === 'ok' || !options.wantsGpu)) break
  }
  const chosen = choose(attempts)
  if (chosen === undefined) {
    throw new EngineError(
      'internal',
      `No Node.js could run the engine. ${attempts.map(describeAttempt).join('; ')}.`,
      {
        hint: 'Install Node.js 20.9 or newer, or set "hearth.engine.nodePath" to one.',
      },
    )
  }
  log.info(`The engine runs on ${chosen.title} (${chosen.command})`)
  const hasGpu = attempts.some(
    ({ runtime, result }) => runtime === chosen && result.ok && result.webgpu === 'ok',
  )
  return { runtime: chosen, nodePath: around.nodePath, forGpu: options.wantsGpu || hasGpu }
}

/** The ladder, best first. One binary is tried once, however many names it has. */
export function candidates(around: Surroundings): Runtime[] {
  const rungs: Runtime[] = []
  if (around.nodePath !== '')
    rungs.push({ title: 'hearth.engine.nodePath', command: expandHome(around.nodePath), env: {} })
  rungs.push(
    around.electron
      ? { title: 'Electron as Node.js', command: around.execPath, env: { ELECTRON_RUN_AS_NODE: '1' } }
      : { title: "the editor's own Node.js", command: around.execPath, env: {} },
  )
  const onPath = which('node', around.path)
  if (onPath !== undefined) rungs.push({ title: 'node on PATH', command: onPath, env: {} })

  const seen = new Set<string>()
  return rungs.filter(({ command }) => {
    const identity = realPath(command)
    return !seen.has(identity) && seen.add(identity)
  })
}

/** Pure choice among finished attempts. */
export function choose(attempts: readonly Attempt[]): Runtime | undefined {
  const running = attempts.filter(({ result }) => result.ok)
  const best = running.find(({ result }) => result.ok && result.webgpu === 'ok') ?? running[0]
  return best?.runtime
}

/** One line for the log. */
export function describeAttempt({ runtime, result }: Attempt): string {
  const verdict = result.ok
    ? `runs as Node.js ${result.node}, WebGPU ${result.webgpu === 'ok' ? 'works' : `does not work: ${result.webgpu}`}`
    : `failed: ${result.reason}`
  return `Tried ${runtime.title} (${runtime.command}): ${verdict}`
}

/** Runs `<runtime> engine.js probe`. Never rejects, except with the signal's reason: a failure is a finding. */
export async function probe(
  runtime: Runtime,
  engine: string,
  signal: AbortSignal,
  timeoutMs = probeTimeoutMs,
): Promise<ProbeResult> {
  signal.throwIfAborted()
  const result = await new Promise<ProbeResult>((resolve) => {
    const child = spawn(runtime.command, [engine, 'probe'], {
      env: runtimeEnvironment(runtime),
      stdio: ['ignore', 'pipe', 'pipe'],
      windowsHide: true,
    })
    let stdout = ''
    let stderr = ''
    let timedOut = false
    const kill = (): void => void child.kill('SIGKILL')
    const timer = setTimeout(() => {
      timedOut = true
      kill()
    }, timeoutMs)
    signal.addEventListener('abort', kill, { once: true })
    const finish = (found: ProbeResult): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', kill)
      resolve(found)
    }
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout = tail(stdout + text)))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr = tail(stderr + text)))
    child.on('error', (error) => finish({ ok: false, reason: error.message }))
    child.on('close', (code, killedBy) => {
      if (timedOut) finish({ ok: false, reason: `no answer within ${timeoutMs / 1000} s` })
      else if (code === 0) finish(readProbe(stdout))
      else finish({ ok: false, reason: `${killedBy ?? `exit code ${code}`}${lastLine(stderr)}` })
    })
  })
  signal.throwIfAborted()
  return result
}

/** The environment of a process on this runtime. */
export function runtimeEnvironment(runtime: Runtime): NodeJS.ProcessEnv {
  // NODE_OPTIONS is meant for the user's own programs: a preloaded script there could print on the engine's channel.
  const environment = { ...process.env, ...runtime.env }
  delete environment['NODE_OPTIONS']
  return environment
}

/** The last line of a probe's output that is JSON, judged. A driver may print lines of its own before it. */
export function readProbe(stdout: string): ProbeResult {
  for (const line of stdout.trim().split('\n').reverse()) {
    const found = parseLine(line)
    if (found === undefined) continue
    if (!isNewEnough(found.node)) {
      return {
        ok: false,
        reason: `Node.js ${found.node} is older than ${oldestNode.join('.')}, which the engine needs`,
      }
    }
    return { ok: true, node: found.node.replace(/^v/, ''), webgpu: found.webgpu }
  }
  return { ok: false, reason: 'the probe printed no result' }
}

function isNewEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number)
  return major > oldestNode[0] || (major === oldestNode[0] && minor >= oldestNode[1])
}

function parseLine(line: string): { node: string; webgpu: string } | undefined {
  if (!line.startsWith('{')) return undefined
  try {
    const value = JSON.parse(line) as unknown
    if (typeof value !== 'object' || value === null || !('node' in value) || !('webgpu' in value))
      return undefined
    return typeof value.node === 'string' && typeof value.webgpu === 'string'
      ? { node: value.node, webgpu: value.webgpu }
      : undefined
  } catch (error) {
    // Not JSON means: a line of somebody else's, look at the next.
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function which(name: string, searchPath: string): string | undefined {
  const file = process.platform === 'win32' ? `${name}.exe` : name
  return searchPath
    .split(path.delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => path.join(folder, file))
    .find(isExecutable)
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    // Absent, or not ours to run: either way not a candidate.
    return false
  }
}

function realPath(command: string): string {
  try {
    return realpathSync(command)
  } catch {
    // Not on disk: the probe will say so in words.
    return command
  }
}

function expandHome(file: string): string {
  return file === '~' || file.startsWith('~/') ? path.join(homedir(), file.slice(1)) : file
}

// A runtime that floods its output must not fill the extension host's memory.
function tail(text: string): string {
  return text.slice(-8192)
}

function lastLine(stderr: string): string {
  const line = stderr.trim().split('\n').at(-1)?.trim() ?? ''
  return line === '' ? '' : `: ${line.slice(0, 200)}`
}
