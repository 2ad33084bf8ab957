// Runs subjects in turns, so that what else the machine does meets all of them, and sums up: medians, spreads, ratios pair by pair.
import { promptOf, type Sample, type Subject, type SubjectFacts } from './bench-subject'

export interface RoundOptions {
  /** Lengths in tokens, each measured by itself. */
  prompts: readonly number[]
  /** Tokens to decode after each prompt. */
  gen: number
  rounds: number
  vocabulary: number
}

export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

/** Of one prompt length; tokens per second. */
export interface Speed {
  readonly tokens: number
  readonly prefill: Spread
  readonly decode: Spread
}

export interface Measured extends SubjectFacts {
  readonly threads?: Subject['threads']
  /** From the first short prompt after loading to its first token. */
  readonly firstTokenMs: number
  readonly peakRssMB: number
  readonly speeds: readonly Speed[]
}

/** Tokens of the prompt whose first token is timed. */
const firstPrompt = 16

/** One entry for each subject, in order; with every round, each subject runs once per prompt length. */
export async function measureRounds(
  subjects: readonly Subject[],
  options: RoundOptions,
  report: (fraction: number) => void,
  signal: AbortSignal,
): Promise<Rounds> {
  const { prompts, gen, rounds, vocabulary } = options
  const firstTokenMs: number[] = []
  for (const subject of subjects) {
    const { prefillMs } = await subject.run(promptOf(firstPrompt, vocabulary), 0, signal)
    firstTokenMs.push(prefillMs)
  }
  const samples = subjects.map(() => prompts.map((): Sample[] => []))
  // The first round compiles and warms caches, and does not count.
  for (let round = 0; round <= rounds; round++) {
    for (const [p, tokens] of prompts.entries()) {
      for (const [s, subject] of subjects.entries()) {
        signal.throwIfAborted()
        report((round * prompts.length + p) / (prompts.length * (rounds + 1)))
        const sample = await subject.run(promptOf(tokens, vocabulary), gen, signal)
        if (round > 0) samples[s]?.[p]?.push(sample)
      }
    }
  }
  return {
    measured: subjects.map((subject, s) => ({
      ...subject.facts,
      loadMs: Math.round(subject.facts.loadMs),
      ...(subject.threads && { threads: subject.threads }),
      firstTokenMs: Math.round(firstTokenMs[s] ?? 0),
      peakRssMB: Math.round(subject.peakRssBytes() / 1e6),
      speeds: prompts.map((tokens, p) => speedOf(tokens, samples[s]?.[p] ?? [])),
    })),
    samples,
  }
}

export interface Rounds {
  readonly measured: readonly Measured[]
  /** By subject, prompt length and round. */
  readonly samples: readonly (readonly (readonly Sample[])[])[]
}

/** How many times as fast as the second subject the first one is, round by round. */
export interface Ratios {
  /** Of the first prompt length. */
  readonly decode: Spread
  readonly prefill: Spread
  readonly peakRss: number
  readonly speeds: readonly Speed[]
}

export function ratiosOf({ measured, samples }: Rounds, prompts: readonly number[]): Ratios {
  const speeds = prompts.map((tokens, p): Speed => {
    const pairs = (samples[0]?.[p] ?? []).map((ours, round) => [ours, samples[1]?.[p]?.[round]] as const)
    const ratio = (rate: (sample: Sample) => number): Spread =>
      spreadOf(pairs.map(([ours, peer]) => rate(ours) / (peer ? rate(peer) : 0)))
    return {
      tokens,
      prefill: ratio((sample) => 1 / sample.prefillMs),
      decode: ratio((sample) => sample.decoded / sample.decodeMs),
    }
  })
  const [first] = speeds
  const none = spreadOf([])
  return {
    decode: first?.decode ?? none,
    prefill: first?.prefill ?? none,
    peakRss: rounded((measured[0]?.peakRssMB ?? 0) / (measured[1]?.peakRssMB ?? 1)),
    speeds,
  }
}

function speedOf(tokens: number, samples: readonly Sample[]): Speed {
  return {
    tokens,
    prefill: spreadOf(samples.map(({ prefillMs }) => (tokens / prefillMs) * 1000)),
    decode: spreadOf(samples.map(({ decodeMs, decoded }) => (decoded / decodeMs) * 1000)),
  }
}

/** The median of an even number is the mean of the middle two. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.filter(Number.isFinite).toSorted((a, b) => a - b)
  const middle = (sorted.length - 1) / 2
  const median = ((sorted[Math.floor(middle)] ?? 0) + (sorted[Math.ceil(middle)] ?? 0)) / 2
  return { median: rounded(median), min: rounded(sorted[0] ?? 0), max: rounded(sorted.at(-1) ?? 0) }
}

// Four digits say more than any measurement holds.
function rounded(value: number): number {
  return Number(value.toPrecision(4))
}
