// From scored answers to tables: figures with intervals, by row, by kind and by language, and the difference to the peer.
import { kinds, type Case } from './case'
import { languageIds } from './languages'
import { mean, share, type Estimate } from './statistics'

export interface Scored {
  of: Pick<Case, 'id' | 'kind' | 'language'>
  shown: boolean
  /** Where nothing is shown, the line is not right and the similarity is 0. */
  right: boolean
  similarity: number
  /** Of what is shown. */
  valid: boolean
  repeats: boolean
  /** All that is shown was there, at its place: it may be only the start of what was. */
  rightSoFar: boolean
  tokens: number
}

export interface Figures {
  cases: number
  right: Estimate
  similarity: Estimate
  shown: Estimate
  rightOfShown: Estimate
  rightSoFarOfShown: Estimate
  validOfShown: Estimate
  repeatsOfShown: Estimate
  tokensPerCase: number
}

export function figures(scored: readonly Scored[]): Figures {
  const shown = scored.filter((one) => one.shown)
  const count = (list: readonly Scored[], what: (one: Scored) => boolean): Estimate =>
    share(list.filter(what).length, list.length)
  return {
    cases: scored.length,
    right: count(scored, ({ right }) => right),
    similarity: mean(scored.map(({ similarity }) => similarity)),
    shown: count(scored, (one) => one.shown),
    rightOfShown: count(shown, ({ right }) => right),
    rightSoFarOfShown: count(shown, ({ rightSoFar }) => rightSoFar),
    validOfShown: count(shown, ({ valid }) => valid),
    repeatsOfShown: count(shown, ({ repeats }) => repeats),
    tokensPerCase: mean(scored.map(({ tokens }) => tokens)).value,
  }
}

export interface Row {
  name: string
  what: string
  /** The row to compare with; `ours` when left out. */
  base?: string
  scored: readonly Scored[]
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

/** `ours` is compared with `peer`, and every other row with its base. */
export function markdown(rows: readonly Row[], { ours, peer }: { ours: string; peer: string }): string {
  const named = (name: string): Row | undefined => rows.find((row) => row.name === name)
  const sections = [
    table(
      [
        '',
        'cases',
        'line right',
        'similarity',
        'shown',
        'right, of shown',
        'nothing wrong as far as it goes, of shown',
        'syntax whole, of shown',
        'repeats what follows, of shown',
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
          percent(all.rightSoFarOfShown),
          percent(all.validOfShown),
          percent(all.repeatsOfShown),
          String(Math.round(all.tokensPerCase)),
        ]
      }),
    ),
    rows.map(({ name, what }) => `- **${name}**: ${what}.`).join('\n'),
  ]
  const [our, other] = [named(ours), named(peer)]
  if (our && other) sections.push(...differences([our], other))
  for (const base of rows) {
    const compared = rows.filter(
      (row) => row !== base && row.name !== peer && (row.base ?? ours) === base.name,
    )
    sections.push(...differences(compared, base))
  }
  sections.push(
    'Line right (and shown), by kind of place:',
    breakdown(rows, kinds, ({ of }) => of.kind),
    'Line right (and shown), by language:',
    breakdown(rows, languageIds, ({ of }) => of.language),
  )
  return `${sections.join('\n\n')}\n`
}

function differences(rows: readonly Row[], base: Row): string[] {
  if (rows.length === 0) return []
  return [
    `Difference to ${base.name} at the same cases, in percentage points (95% interval of a paired bootstrap):`,
    table(
      ['', 'line right', 'similarity', 'shown', 'repeats what follows, of all'],
      rows.map((row) => [
        row.name,
        points(difference(row, base, ({ right }) => Number(right))),
        points(difference(row, base, ({ similarity }) => similarity)),
        points(difference(row, base, ({ shown }) => Number(shown))),
        points(difference(row, base, ({ repeats }) => Number(repeats))),
      ]),
    ),
  ]
}

function breakdown(
  rows: readonly Row[],
  groups: readonly string[],
  groupOf: (one: Scored) => string,
): string {
  return table(
    ['', ...groups],
    rows.map(({ name, scored }) => [
      name,
      ...groups.map((group) => {
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
