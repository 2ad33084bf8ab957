// What is suggested while there is no model, from documents alone.
import assert from 'node:assert/strict'
import { silentLog } from '../../../engine/base/log'
import { createCompleter } from '../../../engine/complete/complete'
import type { CompletionRecord } from '../../../engine/complete/completion-record'
import { parseSettings } from '../../../engine/protocol/settings'

interface Row {
  what: string
  /** The cursor is at `┃`. */
  document: string
  /** Other documents: language, text. */
  neighbours?: readonly (readonly [languageId: string, text: string])[]
  settings?: object
  expected: string | undefined
}

const noWay = 'no model is loaded, the status says why, and no other place reads like this one'

const rows: readonly Row[] = [
  { what: 'nothing in an empty document', document: '┃', expected: undefined },
  { what: 'nothing where nothing is alike', document: 'let a = 1\nlet b = ┃', expected: undefined },
  {
    what: 'what followed the same three',
    document: 'if (error) return fail(error)\nif (error) ┃',
    expected: 'return fail(error)',
  },
  { what: 'not what followed the same two', document: 'f(b, c)\ng = b, ┃', expected: undefined },
  {
    what: 'however blanks lie between them',
    document: 'if  ( error )  return\nif (error) ┃',
    expected: 'return',
  },
  {
    what: 'nothing for an unfinished word after one',
    document: 'const host = options.hostname\nlet b = c.ho┃',
    expected: undefined,
  },
  {
    what: 'the rest of an unfinished word after two',
    document: 'const host = options.hostname\nlet b = options.ho┃',
    expected: 'stname',
  },
  {
    what: 'as the longer agreement says, not as most do',
    document: 'x = a.b.c(1)\nx = a.b.c(1)\nz = b.a.b.c(2)\ny = b.a.b.c(┃)',
    expected: '2',
  },
  { what: 'what most places say', document: 'p a.b.c(1)\nq a.b.c(2)\nr a.b.c(1)\ns a.b.c(┃)', expected: '1' },
  {
    what: 'nothing where they disagree',
    document: 'p a.b.c(1)\nq a.b.c(2)\nr a.b.c(┃)',
    expected: undefined,
  },
  {
    what: 'a line that followed the same line',
    document: 'open(file)\n  read(file)\nclose(file)\nopen(file)\n  ┃\ndone()',
    expected: 'read(file)',
  },
  { what: 'from below the cursor, too', document: 'p = f(a, b, ┃\n\nq = f(a, b, c)', expected: 'c)' },
  {
    what: 'not the line that stands below',
    document: 'f(a, b, ┃\nf(a, b, c)\n',
    expected: undefined,
  },
  { what: 'not what closes behind the cursor', document: 'f(a, b, c)\nf(a, b, ┃)', expected: 'c' },
  {
    what: 'from a neighbour',
    document: 'f(a, b, ┃',
    neighbours: [
      ['typescript', 'x'],
      ['typescript', 'g()\nf(a, b, c)\n'],
    ],
    expected: 'c)',
  },
  {
    what: 'not from a neighbour in another language',
    document: 'f(a, b, ┃',
    neighbours: [['javascript', 'f(a, b, c)']],
    expected: undefined,
  },
  {
    what: 'not from a neighbour where other files are to be left alone',
    document: 'f(a, b, ┃',
    neighbours: [['typescript', 'f(a, b, c)']],
    settings: { otherFiles: 'off' },
    expected: undefined,
  },
  {
    what: 'with Windows line ends',
    document: 'open(file)\r\n  read(file)\r\nclose(file)\r\nopen(file)\r\n  ┃',
    expected: 'read(file)',
  },
  {
    what: 'nothing where ghost text is off',
    document: 'f(a, b, c)\nf(a, b, ┃',
    settings: { enabled: false },
    expected: undefined,
  },
]

describe('copy suggestions', () => {
  const check = async ({
    document,
    neighbours = [],
    settings,
  }: Row): Promise<CompletionRecord | undefined> => {
    const records: CompletionRecord[] = []
    const completer = createCompleter({
      provider: () => undefined,
      surroundings: () => ({
        repository: '',
        path: 'a.ts',
        documents: neighbours.map(([languageId, text]) => ({ uri: '', path: '', languageId, text })),
        edits: [],
        declarations: [],
        version: 0,
      }),
      settings: () => parseSettings({ completion: settings }).completion,
      log: silentLog,
      record: (record) => records.push(record),
    })
    const offset = document.indexOf('┃')
    const text = document.replace('┃', '')
    const input = { uri: 'file:///a.ts', path: 'a.ts', languageId: 'typescript', text, offset }
    const shown = await completer.complete({ ...input, trigger: 'automatic' }, new AbortController().signal)
    assert.equal(records.length, 1)
    assert.equal(records[0]?.shown, shown?.text ?? '')
    return records[0]
  }

  for (const row of rows) {
    it(row.what, async () => {
      const record = await check(row)
      assert.equal(record?.shown, row.expected ?? '')
      assert.equal(record.answeredBy, row.expected === undefined ? 'gate' : 'copy')
      if (row.document.includes('\n') && row.expected === undefined)
        assert.equal(record.outcome, row.settings ? 'hearth.completion.enabled is off' : noWay)
    })
  }

  it('typing what was copied leaves the rest of it', async () => {
    const copied = 'return await fetch(url, options)'
    for (let typed = 0; typed < copied.length; typed++) {
      const document = `if (!ok) ${copied}\nif (!done) return\nif (!ok) ${copied.slice(0, typed)}┃`
      const record = await check({ what: '', document, expected: '' })
      assert.equal(record?.shown, copied.slice(typed), document)
    }
  })
})
