// `hearth bench --profile`: which kernels the time of reading a prompt and of writing an answer goes to.
import { Profile, type Phase, type Profiled } from '../backend/profile'
import type { Checkpoint } from '../format/checkpoint'
import { openEngine, type EngineOptions } from './bench-engine'
import { spreadOf, type Spread } from './bench-rounds'
import { promptOf } from './bench-subject'

export interface ProfileOptions extends EngineOptions {
  /** Lengths of prompts in tokens, each profiled by itself. */
  prompts: readonly number[]
  /** Tokens to decode after each prompt. */
  gen: number
  rounds: number
}

/** Times in milliseconds: of the whole prompt while it is read, of one token while an answer is written. */
export interface PhaseProfile {
  readonly phase: Phase
  readonly promptTokens: number
  readonly launches: number
  /** Of all kernels together. */
  readonly kernelMs: number
  /** On the clock while kernels are timed, and while they are not. */
  readonly profiledMs: Spread
  readonly plainMs: Spread
  /** Longest first. */
  readonly kernels: readonly KernelProfile[]
}

export interface KernelProfile {
  readonly kernel: string
  readonly launches: number
  readonly ms: number
  /** Of the time of all kernels. */
  readonly share: number
  /** Weight bytes of the file per second, and that over what the device copies; 0 for kernels without a matrix. */
  readonly weightGBps: number
  readonly ofCopy: number
}

export interface DeviceProfile {
  readonly backend: 'webgpu' | 'cpu'
  readonly device: string
  /** What is read and what is written, counted both. */
  readonly copyGBps: number
  readonly phases: readonly PhaseProfile[]
}

/** Throws what opening a device or loading a model throws, and `bad-request` for an adapter without timestamps. */
export async function profileEngine(
  openCheckpoint: () => Promise<Checkpoint>,
  options: ProfileOptions,
  report: (fraction: number) => void,
  signal: AbortSignal,
): Promise<DeviceProfile> {
  const { prompts, gen, rounds } = options
  const profile = new Profile()
  const engine = await openEngine(openCheckpoint, { ...options, profile }, signal)
  try {
    const copyGBps = (await engine.copyBandwidth()) / 1e9
    const phases: PhaseProfile[] = []
    for (const [p, tokens] of prompts.entries()) {
      const prompt = promptOf(tokens, engine.vocabulary)
      const walls = { plain: new Walls(), profiled: new Walls() }
      for (let round = 0; round <= rounds; round++) {
        report((p + round / (rounds + 1)) / prompts.length)
        for (const kind of ['plain', 'profiled'] as const) {
          profile.enabled = kind === 'profiled'
          const { prefillMs, decodeMs, decoded } = await engine.run(prompt, gen, signal)
          // The first round compiles and warms caches, and does not count.
          if (round > 0) walls[kind].add(prefillMs, decodeMs / Math.max(1, decoded))
        }
        if (round === 0) await profile.take()
      }
      const found = await profile.take()
      phases.push(
        describe('prefill', tokens, found.prefill, rounds, walls, copyGBps),
        describe('decode', tokens, found.decode, found.decode.steps, walls, copyGBps),
      )
    }
    return { backend: engine.kind, device: engine.facts.device, copyGBps: rounded(copyGBps), phases }
  } finally {
    await engine.close()
  }
}

class Walls {
  readonly prefill: number[] = []
  readonly decode: number[] = []

  add(prefillMs: number, decodeMs: number): void {
    this.prefill.push(prefillMs)
    this.decode.push(decodeMs)
  }
}

/** `times`: how many prompts or tokens the sums are of. */
function describe(
  phase: Phase,
  promptTokens: number,
  { kernels }: Profiled,
  times: number,
  walls: Readonly<Record<'plain' | 'profiled', Walls>>,
  copyGBps: number,
): PhaseProfile {
  const all = kernels.reduce((sum, { ms }) => sum + ms, 0)
  return {
    phase,
    promptTokens,
    launches: kernels.reduce((sum, { launches }) => sum + launches, 0) / times,
    kernelMs: rounded(all / times),
    profiledMs: spreadOf(walls.profiled[phase]),
    plainMs: spreadOf(walls.plain[phase]),
    kernels: kernels.map(({ kernel, launches, ms, weightBytes }) => {
      const weightGBps = ms > 0 ? weightBytes / ms / 1e6 : 0
      return {
        kernel,
        launches: launches / times,
        ms: rounded(ms / times),
        share: rounded(ms / all),
        weightGBps: rounded(weightGBps),
        ofCopy: rounded(weightGBps / copyGBps),
      }
    }),
  }
}

export function describeProfile({ backend, device, copyGBps, phases }: DeviceProfile): string {
  return (
    `on ${backend}: ${device}; copies ${copyGBps} GB/s, reads and writes counted both\n` +
    phases.map(describePhase).join('')
  )
}

const titles: Readonly<Record<Phase, (tokens: number) => string>> = {
  prefill: (tokens) => `reading ${tokens} tokens`,
  decode: (tokens) => `each token written after ${tokens}`,
}

function describePhase(found: PhaseProfile): string {
  const { phase, promptTokens, launches, kernelMs, plainMs, profiledMs, kernels } = found
  const width = Math.max(6, ...kernels.map(({ kernel }) => kernel.length))
  const row = (name: string, cells: readonly string[]): string =>
    `${name.padEnd(width)}${cells.map((cell) => cell.padStart(10)).join('')}\n`
  return (
    `\n${titles[phase](promptTokens)}: ${plainMs.median} ms [${plainMs.min} to ${plainMs.max}], ` +
    `${profiledMs.median} ms while timed, ${kernelMs} ms of these in ${launches} launches\n` +
    row('kernel', ['launches', 'ms', 'share', 'GB/s', 'of copy']) +
    kernels
      .map(({ kernel, launches: count, ms, share, weightGBps, ofCopy }) =>
        row(kernel, [
          String(count),
          ms.toFixed(2),
          percent(share),
          ...(weightGBps > 0 ? [weightGBps.toFixed(2), percent(ofCopy)] : []),
        ]),
      )
      .join('')
  )
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)}%`
}

function rounded(value: number): number {
  return Number.isFinite(value) ? Number(value.toPrecision(4)) : 0
}
