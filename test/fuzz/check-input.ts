// One damaged file: opened as the engine opens it, and what came of it judged.
import { inspect } from 'node:util'
import { EngineError } from '../../engine/protocol/errors'
import { mutate, seededRandom } from './mutate'
import { locationOf, nameOf, writeSeed, type Seed, type Target } from './targets'

export interface Verdict {
  /** What is wrong with the outcome; undefined when it is as it must be. */
  problem: string | undefined
  /** The file was good enough to be opened all the same. */
  opened: boolean
  /** Bytes allocated until what describes the model was read, garbage included. */
  buffers: number
  heap: number
}

/**
 * The most that reading may allocate. Buffers: the file twice, once as bytes and once as numbers or text. Objects, most of them
 * garbage at once, cost V8 some tens of bytes for the shortest token or key. A small file also pays for the end of an archive
 * (64 KiB are searched), SentencePiece's filter of letter pairs (1 MiB), streams and promises.
 */
export const bounds = {
  buffers: { perByte: 2, fixed: (1 << 20) + (96 << 10) },
  heap: { perByte: 40, fixed: 1 << 20 },
} as const

/** The input of this number: always the same bytes. */
export function damagedFile(
  target: Target,
  seeds: readonly Seed[],
  number: number,
): { seed: Seed; bytes: Buffer } {
  const random = seededRandom(number)
  const seed = seeds[random(seeds.length)]
  if (seed === undefined) throw new Error(`${target.name} has no files`)
  return { seed, bytes: mutate(seed.bytes, seed.header, target.isText, random) }
}

/** Opens `seed` in `work` with `bytes` in its place. `deep` goes on to load the model. */
export async function checkInput(
  target: Target,
  seed: Seed,
  bytes: Buffer,
  work: string,
  deep: boolean,
): Promise<Verdict> {
  writeSeed(seed, bytes, work)
  const before = process.memoryUsage()
  let after: NodeJS.MemoryUsage | undefined
  const measured = (): void => {
    after ??= process.memoryUsage()
  }
  let failure: unknown
  try {
    await target.open(locationOf(seed, work), { measured, deep })
  } catch (error) {
    failure = error
  }
  measured()
  const grown = (kind: 'arrayBuffers' | 'heapUsed'): number => (after?.[kind] ?? 0) - before[kind]
  const verdict = { opened: failure === undefined, buffers: grown('arrayBuffers'), heap: grown('heapUsed') }
  const problem =
    failureProblem(failure, nameOf(seed)) ??
    sizeProblem('buffers', verdict.buffers, bytes.length + seed.others) ??
    sizeProblem('heap', verdict.heap, bytes.length + seed.others)
  return { ...verdict, problem }
}

/** Codes that a damaged file may end in. A part that an index promises or a folder lacks is `model-missing`. */
const codes: readonly string[] = ['bad-file', 'unsupported-arch', 'model-missing']

const longestMessage = 1000

function failureProblem(failure: unknown, file: string): string | undefined {
  if (failure === undefined) return undefined
  if (!(failure instanceof EngineError)) {
    return `not an EngineError: ${inspect(failure)}`
  }
  const told = `${failure.code}: ${failure.message}`
  if (!codes.includes(failure.code)) return `a code for other failures: ${told}`
  if (!failure.hint) return `no next step: ${told}`
  if (!failure.message.includes(file)) return `the file is not named: ${told}`
  if (failure.message.length > longestMessage) {
    return `${failure.message.length} characters: ${told.slice(0, longestMessage)}`
  }
  return /[\p{Cc}\u2028\u2029]/u.test(failure.message)
    ? `control characters: ${JSON.stringify(told)}`
    : undefined
}

function sizeProblem(kind: keyof typeof bounds, bytes: number, fileBytes: number): string | undefined {
  const { perByte, fixed } = bounds[kind]
  const most = perByte * fileBytes + fixed
  return bytes > most ? `${bytes} bytes of ${kind} for a file of ${fileBytes}, more than ${most}` : undefined
}
