// The figures of a replayed typing session, as numbers and as a table.
import { percentile } from '../quality/statistics'
import type { Replay, StrokeRecord } from './replay'

export interface Figures {
  strokes: number
  /** Keystrokes after which ghost text was asked for, and those that were answered before the next one. */
  asked: number
  answered: number
  /** Prompt tokens read per asked keystroke. */
  recomputed: { median: number; p90: number; p99: number; mean: number }
  /** Prompt tokens read per keystroke on account of which the model was asked, and how many these are. */
  recomputedByModel: { median: number; p90: number; p99: number; mean: number; keystrokes: number }
  /** The same of the first keystrokes after the cursor has moved. */
  recomputedByFirst: { median: number; p90: number; p99: number; mean: number; keystrokes: number }
  /** Requests that were made before anybody asked, and prompt tokens that they read. */
  ahead: { requests: number; read: number }
  /** Share of the prompt tokens that the model did not have to read. */
  reuse: number
  /** Answers with a suggestion, or with none, by who gave them. */
  answers: Record<string, number>
  /** Share of the answers, without those of gates, for which the model did not have to be asked. */
  withoutModel: number
  ghosts: number
  stale: number
  /** Characters typed as the ghost said, and ghosts that would have made another text after that. */
  typedThrough: number
  changed: string[]
  /** Milliseconds from giving a request up to its end, and those of a step: a chunk of prompt, or a token. */
  givenUp: { count: number; median: number; most: number }
  stepMs: { chunk: number; token: number }
  /** Milliseconds to an answer, in the middle and of the slowest twentieth. */
  answerMs: { withoutModel: [number, number]; model: [number, number]; accepted: [number, number] }
  /** Answers after a suggestion was taken whole, by who gave them. */
  acceptedBy: Record<string, number>
}

/** `chunk` is the number of prompt tokens that a step reads at most. */
export function figuresOf({ strokes, runs, ahead, stale }: Replay, chunk: number): Figures {
  const asked = strokes.filter((stroke) => stroke.asked)
  const byModel = asked.filter((stroke) => stroke.model)
  const answered = asked.filter((stroke) => stroke.answered && stroke.answeredBy)
  const count = (of: readonly StrokeRecord[]): Record<string, number> => {
    const counts: Record<string, number> = {}
    for (const { answeredBy = '' } of of) counts[answeredBy] = (counts[answeredBy] ?? 0) + 1
    return counts
  }
  const answers = count(answered)
  const first = asked.filter((stroke) => stroke.first)
  const accepted = answered.filter(({ kind }) => kind === 'whole suggestion')
  const ungated = answered.filter(({ answeredBy }) => answeredBy !== 'gate')
  const isModel = ({ answeredBy }: StrokeRecord): boolean => answeredBy === 'model'
  const ms = (of: readonly StrokeRecord[]): [number, number] => {
    const times = of.flatMap((stroke) => stroke.ms ?? [])
    return [percentile(times, 0.5), percentile(times, 0.95)]
  }
  const givenUp = runs.flatMap((run) => run.givenUpMs ?? [])
  const through = typedThrough(strokes)
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
  const read = sum(byModel.map(({ recomputed }) => recomputed))
  const reused = sum(byModel.map((stroke) => stroke.reused))
  return {
    strokes: strokes.length,
    asked: asked.length,
    answered: answered.length,
    recomputed: spread(asked.map(({ recomputed }) => recomputed)),
    recomputedByModel: {
      ...spread(byModel.map(({ recomputed }) => recomputed)),
      keystrokes: byModel.length,
    },
    recomputedByFirst: { ...spread(first.map(({ recomputed }) => recomputed)), keystrokes: first.length },
    ahead: {
      requests: ahead.length,
      read: sum(ahead.map(({ usage }) => (usage ? usage.promptTokens - usage.reusedTokens : 0))),
    },
    acceptedBy: count(accepted),
    reuse: reused / (read + reused),
    answers,
    withoutModel: ungated.filter((stroke) => !isModel(stroke)).length / ungated.length,
    ghosts: strokes.filter(({ ghost }) => ghost).length,
    stale: stale.length,
    typedThrough: through.length,
    changed: through.flatMap((change) => change ?? []),
    givenUp: { count: givenUp.length, median: percentile(givenUp, 0.5), most: Math.max(0, ...givenUp) },
    stepMs: stepMs(runs, chunk),
    answerMs: {
      withoutModel: ms(ungated.filter((stroke) => !isModel(stroke))),
      model: ms(ungated.filter(isModel)),
      accepted: ms(accepted),
    },
  }
}

export function markdown(figures: Figures): string {
  const { recomputed, recomputedByModel, answers, givenUp, answerMs } = figures
  const percent = (of: number): string => `${(100 * of).toFixed(1)}%`
  const one = (value: number): string => value.toFixed(1)
  const rows: [string, string][] = [
    [
      'keystrokes',
      `${figures.strokes}; ${figures.asked} changed the text, ${figures.answered} of these were answered before the next one`,
    ],
    [
      'prompt tokens read per keystroke',
      `median ${recomputed.median}, p90 ${one(recomputed.p90)}, p99 ${one(recomputed.p99)}, mean ${one(recomputed.mean)}`,
    ],
    [
      `the same, of the ${recomputedByModel.keystrokes} for which the model was asked`,
      `median ${recomputedByModel.median}, p90 ${one(recomputedByModel.p90)}, p99 ${one(recomputedByModel.p99)}, mean ${one(recomputedByModel.mean)}`,
    ],
    [
      `the same, of the ${figures.recomputedByFirst.keystrokes} first ones after the cursor had moved`,
      `median ${figures.recomputedByFirst.median}, p90 ${one(figures.recomputedByFirst.p90)}, mean ${one(figures.recomputedByFirst.mean)}`,
    ],
    [
      'prepared before anybody asked',
      `${figures.ahead.requests} requests, which read ${figures.ahead.read} prompt tokens`,
    ],
    ['prompt tokens reused', percent(figures.reuse)],
    [
      'answered without asking the model',
      `${percent(figures.withoutModel)} (${Object.entries(answers)
        .map(([by, count]) => `${by} ${count}`)
        .join(', ')})`,
    ],
    ['ghosts shown; stale ones', `${figures.ghosts}; ${figures.stale}`],
    [
      'characters typed as the ghost said; ghosts that changed',
      `${figures.typedThrough}; ${figures.changed.length}`,
    ],
    [
      'requests given up',
      `${givenUp.count}; to their end median ${one(givenUp.median)} ms, at most ${one(givenUp.most)} ms`,
    ],
    [
      'a step',
      `${one(figures.stepMs.chunk)} ms for a chunk of a prompt, ${one(figures.stepMs.token)} ms for a token`,
    ],
    [
      'milliseconds to an answer, p50 / p95',
      `${answerMs.withoutModel.map(one).join(' / ')} without the model, ${answerMs.model.map(one).join(' / ')} with it`,
    ],
    [
      'the same after a suggestion was taken whole',
      Object.keys(figures.acceptedBy).length === 0
        ? 'none was answered before the next keystroke'
        : `${answerMs.accepted.map(one).join(' / ')} (${Object.entries(figures.acceptedBy)
            .map(([by, count]) => `${by} ${count}`)
            .join(', ')})`,
    ],
  ]
  const [first, second] = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const line = (one: string, two: string, fill = ' '): string =>
    `| ${one.padEnd(first ?? 0, fill)} | ${two.padEnd(second ?? 0, fill)} |\n`
  return [line('', ''), line('', '', '-'), ...rows.map((row) => line(...row))].join('')
}

function spread(values: readonly number[]): { median: number; p90: number; p99: number; mean: number } {
  return {
    median: percentile(values, 0.5),
    p90: percentile(values, 0.9),
    p99: percentile(values, 0.99),
    mean: values.reduce((total, value) => total + value, 0) / values.length,
  }
}

/** For each character typed as the ghost before said: undefined when taking the ghost would make the same text before and after, else what changed. */
function typedThrough(strokes: readonly StrokeRecord[]): (string | undefined)[] {
  return strokes.flatMap((now, at) => {
    const then = strokes[at - 1]
    const typed = now.before.at(-1) ?? ''
    if (now.kind !== 'character' || !now.answered || !then?.ghost || now.offset !== then.offset + 1) return []
    const rest = then.ghost.text.slice(1)
    if (!then.ghost.text.startsWith(typed) || rest.trim() === '') return []
    return [now.taken === then.taken ? undefined : `${then.before}┃${then.ghost.text} → ${now.ghost?.text}`]
  })
}

function stepMs(runs: Replay['runs'], chunk: number): Figures['stepMs'] {
  const chunks = runs.flatMap(({ usage }) => {
    const read = usage ? usage.promptTokens - usage.reusedTokens : 0
    return usage && read >= 2 * chunk ? [usage.prefillMs / Math.ceil(read / chunk)] : []
  })
  const tokens = runs.flatMap(({ usage }) =>
    usage && usage.completionTokens > 4 ? [usage.decodeMs / (usage.completionTokens - 1)] : [],
  )
  return { chunk: percentile(chunks, 0.5), token: percentile(tokens, 0.5) }
}
