// What the statistics count, for each day: numbers only, never text.
import * as v from 'valibot'

/** Times are counted in buckets, an eighth of a doubling wide: enough for percentiles, and no list that grows. */
export interface Day {
  shown: number
  accepted: number
  /** Accepted ones of which nothing was changed for half a minute, and all that were watched for so long. */
  kept: number
  watched: number
  /** Answers by `bucketOf` their milliseconds. */
  latency: Record<string, number>
  /** Of the prompts that the model was asked with. */
  promptTokens: number
  reusedTokens: number
}

/** By date, such as "2030-01-31". */
export type Statistics = Record<string, Day>

export const mostDays = 90

export function emptyDay(): Day {
  return { shown: 0, accepted: 0, kept: 0, watched: 0, latency: {}, promptTokens: 0, reusedTokens: 0 }
}

const count = v.pipe(v.number(), v.integer(), v.minValue(0))
const stored = v.record(
  v.pipe(v.string(), v.regex(/^\d{4}-\d\d-\d\d$/)),
  v.object({
    shown: count,
    accepted: count,
    kept: count,
    watched: count,
    latency: v.record(v.string(), count),
    promptTokens: count,
    reusedTokens: count,
  }),
)

/** What was stored, or nothing when another version wrote it otherwise. */
export function parseStatistics(raw: unknown): Statistics {
  const parsed = v.safeParse(stored, raw)
  return parsed.success ? parsed.output : {}
}

/** The statistics with one day's counts added, without the oldest days. */
export function addDay(statistics: Statistics, date: string, more: Day): Statistics {
  const day = statistics[date] ?? emptyDay()
  const latency = { ...day.latency }
  for (const [bucket, times] of Object.entries(more.latency)) latency[bucket] = (latency[bucket] ?? 0) + times
  const sum: Day = {
    shown: day.shown + more.shown,
    accepted: day.accepted + more.accepted,
    kept: day.kept + more.kept,
    watched: day.watched + more.watched,
    latency,
    promptTokens: day.promptTokens + more.promptTokens,
    reusedTokens: day.reusedTokens + more.reusedTokens,
  }
  const days = Object.entries({ ...statistics, [date]: sum }).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(days.slice(-mostDays))
}

export function bucketOf(ms: number): string {
  return String(Math.round(8 * Math.log2(Math.max(1, ms))))
}

/** Milliseconds that `share` of the answers took at most, give or take a twentieth; undefined without any. */
export function latencyAt(latency: Day['latency'], share: number): number | undefined {
  const buckets = Object.entries(latency)
    .map(([bucket, times]) => ({ bucket: Number(bucket), times }))
    .sort((a, b) => a.bucket - b.bucket)
  let left = share * buckets.reduce((total, { times }) => total + times, 0)
  return buckets
    .filter(({ times }) => times > 0)
    .map(({ bucket, times }) => ({ bucket, reached: (left -= times) <= 0 }))
    .filter(({ reached }) => reached)
    .map(({ bucket }) => Math.round(2 ** (bucket / 8)))[0]
}

/** Part of a document, in offsets. */
export interface Span {
  start: number
  end: number
}

/** Where a span is after a change of the document; undefined when the change touched what is in it. */
export function follow(
  span: Span,
  change: { start: number; removed: number; added: number },
): Span | undefined {
  if (change.start >= span.end) return span
  if (change.start + change.removed > span.start) return undefined
  const by = change.added - change.removed
  return { start: span.start + by, end: span.end + by }
}

const noDays = `Nothing was counted yet. Take a suggestion with Tab, then come back.`

/** The page, as Markdown that is readable as text. */
export function drawStatistics(statistics: Statistics): string {
  const days = Object.entries(statistics).sort(([a], [b]) => (a < b ? 1 : -1))
  const table = [
    ['Day', 'Shown', 'Accepted', 'Kept', 'p50', 'p95', 'Reused'],
    ...days.map(([date, day]) => row(date, day)),
  ]
  const widths = table[0]?.map((_, at) => Math.max(...table.map((cells) => cells[at]?.length ?? 0))) ?? []
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))).join(' | ')} |`
  const rule = `|${widths.map((width, at) => (at === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`
  const [header = [], ...rows] = table
  const body = days.length === 0 ? noDays : [line(header), rule, ...rows.map(line)].join('\n')
  return `# Suggestions by day

Numbers only, on this machine only, of the last ${mostDays} days. "Hearth: Reset Statistics" forgets them.

${body}

- Shown: suggestions given to the editor; the rest of one that is being typed is not counted again.
- Accepted: taken whole, and their share of those shown.
- Kept: of the accepted ones, those that nobody had changed half a minute later.
- p50, p95: milliseconds to an answer, of the middle one and of the slowest twentieth.
- Reused: share of the prompts' tokens that the model did not have to read again.
`
}

function row(date: string, day: Day): string[] {
  const { shown, accepted, kept, watched, latency, promptTokens, reusedTokens } = day
  const [p50, p95] = [latencyAt(latency, 0.5), latencyAt(latency, 0.95)]
  return [
    date,
    String(shown),
    `${accepted}${shown === 0 ? '' : ` (${percent(accepted, shown)})`}`,
    percent(kept, watched),
    p50 === undefined ? '–' : `${p50} ms`,
    p95 === undefined ? '–' : `${p95} ms`,
    percent(reusedTokens, promptTokens),
  ]
}

function percent(part: number, whole: number): string {
  return whole === 0 ? '–' : `${Math.round((100 * part) / whole)}%`
}
