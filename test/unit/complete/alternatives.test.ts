// What else is suggested to somebody who asks by hand.
import assert from 'node:assert/strict'
import { createLog } from '../../../engine/base/log'
import { createCompleter, type Completer, type Suggestion } from '../../../engine/complete/complete'
import type { CompletionRecord } from '../../../engine/complete/completion-record'
import type { CompletionInput } from '../../../engine/complete/context'
import { parseSettings } from '../../../engine/protocol/settings'
import { scriptedProvider, type Script, type ScriptedProvider } from './scripted-provider'

interface Row {
  title: string
  document: string
  /** What the model says: to the first request, and to draws with the seeds 1, 2 and 3. */
  says: readonly string[]
  alternatives: readonly string[]
  /** Requests to the model, the first one among them. */
  asked: number
}

const rows: readonly Row[] = [
  {
    title: 'two others, and no third',
    document: 'const a = ┃',
    says: ['one', 'two', 'three', 'four'],
    alternatives: ['two', 'three'],
    asked: 3,
  },
  {
    title: 'the same again is no other',
    document: 'const a = ┃',
    says: ['one', 'one', 'two', 'two'],
    alternatives: ['two'],
    asked: 4,
  },
  {
    title: 'filters leave nothing of it',
    document: 'const a = ┃',
    says: ['one', '   ', '```', ''],
    alternatives: [],
    asked: 4,
  },
  {
    title: 'closers that stand there are not doubled',
    document: 'run(┃)',
    says: ['one)', 'two)', 'three)', 'four)'],
    alternatives: ['two', 'three'],
    asked: 3,
  },
]

describe('alternatives', () => {
  for (const row of rows) it(row.title, () => check(row))

  it('a failing model leaves what is there', async () => {
    const { completer, records } = bench({ says: () => '', fails: new Error('gone') })
    assert.deepEqual(await completer.alternatives(inputOf('const a = ┃'), shown('one'), never), [])
    assert.deepEqual(records, [])
  })

  it('the next request ends the drawing of others', async () => {
    const { completer, provider } = bench({ says: (_, seed) => (seed === undefined ? 'one' : 'two, three') })
    let release: () => void = () => undefined
    provider.gate = new Promise((resolve) => (release = resolve))
    const others = completer.alternatives(inputOf('const a = ┃'), shown('one'), never)
    const next = completer.complete(inputOf('const ab = ┃'), never)
    release()
    assert.deepEqual(await others, [])
    assert.equal((await next)?.text, 'one')
    assert.deepEqual(
      provider.asked.map(({ end }) => end),
      ['cancelled', 'stop'],
    )
  })
})

const never = new AbortController().signal

async function check({ document, says, alternatives, asked }: Row): Promise<void> {
  const { completer, provider, records } = bench({ says: (_, seed = 0) => says[seed] ?? '' })
  const input = inputOf(document)
  const first = await completer.complete(input, never)
  assert.ok(first)
  const others = await completer.alternatives(input, first, never)
  assert.deepEqual(
    others.map(({ text }) => text),
    alternatives,
  )
  assert.equal(provider.asked.length, asked)
  assert.deepEqual(
    records.flatMap(({ shown }) => (shown === '' ? [] : [shown])),
    [first.text, ...alternatives],
  )
}

function bench(script: Script): {
  completer: Completer
  provider: ScriptedProvider
  records: CompletionRecord[]
} {
  const provider = scriptedProvider(script)
  const records: CompletionRecord[] = []
  const completer = createCompleter({
    provider: () => provider,
    settings: () => ({ ...parseSettings({}).completion, debounceMs: 0 }),
    log: createLog(() => undefined),
    record: (record) => records.push(record),
    graceMs: 0,
  })
  return { completer, provider, records }
}

function inputOf(document: string): CompletionInput {
  const text = document.replace('┃', '')
  const offset = document.indexOf('┃')
  return { uri: 'file:///a.ts', path: 'a.ts', languageId: 'typescript', text, offset, trigger: 'invoked' }
}

function shown(text: string): Suggestion {
  return { text, start: 0, end: 0 }
}
