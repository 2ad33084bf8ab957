// Cursors inside a token, with token healing and without it, as a table.
import { makeCase, type Case } from './case'
import { healingCases, type HealingCase } from './healing-cases'
import { openHearth, type Ablation } from './hearth-subject'
import { languages } from './languages'
import type { RecordedModel } from './recorded-model'
import { share, type Estimate } from './statistics'

const cursor = '┃'

const rows: readonly Pick<Ablation, 'name' | 'asking'>[] = [
  { name: 'with healing' },
  { name: 'without', asking: 'without-healing' },
]

/** Markdown: what is suggested at each cursor, and how often that goes on with the word. How sure the model is plays no part. */
export async function healingTable(model: RecordedModel): Promise<string> {
  const columns: { name: string; ghosts: string[] }[] = []
  for (const { name, ...change } of rows) {
    const subject = await openHearth(
      { name, what: name, usual: false, settings: { boldness: 1 }, oneLine: true, ...change },
      model,
    )
    const ghosts: string[] = []
    for (const [at, one] of healingCases.entries()) {
      const { ghost } = await subject.answer(caseOf(one, at), new AbortController().signal)
      ghosts.push(ghost?.text ?? '')
    }
    columns.push({ name, ghosts })
  }
  const counts = columns.map(
    ({ ghosts }) => healingCases.filter((one, at) => goesOn(one, ghosts[at] ?? '')).length,
  )
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [
    `The cursor stands inside a token; the ghost is shown with healing and without it, whatever its probability. ✓: it goes on with the word that was begun.`,
    [
      line(['', 'at the cursor', ...columns.map(({ name }) => name)]),
      line(['---', '---', ...columns.map(() => '---')]),
      ...healingCases.map((one, at) =>
        line([
          one.language,
          code(lineUpToCursor(one)),
          ...columns.map(({ ghosts }) => verdict(one, ghosts[at] ?? '')),
        ]),
      ),
      line([
        '',
        'goes on with the word',
        ...counts.map((count) => percent(share(count, healingCases.length))),
      ]),
    ].join('\n'),
  ].join('\n\n')
}

/** Whether the typed letters and the ghost are one of the words that were meant, and what follows it, if anything, is no letter. */
export function goesOn(one: Pick<HealingCase, 'text' | 'words'>, ghost: string): boolean {
  const typed = /[\p{L}\p{N}_]*$/u.exec(one.text.replace(cursor, ''))?.[0] ?? ''
  const word = /^[\p{L}\p{N}_]*/u.exec(typed + ghost)?.[0] ?? ''
  return one.words.includes(word)
}

function caseOf({ language, text }: HealingCase, at: number): Case {
  const start = text.indexOf(cursor)
  const file = `example${languages[language].extensions[0] ?? ''}`
  const row = { package: `healing-${at}`, file, start, end: start, kind: 'line-end' as const }
  return makeCase(row, language, `${text.replace(cursor, '')}\n`)
}

function lineUpToCursor({ text }: HealingCase): string {
  return text.slice(text.lastIndexOf('\n') + 1).trim()
}

function verdict(one: HealingCase, ghost: string): string {
  if (ghost === '') return 'nothing'
  return `${code(ghost)}${goesOn(one, ghost) ? ' ✓' : ''}`
}

function code(text: string): string {
  return `\`${text.replaceAll('|', '\\|')}\``
}

function percent({ value, low, high }: Estimate): string {
  const number = (one: number): string => (one * 100).toFixed(0)
  return `${number(value)}% [${number(low)}, ${number(high)}]`
}
