// Types in a real VS Code with Hearth, with its ghost text off, and without Hearth, in turns: how soon a key is painted, and what it costs.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { silentLog } from '../../engine/base/log'
import { noProgress } from '../../engine/base/progress'
import { ensureModel } from '../../engine/provider/hub'
import { startCodeServer, type CodeServer } from '../vscode/code-server'
import { openWorkbench, until, type Workbench } from '../vscode/workbench'
import { editorTable, sceneTitles, subjects, type Block, type Scene, type Subject } from './editor-figures'

const { values: options } = parseArgs({
  options: {
    scene: { type: 'string', multiple: true, default: Object.keys(sceneTitles) },
    rounds: { type: 'string', default: '5' },
    packed: { type: 'boolean', default: false },
    save: { type: 'boolean', default: false },
  },
})

const model = 'smollm2-135m-instruct'
const keyDelayMs = 60
// What a key has started is over by then, but for the model.
const restMs = 400
const blocksFile = path.join('dist', 'bench-editor.json')
const resultsFolder = path.join('test', 'quality', 'results')

interface SceneRow {
  /** The document; `┃` is the cursor. */
  document: string
  /** Typed before anything is measured. */
  first: string
  typed: string
  /** Gray before the first measured key, where ghost text is on. */
  ghost?: string
}

const call = 'collect_everything_from_all_the_places()'

// As many keys in each scene, 40 or some more.
const scenes: Readonly<Record<Scene, SceneRow>> = {
  gate: { document: 'inside┃outside = 1\n', first: 'x', typed: 'inside_a_word_'.repeat(3) },
  typed: {
    document: `${`answer = ${call}\n`.repeat(4)}answer =┃\n`,
    first: ' ',
    typed: call,
    ghost: call,
  },
  model: { document: '#┃\n', first: ' ', typed: 'nothing of this was ever suggested to me, ' },
}

interface Place {
  server: CodeServer
  vscode: Workbench
}

void main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
  process.exitCode = 1
})

async function main(): Promise<void> {
  const rounds = Number(options.rounds)
  const chosen = (Object.keys(sceneTitles) as Scene[]).filter((scene) => options.scene.includes(scene))
  const cached = await ensureModel(
    model,
    { log: silentLog, progress: noProgress },
    new AbortController().signal,
  )
  process.env['HEARTH_TEST_MODEL'] = cached
  process.env['HEARTH_TEST_VSIX'] ??= `hearth-${process.platform}-${process.arch}.vsix`
  const files = Object.fromEntries(
    chosen.flatMap((scene) =>
      subjects.flatMap((subject) =>
        Array.from(
          { length: rounds },
          (_, round) => [fileOf(scene, subject, round), scenes[scene].document.replace('┃', '')] as const,
        ),
      ),
    ),
  )
  const places = {
    absent: await openPlace(files, 'absent'),
    off: await openPlace(files, 'off'),
    on: await openPlace(files, 'on'),
  }
  const blocks: Block[] = []
  try {
    for (const { vscode } of [places.off, places.on]) await vscode.waitForStatus(/Hearth, ready/)
    // A new editor takes a while until it asks for suggestions by itself; by hand it asks at once.
    await places.on.vscode.openFile(Object.keys(files)[0] ?? '')
    await places.on.vscode.press('Alt+Backslash')
    await rest(2000)
    await places.on.vscode.press('Escape')
    for (const scene of chosen)
      for (let round = 0; round < rounds; round++)
        // Whoever comes first in a round comes last in the next one.
        for (const subject of round % 2 === 0 ? subjects : subjects.toReversed())
          blocks.push(await measure(places[subject], { scene, subject, round }))
  } finally {
    for (const { server, vscode } of Object.values(places)) {
      await vscode.close()
      await server.close()
    }
  }
  // Scenes measured by another call before stay in the table.
  const before = existsSync(blocksFile) ? (JSON.parse(readFileSync(blocksFile, 'utf8')) as Block[]) : []
  const all = [...before.filter(({ scene }) => !chosen.includes(scene)), ...blocks]
  writeFileSync(blocksFile, JSON.stringify(all))
  const date = new Date().toISOString().slice(0, 10)
  const machine = `${os.cpus()[0]?.model ?? 'unknown processor'}, ${os.cpus().length} threads, ${process.platform} ${process.arch}, Node.js ${process.version}`
  const text = `# Typing in VS Code: ${model} on cpu, ${date}\n\n${machine}.\n\n${editorTable(all)}`
  process.stdout.write(text)
  if (options.save) writeFileSync(path.join(resultsFolder, `${date}-editor-${model}-cpu.md`), text)
}

async function openPlace(files: Readonly<Record<string, string>>, subject: Subject): Promise<Place> {
  const settings = { 'hearth.device': 'cpu', 'hearth.completion.enabled': subject === 'on' }
  const server = await startCodeServer(files, settings, subject === 'absent')
  try {
    return { server, vscode: await openWorkbench(server) }
  } catch (error) {
    await server.close()
    throw error
  }
}

function fileOf(scene: Scene, subject: Subject, round: number): string {
  return `${scene}-${subject}-${round}.py`
}

async function measure(
  { server, vscode }: Place,
  { scene, subject, round }: Pick<Block, 'scene' | 'subject' | 'round'>,
): Promise<Block> {
  const { document, first, typed, ghost } = scenes[scene]
  const before = document.slice(0, document.indexOf('┃'))
  const line = before.split('\n').length - 1
  await vscode.openFileAt(fileOf(scene, subject, round), line, before.length - before.lastIndexOf('\n') - 1)
  await rest(800)
  await vscode.type(first)
  if (ghost !== undefined && subject === 'on')
    await until('ghost', vscode.ghostText, (text) => text === ghost, 20_000)
  await rest(restMs)
  const [host = 0] = server.extensionHostPids()
  const [engine = 0] = server.enginePids()
  const started = { host: mainThreadMs(host), engine: mainThreadMs(engine) }
  const latencies = await vscode.keysToPaint(typed, keyDelayMs)
  await rest(restMs)
  const hostMs = mainThreadMs(host) - started.host
  const engineMs = mainThreadMs(engine) - started.engine
  await vscode.press('Escape')
  await vscode.press('Control+S')
  return { scene, subject, round, latencies, hostMs, engineMs }
}

/** Time that the first thread of a process has run for. */
function mainThreadMs(pid: number): number {
  if (pid === 0) return 0
  const [ran = '0'] = readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ')
  return Number(ran) / 1e6
}

async function rest(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms))
}
