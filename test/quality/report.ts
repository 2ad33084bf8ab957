// From scored answers to tables: figures with intervals, by row, by kind and by language, and the difference to the peer.
import { kinds, type Case } from './case'
import { languageIds } from './languages'
import { mean, percentile, share, type Estimate } from './statistics'

export interface Scored {
  of: Pick<Case, 'id' | 'kind' | 'language'>
  shown: boolean
  /** Where nothing is shown, the line is not right and the similarity is 0. */
  right: boolean
  similarity: number
  /** Of what is shown. */
  valid: boolean
  repeats: boolean
  ms: number
  tokens: number
}

export interface Figures {
  cases: number
  right: Estimate
  similarity: Estimate
  shown: Estimate
  rightOfShown: Estimate
  validOfShown: Estimate
  repeatsOfShown: Estimate
  /** Of the answers that a model was asked for. */
  msMedian: number
  msP95: number
  tokensPerCase: number
}

export function figures(scored: readonly Scored[]): Figures {
  const shown = scored.filter((one) => one.shown)
  const asked = scored.filter(({ tokens }) => tokens > 0)
  const times = (asked.length > 0 ? asked : scored).map(({ ms }) => ms)
  const count = (list: readonly Scored[], what: (one: Scored) => boolean): Estimate =>
    share(list.filter(what).length, list.length)
  return {
    cases: scored.length,
    right: count(scored, ({ right }) => right),
    similarity: mean(scored.map(({ similarity }) => similarity)),
    shown: count(scored, (one) => one.shown),
    rightOfShown: count(shown, ({ right }) => right),
    validOfShown: count(shown, ({ valid }) => valid),
    repeatsOfShown: count(shown, ({ repeats }) => repeats),
    msMedian: percentile(times, 0.5),
    msP95: percentile(times, 0.95),
    tokensPerCase: mean(scored.map(({ tokens }) => tokens)).value,
  }
}

/** What is shown at one boldness. */
export interface AtBoldness {
  boldness: number
  cases: number
  shown: number
  /** Of the shown: the cursor's line is right. */
  right: number
  /** Of the shown: all that it says was there. */
  rightSoFar: number
}

export interface Row {
  name: string
  what: string
  scored: readonly Scored[]
  /** Of a row that shows all that the model writes and knows how likely it was. */
  atBoldness?: readonly AtBoldness[]
}

/** Percentage points that `row` is better than `peer` at the same cases; the interval resamples cases, not answers. */
export function difference(row: Row, peer: Row, what: (one: Scored) => number): Estimate {
  const others = new Map(peer.scored.map((one) => [one.of.id, one]))
  const pairs = row.scored.flatMap((one) => {
    const other = others.get(one.of.id)
    return other ? [what(one) - what(other)] : []
  })
  return mean(pairs)
}

export function markdown(rows: readonly Row[], peerName: string): string {
  const peer = rows.find(({ name }) => name === peerName)
  const sections = [
    table(
      [
        '',
        'cases',
        'line right',
        'similarity',
        'shown',
        'right, of shown',
        'syntax whole, of shown',
        'repeats what follows, of shown',
        'ms p50 / p95',
        'tokens a case',
      ],
      rows.map(({ name, scored }) => {
        const all = figures(scored)
        return [
          name,
          String(all.cases),
          percent(all.right),
          percent(all.similarity),
          percent(all.shown),
          percent(all.rightOfShown),
          percent(all.validOfShown),
          percent(all.repeatsOfShown),
          `${Math.round(all.msMedian)} / ${Math.round(all.msP95)}`,
          String(Math.round(all.tokensPerCase)),
        ]
      }),
    ),
    rows.map(({ name, what }) => `- **${name}**: ${what}.`).join('\n'),
  ]
  if (peer) {
    const others = rows.filter((row) => row !== peer)
    sections.push(
      `Difference to ${peer.name} at the same cases, in percentage points (95% interval of a paired bootstrap):`,
      table(
        ['', 'line right', 'similarity', 'repeats what follows, of all'],
        others.map((row) => [
          row.name,
          points(difference(row, peer, ({ right }) => Number(right))),
          points(difference(row, peer, ({ similarity }) => similarity)),
          points(difference(row, peer, ({ repeats }) => Number(repeats))),
        ]),
      ),
    )
  }
  for (const { name, atBoldness } of rows) {
    if (!atBoldness) continue
    sections.push(
      `At each \`hearth.completion.boldness\`, from the answers of ${name}:`,
      table(
        ['boldness', 'shown', 'line right', 'right, of shown', 'nothing wrong as far as it goes, of shown'],
        atBoldness.map(({ boldness, cases, shown, right, rightSoFar }) => [
          String(boldness),
          percent(share(shown, cases)),
          percent(share(right, cases)),
          percent(share(right, shown)),
          percent(share(rightSoFar, shown)),
        ]),
      ),
    )
  }
  sections.push(
    'Line right (and shown), by kind of place:',
    breakdown(rows, kinds, ({ of }) => of.kind),
  )
  sections.push(
    'Line right (and shown), by language:',
    breakdown(rows, languageIds, ({ of }) => of.language),
  )
  return `${sections.join('\n\n')}\n`
}

function breakdown(
  rows: readonly Row[],
  groups: readonly string[],
  groupOf: (one: Scored) => string,
): string {
  return table(
    ['', ...rows.map(({ name }) => name)],
    groups.map((group) => [
      group,
      ...rows.map(({ scored }) => {
        const mine = scored.filter((one) => groupOf(one) === group)
        const part = (what: (one: Scored) => boolean): string =>
          String(Math.round((100 * mine.filter(what).length) / mine.length))
        return mine.length === 0
          ? ''
          : `${part(({ right }) => right)} (${part(({ shown }) => shown)}) of ${mine.length}`
      }),
    ]),
  )
}

function table(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [row(head), row(head.map(() => '---')), ...lines.map(row)].join('\n')
}

function percent({ value, low, high }: Estimate): string {
  if (Number.isNaN(value)) return ''
  const number = (one: number): string => (one * 100).toFixed(1)
  return `${number(value)}% [${number(low)}, ${number(high)}]`
}

function points({ value, low, high }: Estimate): string {
  const number = (one: number): string => `${one < 0 ? '−' : '+'}${Math.abs(one * 100).toFixed(1)}`
  return `${number(value)} [${number(low)}, ${number(high)}]`
}
