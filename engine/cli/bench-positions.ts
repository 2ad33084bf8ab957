// `hearth bench --at`: what a token costs far into a text over what it costs near its start, and whether memory grows on the way.
import { runInNewContext } from 'node:vm'
import { setFlagsFromString } from 'node:v8'
import type { Checkpoint } from '../format/checkpoint'
import type { Model } from '../model/model'
import type { State } from '../model/state'
import { openBenchModel, type EngineOptions } from './bench-engine'
import { spreadOf, type Spread } from './bench-rounds'
import { promptOf } from './bench-subject'

export interface PositionOptions extends EngineOptions {
  /** Tokens already read when decoding is timed, least first. */
  positions: readonly number[]
  /** Tokens to decode at each position. */
  gen: number
  rounds: number
}

export interface PositionCosts {
  readonly backend: 'webgpu' | 'cpu'
  readonly device: string
  readonly rounds: number
  readonly gen: number
  readonly positions: readonly { readonly position: number; readonly msPerToken: Spread }[]
  /** Round by round, the last position over the first. */
  readonly ratio: Spread
  /** Of the sequence that reaches the last position, from the first position to the last. */
  readonly stateBytes: number
  readonly stateGrowthBytes: number
  readonly rssGrowthMB: number
}

/** Reads a text up to every position, then decodes one token at each in turn. Throws what loading a model throws. */
export async function measurePositions(
  openCheckpoint: () => Promise<Checkpoint>,
  options: PositionOptions,
  report: (fraction: number) => void,
  signal: AbortSignal,
): Promise<PositionCosts> {
  const { positions, gen, rounds } = options
  const { model, backend, close } = await openBenchModel(openCheckpoint, options, signal)
  const states: State[] = []
  try {
    const first = Math.min(...positions)
    const last = Math.max(...positions)
    const total = positions.reduce((sum, position) => sum + position, 0)
    let growth = { state: 0, rss: 0 }
    let read = 0
    const reader = async (state: State, until: number): Promise<void> => {
      for (const tokens of chunksOf(state.length, until, model)) {
        await model.forward(state, tokens, { outputs: 'none' }, signal)
        report((read += tokens.length) / total)
      }
    }
    for (const position of positions) {
      const state = model.createState(options.capacity)
      states.push(state)
      await reader(state, first)
      const before = memoryOf(state)
      await reader(state, position)
      const after = memoryOf(state)
      if (position === last) growth = { state: after.state - before.state, rss: after.rss - before.rss }
      state.checkpoint()
    }
    const times = await decodeInTurns(model, states, { positions, gen, rounds }, signal)
    const [near = [], far = []] = [times[positions.indexOf(first)], times[positions.indexOf(last)]]
    return {
      backend: backend.kind,
      device: backend.device.name,
      rounds,
      gen,
      positions: positions.map((position, p) => ({ position, msPerToken: spreadOf(times[p] ?? []) })),
      ratio: spreadOf(far.map((ms, round) => ms / (near[round] ?? NaN))),
      stateBytes: states[positions.indexOf(last)]?.bytes ?? 0,
      stateGrowthBytes: growth.state,
      rssGrowthMB: Math.round(growth.rss / 1e5) / 10,
    }
  } finally {
    for (const state of states) state[Symbol.dispose]()
    close()
  }
}

/** Milliseconds per token, by position and round. */
async function decodeInTurns(
  model: Model,
  states: readonly State[],
  { positions, gen, rounds }: Pick<PositionOptions, 'positions' | 'gen' | 'rounds'>,
  signal: AbortSignal,
): Promise<number[][]> {
  const times = states.map((): number[] => [])
  // The first round compiles, and does not count.
  for (let round = 0; round <= rounds; round++) {
    const sums = states.map(() => 0)
    for (const [s, state] of states.entries()) state.rewind(positions[s] ?? 0)
    for (let i = 0; i < gen; i++) {
      const order = [...states.entries()]
      // Who comes second may find something warm: so each does as often as the others.
      if (i % 2 === 1) order.reverse()
      for (const [s, state] of order) {
        const start = performance.now()
        await model.forward(state, [i % model.config.vocabulary], { outputs: 'last' }, signal)
        sums[s] = (sums[s] ?? 0) + performance.now() - start
      }
    }
    if (round > 0) sums.forEach((sum, s) => times[s]?.push(sum / gen))
  }
  return times
}

/** Tokens between two reports of progress. */
const reported = 512

function* chunksOf(from: number, until: number, model: Model): Generator<number[]> {
  const tokens = promptOf(until, model.config.vocabulary)
  for (let at = from; at < until; at += reported) yield tokens.slice(at, Math.min(until, at + reported))
}

function memoryOf(state: State): { state: number; rss: number } {
  collectGarbage()
  return { state: state.bytes, rss: process.memoryUsage.rss() }
}

// What waits to be collected is no growth.
function collectGarbage(): void {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
}

export function describePositions(found: PositionCosts): string {
  const { device, rounds, positions, ratio, stateBytes, stateGrowthBytes, rssGrowthMB } = found
  const spread = ({ median, min, max }: Spread): string => `${median} [${min} to ${max}]`
  const last = Math.max(...positions.map(({ position }) => position))
  return (
    `on ${device}, median of ${rounds} [least to most]\n` +
    positions
      .map(({ position, msPerToken }) => `at ${position} tokens: ${spread(msPerToken)} ms a token\n`)
      .join('') +
    `at the last over at the first: ${spread(ratio)}\n` +
    `state ${stateBytes} bytes, ${stateGrowthBytes} more at ${last} tokens; the process ${rssGrowthMB} MB more\n`
  )
}
