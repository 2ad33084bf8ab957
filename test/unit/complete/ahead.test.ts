// What the model is asked before anybody does, and when it is left alone.
import assert from 'node:assert/strict'
import { breathe } from '../../../engine/base/signal'
import { silentLog } from '../../../engine/base/log'
import { createAhead, type Ahead } from '../../../engine/complete/ahead'
import { createCompleter, type Suggestion } from '../../../engine/complete/complete'
import type { CompletionRecord } from '../../../engine/complete/completion-record'
import type { CompletionInput } from '../../../engine/complete/context'
import { parseSettings, type Settings } from '../../../engine/protocol/settings'
import { scriptedProvider, type ScriptedProvider } from './scripted-provider'

interface Bench {
  provider: ScriptedProvider
  ahead: Ahead
  records: CompletionRecord[]
  /** Asks as an editor does, and tells `ahead` of it as the server does. */
  ask: (document: string) => Promise<Suggestion | undefined>
  input: (document: string) => CompletionInput
  /** Resolves when the model has nothing to do. */
  idle: () => Promise<void>
}

/** The answers to the ends of prompts. */
const answers: readonly [end: string, answer: string][] = [
  ['const a = ', 'one('],
  ['const a = one(', 'two'],
  ['if (x) ', 'stop()'],
  ['stop()\n  ', 'go()'],
]

const says = (prompt: string): string => answers.find(([end]) => prompt.endsWith(end))?.[1] ?? ''

function bench({
  allowed = true,
  lookMs = 0,
  ...settings
}: Partial<Settings['completion']> & { allowed?: boolean; lookMs?: number } = {}): Bench {
  const provider = scriptedProvider({ says })
  const records: CompletionRecord[] = []
  const completer = createCompleter({
    provider: () => provider,
    settings: () => ({ ...parseSettings({}).completion, debounceMs: 0, ...settings }),
    log: silentLog,
    record: (record) => records.push(record),
    graceMs: 0,
  })
  const ahead = createAhead({ completer, allowed: () => allowed, lookMs })
  const input = (document: string): CompletionInput => ({
    uri: 'file:///a.ts',
    path: 'a.ts',
    languageId: 'typescript',
    text: document.replace('┃', ''),
    offset: document.indexOf('┃'),
    trigger: 'automatic',
  })
  return {
    provider,
    ahead,
    records,
    input,
    ask: async (document) => {
      ahead.asked(input(document))
      const suggestion = await completer.complete(input(document), new AbortController().signal)
      if (suggestion) ahead.suggested(input(document), suggestion)
      return suggestion
    },
    idle: async () => {
      for (let quiet = 0; quiet < 20; quiet++) {
        await new Promise((resolve) => setTimeout(resolve, 1))
        if (provider.asked.some(({ end }) => end === 'running')) quiet = 0
      }
    },
  }
}

/** How the model was asked, by the ends of prompts, and for whom. */
function asked({ provider }: Bench): string[] {
  return provider.asked.map(({ request }) =>
    'typed' in request ? (request.prefix + request.typed).slice(-12).trimStart() : 'chat',
  )
}

describe('ahead of requests', () => {
  it('what follows a suggestion is there when it is taken', async () => {
    const all = bench()
    const { ask, records, idle, provider } = all
    assert.equal((await ask('const a = ┃'))?.text, 'one(')
    await idle()
    assert.equal((await ask('const a = one(┃'))?.text, 'two')
    assert.deepEqual(
      records.map(({ answeredBy, outcome }) => [answeredBy, outcome]),
      [
        ['model', 'suggested'],
        ['ahead', 'prepared before anybody asked'],
        ['cache', 'suggested'],
      ],
    )
    assert.equal(provider.asked.length, 2)
  })

  it('accepting asks at once, and the request of the editor joins', async () => {
    const { ask, ahead, input, records, provider } = bench({ lookMs: 60_000 })
    await ask('const a = ┃')
    ahead.accepted('file:///a.ts', input('const a = one(┃').text)
    assert.equal(provider.asked.length, 2)
    assert.equal((await ask('const a = one(┃'))?.text, 'two')
    assert.equal(provider.asked.length, 2)
    assert.deepEqual(
      records.map(({ answeredBy }) => answeredBy),
      ['model', 'ahead', 'running'],
    )
  })

  it('at the end of a line the next one is prepared', async () => {
    const { ask, ahead, input, idle, records } = bench({ lookMs: 60_000 })
    await ask('  if (x) ┃')
    ahead.accepted('file:///a.ts', input('  if (x) stop()┃').text)
    await idle()
    assert.equal((await ask('  if (x) stop()\n  ┃'))?.text, 'go()')
    assert.equal(records.at(-1)?.answeredBy, 'cache')
  })

  it('what is not there yet is not read from its beginning', async () => {
    const { ask, idle, provider } = bench()
    // What is typed goes into the prompt of the next request as long as it is short.
    await ask(`${'x'.repeat(500)} if (x) ┃`)
    await idle()
    assert.equal(provider.asked.length, 1)
  })

  for (const [what, document] of [
    ['text that is not the suggestion', 'const a = other(┃'],
    ['another document', undefined],
  ] as const) {
    it(`accepting ${what} prepares nothing`, async () => {
      const { ask, ahead, input, idle, provider } = bench({ lookMs: 60_000 })
      await ask('const a = ┃')
      if (document) ahead.accepted('file:///a.ts', input(document).text)
      else ahead.accepted('file:///b.ts', input('const a = one(┃').text)
      await idle()
      assert.equal(provider.asked.length, 1)
    })
  }

  it('a place where the cursor rests is answered from memory', async () => {
    const { ask, ahead, input, idle, records } = bench()
    ahead.rested(input('const a = ┃'))
    await idle()
    assert.equal((await ask('const a = o┃'))?.text, 'ne(')
    assert.deepEqual(
      records.slice(0, 2).map(({ answeredBy }) => answeredBy),
      ['ahead', 'typing'],
    )
  })

  it('where the cursor rests now goes before where it rested', async () => {
    const { ahead, input, idle, provider } = bench()
    let release: () => void = () => undefined
    provider.gate = new Promise((resolve) => (release = resolve))
    ahead.rested(input('const a = ┃'))
    while (provider.asked.length === 0) await breathe()
    ahead.rested(input('const a = ┃'))
    ahead.rested(input('if (x) ┃'))
    provider.gate = undefined
    release()
    await idle()
    assert.deepEqual(
      provider.asked.map(({ end }) => end),
      ['cancelled', 'stop'],
    )
  })

  it('another model reads where the cursor rests', async () => {
    const { ahead, input, idle, provider } = bench()
    ahead.modelChanged()
    ahead.rested(input('let b = ┃'))
    await idle()
    assert.equal(provider.asked.length, 1)
    ahead.modelChanged()
    await idle()
    // It is remembered that there was nothing.
    assert.equal(provider.asked.length, 1)
  })

  it('a request of the editor goes first', async () => {
    const { ask, ahead, input, provider } = bench()
    let release: () => void = () => undefined
    provider.gate = new Promise((resolve) => (release = resolve))
    ahead.rested(input('const a = ┃'))
    while (provider.asked.length === 0) await breathe()
    const answer = ask('if (x) ┃')
    provider.gate = undefined
    release()
    assert.equal((await answer)?.text, 'stop()')
    assert.deepEqual(
      provider.asked.slice(0, 2).map(({ end }) => end),
      ['cancelled', 'stop'],
    )
  })

  it('a chat ends it, and nothing is prepared until the chat has ended', async () => {
    const { ahead, input, idle, provider } = bench()
    let release: () => void = () => undefined
    provider.gate = new Promise((resolve) => (release = resolve))
    ahead.rested(input('const a = ┃'))
    while (provider.asked.length === 0) await breathe()
    const done = ahead.makeWay()
    provider.gate = undefined
    release()
    ahead.rested(input('if (x) ┃'))
    await idle()
    assert.deepEqual(
      provider.asked.map(({ end }) => end),
      ['cancelled'],
    )
    done()
    done()
    ahead.rested(input('if (x) ┃'))
    await idle()
    assert.equal(provider.asked.length, 2)
  })

  const off: [what: string, options: Parameters<typeof bench>[0]][] = [
    ['while power is to be saved', { allowed: false }],
    ['with ghost text off', { enabled: false }],
    ['with ghost text off for the language', { languages: { '*': true, typescript: false } }],
  ]
  for (const [what, options] of off) {
    it(`nothing is prepared ${what}`, async () => {
      const all = bench(options)
      const { ask, ahead, input, idle } = all
      await ask('const a = ┃')
      const before = asked(all)
      await idle()
      ahead.accepted('file:///a.ts', input('const a = one(┃').text)
      ahead.rested(input('if (x) ┃'))
      ahead.modelChanged()
      await idle()
      assert.deepEqual(asked(all), before)
      assert.equal(before.length, options?.allowed === false ? 1 : 0)
    })
  }
})
