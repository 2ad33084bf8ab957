// Measures how good suggestions are on cases from published code, ours and llama.cpp's side by side; README.md beside it.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import * as v from 'valibot'
import { silentLog } from '../../engine/base/log'
import { noProgress } from '../../engine/base/progress'
import { ensureModel } from '../../engine/provider/hub'
import { AnswerStore } from './answer-store'
import { accept, kinds, makeCase, type Case, type CaseRow } from './case'
import { cutCases } from './cut-cases'
import { healingTable } from './healing'
import { usualPace } from './hearth-subject'
import { editSimilarity, firstLineRight, repeatsSuffix, rightSoFar } from './metrics'
import { packages, type Package } from './packages'
import { RecordedModel } from './recorded-model'
import { figures, markdown, type Scored } from './report'
import { fetchPackage, readSource, sourceFiles } from './sources'
import type { Answer, OpenOptions, Subject, SubjectRow } from './subject'
import { subjectRows } from './subjects'
import { Syntax } from './syntax'

const casesFile = path.join('test', 'quality', 'cases.json')
const resultsFolder = path.join('test', 'quality', 'results')
// 9 of each of 5 kinds in each of 7 languages.
const perCell = 9
const defaultSeed = '1'

const caseRows = v.array(
  v.object({
    package: v.string(),
    file: v.string(),
    start: v.number(),
    end: v.number(),
    kind: v.picklist(kinds),
    definition: v.optional(v.string()),
  }),
)

const { values: options } = parseArgs({
  options: {
    limit: { type: 'string' },
    cases: { type: 'string', default: defaultSeed },
    subjects: { type: 'string' },
    model: { type: 'string', default: 'smollm2-135m-instruct' },
    device: { type: 'string', default: 'cpu' },
    minutes: { type: 'string' },
    cut: { type: 'boolean', default: false },
    show: { type: 'string' },
    save: { type: 'boolean', default: false },
    healing: { type: 'boolean', default: false },
    fresh: { type: 'boolean', default: false },
  },
})

const device = options.device === 'webgpu' ? 'webgpu' : 'cpu'
const date = new Date().toISOString().slice(0, 10)
const machine = `${os.cpus()[0]?.model ?? 'unknown'}, ${os.availableParallelism()} threads, ${os.platform()} ${os.arch()}, Node.js ${process.version}`

void main().catch((error: unknown) => {
  tell(error instanceof Error ? (error.stack ?? error.message) : String(error))
  process.exitCode = 1
})

async function main(): Promise<void> {
  if (options.healing) return showHealing()
  const syntax = await Syntax.load()
  const missing = new Map<string, string>()
  for (const wanted of packages) {
    const why = fetchPackage(wanted)
    if (why !== undefined) missing.set(wanted.name, why)
  }
  for (const [name, why] of missing) tell(`left out: ${name}: ${why}`)
  const here = packages.filter(({ name }) => !missing.has(name))

  if (options.cut) {
    const cut = cutFrom(here, syntax)
    writeFileSync(casesFile, `[\n${cut.map((row) => `  ${JSON.stringify(row)}`).join(',\n')}\n]\n`)
    return tell(`${cut.length} cases in ${casesFile}`)
  }

  const cases = readCases(here, syntax).slice(
    0,
    options.limit === undefined ? undefined : Number(options.limit),
  )
  const model = await modelFile(options.model)
  const deadline = performance.now() + Number(options.minutes ?? Infinity) * 60_000
  const subjects = chosen(subjectRows)
  const recorded = new RecordedModel(model, device, options.fresh)
  const answers = await answersOf(subjects, cases, { model, device, recorded }, deadline)
  if (!answers) return tell('Time is up; the same command goes on from here.')
  const rows = subjects.map(({ name, what, base, first }, at) => ({
    name,
    what,
    ...(base !== undefined && { base }),
    scored: cases.slice(0, first).map((one) => score(one, answers[at]?.get(one.id), syntax)),
  }))
  for (const [at, { name }] of subjects.entries())
    if (options.show === name) for (const one of cases) tell(picture(one, answers[at]?.get(one.id), syntax))
  const facts = {
    date,
    machine,
    model: path.basename(options.model),
    device,
    pace: usualPace,
    seed: Number(options.cases),
    cases: cases.length,
    packagesLeftOut: [...missing.keys()],
  }
  const text = [
    `# Completion bench: ${facts.model} on ${device}, ${date}\n`,
    `${machine}. ${facts.cases} cases, seed ${facts.seed}. Packages left out: ${facts.packagesLeftOut.join(', ') || 'none'}.`,
    `The completer, which gives the model as much text as it reads in time, was told that it reads ${usualPace} tokens a second, whatever else the machine did. In brackets: 95% intervals (Wilson's for shares, bootstrap for means).\n`,
    markdown(rows, { ours: 'hearth', peer: 'llama.vscode' }),
  ].join('\n')
  const json = {
    ...facts,
    rows: rows.map(({ name, scored }) => ({ name, ...figures(scored) })),
  }
  finish('', text, json)
}

async function showHealing(): Promise<void> {
  const recorded = new RecordedModel(await modelFile(options.model), device, options.fresh)
  const table = await healingTable(recorded)
  await recorded.close()
  const title = `# Token healing: ${path.basename(options.model)} on ${device}, ${date}`
  finish('healing-', `${[title, `${machine}.`, table].join('\n\n')}\n`)
}

/** Tells a result, and writes it down where that is wanted. */
function finish(kind: string, text: string, json?: unknown): void {
  tell(text)
  if (!options.save) return
  mkdirSync(resultsFolder, { recursive: true })
  const model = path.basename(options.model).replace(/\.\w+$/, '')
  const base = path.join(resultsFolder, `${date}-${kind}${model}-${device}`)
  if (json !== undefined) writeFileSync(`${base}.json`, `${JSON.stringify(json, undefined, 2)}\n`)
  writeFileSync(`${base}.md`, text)
}

function cutFrom(here: readonly Package[], syntax: Syntax): CaseRow[] {
  const sources = new Map(here.map((one) => [one, sourceFiles(one)]))
  return cutCases(sources, syntax, Number(options.cases), perCell)
}

/** The rows of the repository for the usual seed, new ones for another. */
function readCases(here: readonly Package[], syntax: Syntax): Case[] {
  const rows: readonly CaseRow[] =
    options.cases === defaultSeed
      ? v.parse(caseRows, JSON.parse(readFileSync(casesFile, 'utf8'))).map(({ definition, ...row }) => ({
          ...row,
          ...(definition !== undefined && { definition }),
        }))
      : cutFrom(here, syntax)
  const byName = new Map(here.map((one) => [one.name, one]))
  return rows.flatMap((row) => {
    const from = byName.get(row.package)
    return from ? [makeCase(row, from.language, readSource(from, row.file))] : []
  })
}

function chosen(rows: readonly SubjectRow[]): readonly SubjectRow[] {
  const names = options.subjects?.split(',')
  const unknown = names?.filter((name) => !rows.some((row) => row.name === name)) ?? []
  if (unknown.length > 0)
    throw new Error(`no subject ${unknown.join(', ')}; there are ${rows.map(({ name }) => name).join(', ')}`)
  return rows.filter(({ name, usual }) => names?.includes(name) ?? usual)
}

/** By row and case; undefined when time was up. Every row is asked about a case before the next one, for rows share what the model has read. */
async function answersOf(
  rows: readonly SubjectRow[],
  cases: readonly Case[],
  where: OpenOptions,
  deadline: number,
): Promise<ReadonlyMap<string, Answer>[] | undefined> {
  const { signal } = new AbortController()
  const todo = rows.map((row) => ({
    row,
    store: row.version && new AnswerStore([row.name, row.version(), where.model, where.device].join('\n')),
    answers: new Map<string, Answer>(),
    subject: undefined as Subject | undefined,
  }))
  try {
    for (const [at, one] of cases.entries()) {
      if (performance.now() > deadline) return undefined
      for (const of of todo) {
        if (at >= (of.row.first ?? Infinity)) continue
        const known = of.store?.get(one.id)
        of.subject ??= known ? undefined : await of.row.open(where)
        const answer = known ?? (await of.subject?.answer(one, signal))
        if (!answer) continue
        of.answers.set(one.id, answer)
        if (!known) of.store?.put(one.id, answer)
      }
      if (at % 25 === 24) tell(`${at + 1} of ${cases.length}`)
    }
    return todo.map(({ answers }) => answers)
  } finally {
    for (const { subject } of todo) await subject?.close()
    await where.recorded.close()
  }
}

function score(one: Case, answer: Answer | undefined, syntax: Syntax): Scored {
  const ghost = answer?.ghost
  return {
    of: one,
    shown: ghost !== undefined,
    right: ghost !== undefined && firstLineRight(one, ghost),
    similarity: ghost ? editSimilarity(one, ghost) : 0,
    valid:
      ghost !== undefined &&
      syntax.errors(one.language, accept(one, ghost)) <= syntax.errors(one.language, one.original),
    repeats: ghost !== undefined && repeatsSuffix(one, ghost),
    rightSoFar: ghost !== undefined && rightSoFar(one, ghost),
    tokens: answer?.tokens ?? 0,
  }
}

/** A case for people: a few lines before, what was written between ⟦ and ⟧, what follows, and what was there. */
function picture(one: Case, answer: Answer | undefined, syntax: Syntax): string {
  const { right, valid, repeats, similarity } = score(one, answer, syntax)
  const before = one.document.slice(0, one.start).split('\n').slice(-5).join('\n')
  const after = one.document
    .slice(answer?.ghost?.end ?? one.start)
    .split('\n')
    .slice(0, 4)
    .join('\n')
  const verdict = `${right ? 'right' : 'wrong'}, similarity ${similarity.toFixed(2)}, syntax ${valid ? 'whole' : 'broken'}${repeats ? ', REPEATS' : ''}`
  return [
    `=== ${one.kind} ${one.id}: ${verdict}; ${answer?.outcome ?? ''}`,
    `${before}⟦${answer?.ghost?.text ?? ''}⟧${after}`,
    `--- was: ${one.expected}`,
    ...(answer?.raw === undefined ? [] : [`--- model: ${JSON.stringify(answer.raw)}`]),
  ].join('\n')
}

async function modelFile(given: string): Promise<string> {
  if (given.includes(path.sep) || given.endsWith('.gguf')) return path.resolve(given)
  return ensureModel(given, { log: silentLog, progress: noProgress }, new AbortController().signal)
}

function tell(text: string): void {
  process.stdout.write(`${text}\n`)
}
