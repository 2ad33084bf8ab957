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
import { boldnesses, ghostAt } from './boldness'
import { accept, kinds, makeCase, type Case, type CaseRow } from './case'
import { cutCases } from './cut-cases'
import { editSimilarity, firstLineRight, repeatsSuffix, rightSoFar } from './metrics'
import { packages, type Package } from './packages'
import { figures, markdown, type AtBoldness, type Row, type Scored } from './report'
import { fetchPackage, readSource, sourceFiles } from './sources'
import type { Answer, SubjectRow } from './subject'
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
    engine: { type: 'string', default: '' },
  },
})

void main().catch((error: unknown) => {
  tell(error instanceof Error ? (error.stack ?? error.message) : String(error))
  process.exitCode = 1
})

async function main(): Promise<void> {
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
  const device = options.device === 'webgpu' ? 'webgpu' : 'cpu'
  const deadline = performance.now() + Number(options.minutes ?? Infinity) * 60_000
  const rows: Row[] = []
  for (const row of chosen(subjectRows(options.engine))) {
    const answers = await answersOf(row, cases, { model, device }, deadline)
    if (answers.size < cases.length) return tell('Time is up; the same command goes on from here.')
    const scored = cases.map((one) => score(one, answers.get(one.id), syntax))
    const atBoldness = row.showsAll ? await countAtBoldness(cases, answers) : undefined
    rows.push({ name: row.name, what: row.what, scored, ...(atBoldness && { atBoldness }) })
    if (options.show === row.name) for (const one of cases) tell(picture(one, answers.get(one.id), syntax))
  }
  const date = new Date().toISOString().slice(0, 10)
  const facts = {
    date,
    machine: `${os.cpus()[0]?.model ?? 'unknown'}, ${os.availableParallelism()} threads, ${os.platform()} ${os.arch()}, Node.js ${process.version}`,
    model: path.basename(options.model),
    device,
    seed: Number(options.cases),
    cases: cases.length,
    packagesLeftOut: [...missing.keys()],
  }
  const text = [
    `# Completion bench: ${facts.model} on ${device}, ${date}\n`,
    `${facts.machine}. ${facts.cases} cases, seed ${facts.seed}. Packages left out: ${facts.packagesLeftOut.join(', ') || 'none'}.`,
    `In brackets: 95% intervals (Wilson's for shares, bootstrap for means). Times mean something only where nothing else ran.\n`,
    markdown(rows, 'llama.vscode'),
  ].join('\n')
  tell(text)
  if (!options.save) return
  mkdirSync(resultsFolder, { recursive: true })
  const base = path.join(resultsFolder, `${date}-${facts.model.replace(/\.\w+$/, '')}-${device}`)
  const json = {
    ...facts,
    rows: rows.map(({ name, scored, atBoldness }) => ({
      name,
      ...figures(scored),
      ...(atBoldness && { atBoldness }),
    })),
  }
  writeFileSync(`${base}.json`, `${JSON.stringify(json, undefined, 2)}\n`)
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

async function answersOf(
  row: SubjectRow,
  cases: readonly Case[],
  where: { model: string; device: 'cpu' | 'webgpu' },
  deadline: number,
): Promise<ReadonlyMap<string, Answer>> {
  const store = new AnswerStore([row.name, row.version(), where.model, where.device].join('\n'))
  const todo = cases.filter(({ id }) => !store.get(id))
  if (todo.length > 0) {
    const stop = new AbortController()
    const subject = await row.open(where, stop.signal)
    for (const [at, one] of todo.entries()) {
      if (performance.now() > deadline) break
      store.put(one.id, await subject.answer(one, stop.signal))
      if (at % 25 === 24) tell(`${row.name}: ${cases.length - todo.length + at + 1} of ${cases.length}`)
    }
    await subject.close()
  }
  return new Map(
    cases.flatMap(({ id }) => {
      const answer = store.get(id)
      return answer ? [[id, answer] as const] : []
    }),
  )
}

async function countAtBoldness(
  cases: readonly Case[],
  answers: ReadonlyMap<string, Answer>,
): Promise<AtBoldness[]> {
  const counted: AtBoldness[] = []
  for (const boldness of boldnesses) {
    const at = { boldness, cases: cases.length, shown: 0, right: 0, rightSoFar: 0 }
    for (const one of cases) {
      const answer = answers.get(one.id)
      const ghost = answer && (await ghostAt(boldness, one, answer))
      if (!ghost) continue
      at.shown++
      at.right += Number(firstLineRight(one, ghost))
      at.rightSoFar += Number(rightSoFar(one, ghost))
    }
    counted.push(at)
  }
  return counted
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
    ms: answer?.ms ?? NaN,
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
