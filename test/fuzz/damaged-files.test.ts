// Damages good files a hundred thousand times, always in the same ways: each opens, or is one clear error, quickly and in little memory.
//
//   HEARTH_FUZZ_INPUTS=1000000 node test/run.mjs fuzz    that many inputs for each format; the suite's minutes bound it
//   HEARTH_FUZZ_ONLY=GGUF:1234 node test/run.mjs fuzz    one input of one format
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { checkInput, damagedFile } from './check-input'
import { placeSeed, targets, writeSeed } from './targets'

/** What a worker is to do, and where it says which input it has in hand. */
interface Job {
  target: string
  from: number
  to: number
  work: string
  /** Number of the input, one cell. */
  inHand: SharedArrayBuffer
}

interface Findings {
  opened: number
  refused: number
  problems: string[]
}

const defaultInputs = 25_000
/** One input takes a millisecond; this is a hang, also on a busy machine. */
const patienceMs = 20_000
const mostProblems = 10
/** Loading the weights takes several times as long as reading what describes them. */
const deepEvery = 8

if (isMainThread) {
  describe('damaged files', function () {
    this.timeout(3_600_000)
    let work: string
    beforeEach(() => (work = mkdtempSync(path.join(tmpdir(), 'hearth-fuzz-'))))
    afterEach(() => rmSync(work, { recursive: true, force: true }))

    const [only, number] = (process.env['HEARTH_FUZZ_ONLY'] ?? '').split(':')
    const count = Number(process.env['HEARTH_FUZZ_INPUTS'] ?? defaultInputs)
    for (const { name, share = 1 } of targets.filter((target) => !only || target.name === only)) {
      const [from, to] = number === undefined ? [0, count * share] : [Number(number), Number(number) + 1]
      it(`${name}: ${to - from} of them`, async () => {
        const { opened, refused, problems } = await run({
          target: name,
          from,
          to,
          work,
          inHand: new SharedArrayBuffer(4),
        })
        assert.deepEqual(problems, [])
        assert.equal(opened + refused, to - from)
        // Damage that is always fatal, or never, would test nothing.
        if (number === undefined)
          assert.ok(opened > 0 && refused > opened, `${opened} opened, ${refused} refused`)
      })
    }
  })
} else {
  void work(workerData as Job).then((findings) => parentPort?.postMessage(findings))
}

/** In a thread of its own, so that a hang and a full heap are failures and not the end of the suite. */
function run(job: Job): Promise<Findings> {
  const inHand = new Int32Array(job.inHand)
  return new Promise((resolve, reject) => {
    const worker = new Worker(__filename, {
      workerData: job,
      // A young generation this large is collected after many inputs, not during one: growth is all that was allocated.
      resourceLimits: { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 96 },
    })
    let last = -1
    const watch = setInterval(() => {
      if (inHand[0] === last) {
        void worker.terminate()
        reject(new Error(`${job.target}:${last} has not ended within ${patienceMs} ms`))
      }
      last = inHand[0] ?? 0
    }, patienceMs)
    const end = (then: () => void): void => {
      clearInterval(watch)
      then()
    }
    worker.once('message', (findings: Findings) => end(() => resolve(findings)))
    worker.once('error', (error) =>
      end(() => reject(new Error(`${job.target}:${inHand[0]} ended the thread: ${String(error)}`))),
    )
    worker.once('exit', () => end(() => reject(new Error(`${job.target}:${inHand[0]} ended the thread`))))
  })
}

async function work({ target: name, from, to, work: folder, inHand }: Job): Promise<Findings> {
  const target = targets.find((row) => row.name === name)
  if (target === undefined) throw new Error(`no target ${name}`)
  const cell = new Int32Array(inHand)
  const seeds = target.seeds()
  for (const seed of seeds) placeSeed(seed, folder)
  const findings: Findings = { opened: 0, refused: 0, problems: [] }
  // Code that runs for the first time allocates for the compiler, too.
  for (const seed of seeds) await checkInput(target, seed, seed.bytes, folder, true)
  for (let number = from; number < to && findings.problems.length < mostProblems; number++) {
    cell[0] = number
    const { seed, bytes } = damagedFile(target, seeds, number)
    const verdict = await checkInput(target, seed, bytes, folder, number % deepEvery === 0)
    // Whole again, since it stands beside the next one.
    if (seed.folder !== undefined) writeSeed(seed, seed.bytes, folder)
    if (verdict.problem !== undefined) findings.problems.push(`${name}:${number} ${verdict.problem}`)
    if (verdict.opened) findings.opened++
    else findings.refused++
  }
  return findings
}
