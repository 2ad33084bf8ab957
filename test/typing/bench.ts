// Replays somebody typing published code into the engine, and writes down what that made the model do; README.md beside it has the rest.
import { writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { silentLog } from '../../engine/base/log'
import { noProgress } from '../../engine/base/progress'
import { ensureModel } from '../../engine/provider/hub'
import { startEngine } from '../lsp/engine-process'
import cases from '../quality/cases.json'
import { packages } from '../quality/packages'
import { fetchPackage, readSource } from '../quality/sources'
import { figuresOf, markdown } from './figures'
import { replay } from './replay'
import type { Task } from './typist'

// Blocks of some lines, in files that fill a window, one of each language after the other.
const leastTyped = 100
const mostTyped = 500
const leastFile = 4000

// What the engine reads of a prompt in a step on the processor.
const chunk = 32

const { values: options } = parseArgs({
  options: {
    strokes: { type: 'string', default: '500' },
    seed: { type: 'string', default: '1' },
    model: { type: 'string', default: 'smollm2-135m-instruct' },
    fast: { type: 'boolean', default: false },
    rest: { type: 'string', default: '0' },
    'low-power': { type: 'boolean', default: false },
    'other-files': { type: 'string', default: 'auto' },
    show: { type: 'boolean', default: false },
    save: { type: 'boolean', default: false },
  },
})

void main().catch((error: unknown) => {
  tell(error instanceof Error ? (error.stack ?? error.message) : String(error))
  process.exitCode = 1
})

async function main(): Promise<void> {
  const { id, name } = { id: options.model, name: path.parse(options.model).name }
  const model = await ensureModel(id, { log: silentLog, progress: noProgress }, new AbortController().signal)
  const engine = await startEngine({
    settings: {
      model,
      device: 'cpu',
      lowPower: options['low-power'] ? 'on' : 'off',
      completion: { otherFiles: options['other-files'] },
    },
  })
  await engine.status(({ state }) => state === 'ready')
  const session = await replay(engine, publishedTasks(), {
    strokes: Number(options.strokes),
    seed: Number(options.seed),
    pause: options.fast ? [20, 60] : [60, 160],
    look: { share: 0.1, ms: 700 },
    restMs: Number(options.rest),
  })
  await engine.quit()
  const figures = figuresOf(session, chunk)
  if (options.show)
    for (const stroke of session.strokes)
      tell(JSON.stringify({ ...stroke, taken: undefined, before: stroke.before.slice(-30) }))
  for (const text of figures.changed) tell(`changed: ${text}`)
  for (const text of session.stale) tell(`stale: ${text}`)
  const table = markdown(figures)
  tell(table)
  if (!options.save) return
  const day = new Date().toISOString().slice(0, 10)
  const machine = `${os.cpus()[0]?.model.trim() ?? ''}, ${os.cpus().length} threads, ${os.platform()} ${os.arch()}, Node.js ${process.version}`
  writeFileSync(
    path.join('test', 'quality', 'results', `${day}-typing-${name}-cpu.md`),
    `# Replayed typing: ${name} on cpu, ${day}\n\n${machine}. Seed ${options.seed}.\n\n${table}`,
  )
}

function publishedTasks(): Task[] {
  const languages = new Map<string, Task[]>()
  for (const row of cases) {
    const source = packages.find(({ name }) => name === row.package)
    const typed = row.end - row.start
    if (row.kind !== 'block' || !source || typed < leastTyped || typed > mostTyped) continue
    const missing = fetchPackage(source)
    if (missing !== undefined) {
      tell(`left out: ${source.name}: ${missing}`)
      continue
    }
    const text = readSource(source, row.file)
    if (text.length < leastFile) continue
    const task = {
      uri: `file:///typing/${source.name}/${row.file}`,
      languageId: source.language,
      text,
      start: row.start,
      end: row.end,
    }
    languages.set(source.language, [...(languages.get(source.language) ?? []), task])
  }
  const rounds = Math.max(...[...languages.values()].map((tasks) => tasks.length))
  return Array.from({ length: rounds }, (_, round) =>
    [...languages.values()].flatMap((tasks) => tasks[round] ?? []),
  ).flat()
}

function tell(text: string): void {
  process.stdout.write(`${text}\n`)
}
