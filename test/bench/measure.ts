// Runs the jobs that were asked for one after the other, and keeps what they found after each.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { gates, verdictOf, type Result, type Results } from './gates'
import { jobs, type Job, type JobResult } from './jobs'
import { describeMachine, slugOf } from './machine'
import { plotOf } from './plot'
import { markdownOf } from './report'

/** Quick figures say too little to be kept in git. */
const folderOf = (quick: boolean): string => (quick ? 'dist/bench' : path.join('test', 'bench', 'results'))

/** Resolves with an exit code: 0 when every job that can run here did. */
export async function measure(args: readonly string[]): Promise<number> {
  const quick = args.includes('--quick')
  const only = args[args.indexOf('--only') + 1]?.split(',')
  const wanted = args.includes('--only') ? jobs.filter(({ id }) => only?.includes(id)) : jobs
  const unknown = args.includes('--only') && wanted.length !== only?.length
  if (args.includes('--list') || unknown) {
    say(jobs.map(({ id, minutes }) => `${id}  about ${minutes} min`).join('\n'))
    return unknown ? 2 : 0
  }
  const date = new Date().toISOString().slice(0, 10)
  let failed = 0
  for (const job of wanted) {
    const missing = job.missing()
    if (missing !== undefined) {
      say(`${job.id}: not measured here, ${missing}`)
      continue
    }
    say(`${job.id}: about ${quick ? 'a minute at most' : `${job.minutes} min`}`)
    try {
      keep(resultsOf(job, await job.measure(quick), { quick, date }), folderOf(quick), date)
    } catch (error) {
      failed++
      say(`  failed: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  return failed === 0 ? 0 : 1
}

function resultsOf(
  { id }: Job,
  { found, runs, details }: JobResult,
  facts: { quick: boolean; date: string },
): Result[] {
  return gates
    .filter(({ job }) => job === id)
    .map((gate) => {
      const spread = found[gate.figure]
      if (!spread) throw new Error(`${id} did not measure "${gate.figure}"`)
      return { ...gate, ...facts, found: spread, runs, detail: details[gate.figure] ?? '' }
    })
}

// After every job, so that nothing is lost when the next one is interrupted.
function keep(fresh: readonly Result[], folder: string, date: string): void {
  const machine = describeMachine()
  const name = `${date}-${slugOf(machine)}`
  const file = path.join(folder, `${name}.json`)
  const before = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Results).results : []
  const key = ({ job, figure }: { job: string; figure: string }): string => `${job} ${figure}`
  const known = new Map([...before, ...fresh].map((result) => [key(result), result]))
  const results = gates.flatMap((gate) => known.get(key(gate)) ?? [])
  writeFileSync(file, `${JSON.stringify({ machine, results } satisfies Results, undefined, 2)}\n`)
  writeFileSync(path.join(folder, `${name}.md`), markdownOf({ machine, results }, `${name}.svg`))
  writeFileSync(path.join(folder, `${name}.svg`), plotOf(results))
  for (const result of fresh) {
    const { what, found, unit, gate, aim } = result
    const spread = `${found.median} [${found.min} to ${found.max}] ${unit}`
    say(`  ${what}: ${spread}; wanted ${gate}, aim ${aim}: ${verdictOf(result)}`)
  }
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}
