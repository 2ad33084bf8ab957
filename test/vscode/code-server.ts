// A real VS Code serving one folder, with the packed extension installed; everything it writes is in a folder that goes with it.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'

export interface CodeServer {
  url: string
  /** The opened folder. */
  workspace: string
  /** Processes that run the engine of this server's extension. */
  enginePids: () => number[]
  /** Processes that run extensions for the pages of this server. */
  extensionHostPids: () => number[]
  /** The extension's log, all of it so far. */
  log(): string
  close(): Promise<void>
}

/** @param files the folder to open, text by name; @param settings on top of those that keep the page quiet; @param bare without Hearth */
export async function startCodeServer(
  files: Readonly<Record<string, string>>,
  settings: Readonly<Record<string, unknown>> = {},
  bare = false,
): Promise<CodeServer> {
  const folder = mkdtempSync(path.join(tmpdir(), 'hearth-vscode-'))
  const workspace = path.join(folder, 'project')
  const extensions = path.join(folder, 'extensions')
  const userData = path.join(folder, 'user')
  for (const [name, text] of Object.entries(files)) write(path.join(workspace, name), text)
  write(path.join(userData, 'User', 'settings.json'), JSON.stringify({ ...quiet, ...settings }))
  write(path.join(userData, 'User', 'keybindings.json'), JSON.stringify(keys))

  const entry = path.resolve('test/vscode/node_modules/code-server/out/node/entry.js')
  const folders = ['--user-data-dir', userData, '--extensions-dir', extensions]
  const env = {
    ...process.env,
    CODE_SERVER_CONFIG: path.join(folder, 'config.yaml'),
    XDG_DATA_HOME: path.join(folder, 'data'),
    // The model is there already, and must not be fetched once more.
    HEARTH_CACHE: path.dirname(path.dirname(process.env['HEARTH_TEST_MODEL'] ?? '')),
  }
  if (!bare) installVsix([entry, ...folders], env)

  const port = await freePort()
  const child = spawn(
    process.execPath,
    [
      entry,
      ...folders,
      ...['--auth', 'none', '--bind-addr', `127.0.0.1:${port}`],
      ...['--disable-telemetry', '--disable-update-check', '--disable-workspace-trust', workspace],
    ],
    { env, stdio: ['ignore', 'pipe', 'pipe'] },
  )
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const close = async (): Promise<void> => {
    await end(child)
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
  }
  const url = `http://127.0.0.1:${port}/`
  try {
    await answering(url, child)
  } catch (error) {
    await close()
    throw new Error(`code-server did not start: ${output}`, { cause: error })
  }
  return {
    url,
    workspace,
    enginePids: () =>
      processes()
        .filter(({ command }) => command.includes(extensions) && /dist\/engine\.js (?!probe)/.test(command))
        .map(({ pid }) => pid),
    extensionHostPids: () =>
      descendants(child.pid ?? 0)
        .filter(({ command }) => command.includes('--type=extensionHost'))
        .map(({ pid }) => pid),
    log: () => logsBelow(path.join(userData, 'logs')),
    close,
  }
}

function installVsix(codeServer: readonly string[], env: NodeJS.ProcessEnv): void {
  const install = spawnSync(
    process.execPath,
    [...codeServer, '--install-extension', path.resolve(process.env['HEARTH_TEST_VSIX'] ?? '')],
    { env, encoding: 'utf8', timeout: 120_000 },
  )
  if (install.status !== 0)
    throw new Error(`the VSIX cannot be installed: ${install.stdout}${install.stderr}`)
}

// What would cover the page: greetings, tips, and suggestions of other extensions.
const quiet = {
  'workbench.startupEditor': 'none',
  'workbench.colorTheme': 'Default Dark Modern',
  'workbench.tips.enabled': false,
  'editor.quickSuggestions': { other: 'off', comments: 'off', strings: 'off' },
  'editor.suggestOnTriggerCharacters': false,
  'editor.minimap.enabled': false,
  'telemetry.telemetryLevel': 'off',
  'extensions.autoCheckUpdates': false,
  'extensions.ignoreRecommendations': true,
  'workbench.enableExperiments': false,
  // A software GPU under test is slower than any real one.
  'hearth.completion.timeBudgetMs': 20_000,
  'hearth.completion.maxTokens': 24,
  // What appears must not depend on how sure a small model is.
  'hearth.completion.boldness': 1,
}

// For what has no key of its own, and would lose its ghost text to the palette.
const keys = [{ key: 'ctrl+alt+l', command: 'editor.action.inlineSuggest.acceptNextLine' }]

function write(file: string, text: string): void {
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(file, text)
}

async function freePort(): Promise<number> {
  const server = createServer()
  return await new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() =>
        typeof address === 'object' && address !== null
          ? resolve(address.port)
          : reject(new Error('no free port')),
      )
    })
  })
}

async function answering(url: string, child: ChildProcess): Promise<void> {
  const deadline = Date.now() + 60_000
  for (;;) {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`)
    if (await answers(url)) return
    if (Date.now() > deadline) throw new Error('no answer within a minute')
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

function answers(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    get(url, (response) => {
      response.resume()
      resolve(response.statusCode !== undefined && response.statusCode < 500)
    }).once('error', () => resolve(false))
  })
}

// The server, its extension host and the engine: asked first, made to after a while.
async function end(child: ChildProcess): Promise<void> {
  const all = descendants(child.pid ?? 0)
  if (child.exitCode === null) {
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGTERM')
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 5000))])
  }
  for (const { pid, command } of all) {
    // A number may have gone to another process meanwhile.
    if (processes().some((now) => now.pid === pid && now.command === command)) process.kill(pid, 'SIGKILL')
  }
}

interface Process {
  pid: number
  parent: number
  command: string
}

function descendants(root: number): Process[] {
  const all = processes()
  const found = all.filter(({ pid }) => pid === root)
  for (const parent of found) found.push(...all.filter((candidate) => candidate.parent === parent.pid))
  return found
}

function processes(): Process[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0').join(' ')
        const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
        // The name of a program may hold spaces and parentheses; the fields after it do not.
        const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
        return [{ pid: Number(name), parent: Number(fields[1]), command }]
      } catch {
        // It ended while we looked.
        return []
      }
    })
}

function logsBelow(folder: string): string {
  return readdirSync(folder, { recursive: true })
    .map(String)
    .filter((name) => /hearth.*\.log$/i.test(name))
    .map((name) => readFileSync(path.join(folder, name), 'utf8'))
    .join('\n')
}
