// Which requests reach the model: the cache, joining, cancelling and waiting, seen through a scripted provider.
import assert from 'node:assert/strict'
import { createLog } from '../../../engine/base/log'
import { createCompleter, type Completer } from '../../../engine/complete/complete'
import type { CompletionRecord } from '../../../engine/complete/completion-record'
import { parseSettings, type Settings } from '../../../engine/protocol/settings'
import { scriptedProvider, type Script, type ScriptedProvider } from './scripted-provider'

interface Bench {
  provider: ScriptedProvider
  completer: Completer
  records: CompletionRecord[]
  /** What the log was told. */
  lines: string[]
  /** Another model, or none, answers from now on, as the model host does it. */
  swap: (next: ScriptedProvider | undefined) => Promise<void>
  /** Asks at the `┃` of a document; resolves with the ghost text. */
  ask: (
    document: string,
    how?: { signal?: AbortSignal; trigger?: 'automatic' | 'invoked' },
  ) => Promise<string | undefined>
}

function bench(
  script: Script,
  settings: Partial<Settings['completion']> = {},
  graceMs = 0,
  readingMs = 10_000,
): Bench {
  const provider = scriptedProvider(script)
  let current: ScriptedProvider | undefined = provider
  const records: CompletionRecord[] = []
  const lines: string[] = []
  const completer = createCompleter({
    provider: () => current,
    settings: () => ({ ...parseSettings({}).completion, debounceMs: 0, ...settings }),
    log: createLog((_, line) => lines.push(line)),
    record: (record) => records.push(record),
    graceMs,
    readingMs,
  })
  return {
    provider,
    completer,
    records,
    lines,
    swap: async (next) => {
      current = next
      completer.reset()
      await provider.dispose()
    },
    ask: async (document, how = {}) => {
      const offset = document.indexOf('┃')
      const suggestion = await completer.complete(
        {
          uri: 'file:///a.ts',
          path: 'a.ts',
          languageId: 'typescript',
          text: document.replace('┃', ''),
          offset,
          trigger: how.trigger ?? 'automatic',
        },
        how.signal ?? new AbortController().signal,
      )
      return suggestion?.text
    },
  }
}

/** Holds the provider between two pieces until called. */
function hold(provider: ScriptedProvider): () => void {
  let release: () => void = () => undefined
  provider.gate = new Promise((resolve) => (release = resolve))
  return () => {
    provider.gate = undefined
    release()
  }
}

const says = (): string => 'values.length'

describe('completion ladder', () => {
  it('typing what was suggested costs nothing', async () => {
    const { ask, provider } = bench({ says })
    assert.equal(await ask('const a = ┃'), 'values.length')
    assert.equal(await ask('const a = v┃'), 'alues.length')
    assert.equal(await ask('const a = values.┃'), 'length')
    assert.equal(provider.asked.length, 1)
  })

  it('typing the suggestion to its end asks again', async () => {
    const { ask, provider } = bench({ says })
    await ask('const a = ┃')
    await ask('const a = values.length┃')
    assert.equal(provider.asked.length, 2)
  })

  it('typing something else asks again', async () => {
    const { ask, provider } = bench({ says })
    await ask('const a = ┃')
    await ask('const a = x┃')
    assert.equal(provider.asked.length, 2)
  })

  it('a closer the editor adds while typing does not lose the suggestion', async () => {
    const { ask, provider } = bench({ says: () => '(a, b)' })
    assert.equal(await ask('foo┃\nbar'), '(a, b)')
    assert.equal(await ask('foo(┃)\nbar'), 'a, b')
    assert.equal(provider.asked.length, 1)
  })

  it('what stands below belongs to the place', async () => {
    const { ask, provider } = bench({ says })
    await ask('const a = ┃\nfoo')
    await ask('const a = ┃\nbar')
    assert.equal(provider.asked.length, 2)
  })

  it('a place where the model had nothing to say is not asked again', async () => {
    const { ask, provider, lines } = bench({ says: () => '' })
    assert.equal(await ask('const a = ┃'), undefined)
    assert.equal(await ask('const a = ┃'), undefined)
    assert.equal(provider.asked.length, 1)
    assert.equal(lines.at(-1), 'No suggestion: there was none at this place before.')
  })

  it('another model makes its own suggestions', async () => {
    const { ask, provider, completer } = bench({ says })
    await ask('const a = ┃')
    completer.reset()
    await ask('const a = ┃')
    assert.equal(provider.asked.length, 2)
  })

  for (const [name, next] of [
    ['another model', scriptedProvider({ says: () => 'other' })],
    ['no model', undefined],
  ] as const) {
    it(`${name} after the wait: the one from before is left alone`, async () => {
      const { ask, provider, swap } = bench({ says })
      const release = hold(provider)
      const first = ask('const a = ┃')
      const second = ask('const a = ┃')
      await swap(next)
      release()
      assert.equal(await first, undefined)
      assert.equal(await second, next && 'other')
      assert.deepEqual(provider.wrongs, [])
    })
  }

  it('a running request is joined while the text agrees', async () => {
    const { ask, provider } = bench({ says })
    const release = hold(provider)
    const first = ask('const a = ┃')
    const second = ask('const a = va┃')
    release()
    assert.equal(await first, 'values.length')
    assert.equal(await second, 'lues.length')
    assert.equal(provider.asked.length, 1)
  })

  it('editors cancel on every key: the next request finds the old one still running', async () => {
    const { ask, provider } = bench({ says }, {}, 1000)
    const release = hold(provider)
    const typing = new AbortController()
    const first = ask('const a = ┃', { signal: typing.signal })
    typing.abort()
    assert.equal(await first, undefined)
    const second = ask('const a = v┃')
    release()
    assert.equal(await second, 'alues.length')
    assert.equal(provider.asked.length, 1)
  })

  it('a request joined where the model has nothing to say is not made twice', async () => {
    const { ask, provider } = bench({ says: () => '' })
    assert.deepEqual(await Promise.all([ask('const a = ┃'), ask('const a = ┃')]), [undefined, undefined])
    assert.equal(provider.asked.length, 1)
  })

  it('tells who answered', async () => {
    const { ask, provider, records } = bench({ says })
    const release = hold(provider)
    const first = ask('const a = ┃')
    const second = ask('const a = va┃')
    release()
    await Promise.all([first, second])
    await ask('const a = val┃')
    await ask('const a = ┃')
    await ask('const a = va┃l')
    assert.deepEqual(
      records.map(({ answeredBy, outcome }) => [answeredBy, outcome]),
      [
        ['model', 'suggested'],
        ['running', 'suggested'],
        ['typing', 'suggested'],
        ['cache', 'suggested'],
        ['gate', 'the cursor is inside a word'],
      ],
    )
  })

  const before = { name: 'before the cursor', text: '// a.ts\nlet b\n' }
  const after = { name: 'after the cursor', text: ')\nb()' }
  const typed = { name: 'the line up to the cursor, and what was typed since', text: 'a(' }
  for (const [name, fim, parts] of [
    ['a model that sees both sides', true, [before, after, typed]],
    ['a model that goes on only', false, [before, typed]],
  ] as const) {
    it(`tells where, and what ${name} was given`, async () => {
      const { ask, records } = bench({ says, fim })
      await ask('let b\na(┃)\nb()')
      assert.deepEqual(records[0]?.place, { uri: 'file:///a.ts', line: 1, character: 2 })
      assert.deepEqual(records[0].parts, parts)
      assert.ok(records[0].ms >= 0)
    })
  }

  it('tells that there is no model', async () => {
    const { ask, records, swap } = bench({ says })
    await swap(undefined)
    assert.equal(await ask('const a = ┃'), undefined)
    assert.deepEqual(
      records.map(({ answeredBy, outcome }) => [answeredBy, outcome]),
      [['gate', 'no model is loaded, the status says why, and no other place reads like this one']],
    )
  })

  it('copies while there is no model, and asks the model once there is one', async () => {
    const { ask, records, swap, provider } = bench({ says })
    const document = 'f(a, b, c)\nf(a, b, ┃)'
    await swap(undefined)
    assert.equal(await ask(document), 'c')
    await swap(scriptedProvider({ says }))
    assert.equal(await ask(document), 'values.length')
    assert.deepEqual(
      records.map(({ answeredBy }) => answeredBy),
      ['copy', 'model'],
    )
    assert.deepEqual(provider.asked, [])
  })

  const unsure: [boldness: number, trigger: 'automatic' | 'invoked', ghost: string | undefined][] = [
    [0.5, 'automatic', 'c'],
    [0.25, 'automatic', undefined],
    [0.25, 'invoked', 'unlikely'],
  ]
  for (const [boldness, trigger, ghost] of unsure) {
    it(`copies where the model is too unsure, at boldness ${boldness}, ${trigger}`, async () => {
      const script = { says: () => 'unlikely', likely: [0.01] }
      const { ask, records } = bench(script, { boldness })
      assert.equal(await ask('f(a, b, c)\nf(a, b, ┃)', { trigger }), ghost)
      assert.equal(records.at(-1)?.answeredBy, ghost === 'c' ? 'copy' : 'model')
    })
  }

  it('tells that an answer came too late to be shown', async () => {
    const { ask, provider, records } = bench({ says }, {}, 1000)
    const release = hold(provider)
    const typing = new AbortController()
    const first = ask('const a = ┃', { signal: typing.signal })
    typing.abort()
    await first
    release()
    while (records.length === 0) await new Promise((resolve) => setTimeout(resolve, 1))
    assert.match(records[0]?.outcome ?? '', /nobody waited any more/)
    assert.equal(records[0]?.shown, '')
  })

  it('every keystroke that joins a request gives it time anew', async () => {
    const { ask, provider } = bench({ says }, {}, 40)
    const release = hold(provider)
    for (const typed of ['', 'v', 'va', 'val', 'valu']) {
      const typing = new AbortController()
      const answer = ask(`const a = ${typed}┃`, { signal: typing.signal })
      await new Promise((resolve) => setTimeout(resolve, 15))
      typing.abort()
      assert.equal(await answer, undefined)
      // The timer of the keystroke before the last must not end it now.
      await new Promise((resolve) => setTimeout(resolve, 15))
    }
    const last = ask('const a = value┃')
    release()
    assert.equal(await last, 's.length')
    assert.equal(provider.asked.length, 1)
  })

  it('a request that nobody waits for is given up at its next step', async () => {
    const { ask, provider, records } = bench({ says })
    const release = hold(provider)
    const typing = new AbortController()
    const first = ask('const a = ┃', { signal: typing.signal })
    typing.abort()
    await first
    await new Promise((resolve) => setTimeout(resolve, 2))
    release()
    await provider.gate
    await new Promise((resolve) => setTimeout(resolve, 2))
    assert.equal(provider.asked[0]?.end, 'cancelled')
    assert.match(records[0]?.outcome ?? '', /given up/)
    assert.ok((records[0]?.givenUpMs ?? -1) >= 0)
  })

  it('a request that no longer agrees is aborted, even when the client forgot to', async () => {
    const { ask, provider } = bench({ says })
    const release = hold(provider)
    const first = ask('const a = ┃')
    await Promise.resolve()
    const second = ask('let b = ┃')
    release()
    assert.equal(await first, undefined)
    assert.equal(await second, 'values.length')
    assert.deepEqual(
      provider.asked.map(({ end }) => end),
      ['cancelled', 'stop'],
    )
  })

  it('joined text that goes another way is asked for anew', async () => {
    const { ask, provider } = bench({ says: (prompt) => (prompt.endsWith('x') ? 'yz' : 'values') })
    const release = hold(provider)
    const first = ask('const a = ┃')
    const second = ask('const a = x┃')
    release()
    await first
    assert.equal(await second, 'yz')
    assert.deepEqual(
      provider.asked.map(({ end }) => end),
      ['cancelled', 'stop'],
    )
  })

  it('waits for a pause in typing; a newer key starts the wait again', async () => {
    const { ask, provider } = bench({ says }, { debounceMs: 10 })
    const first = ask('const a = ┃')
    const second = ask('const ab = ┃')
    assert.equal(await first, undefined)
    assert.equal(provider.asked.length, 0)
    assert.equal(await second, 'values.length')
    assert.equal(provider.asked.length, 1)
  })

  for (const [name, document, trigger] of [
    ['asked by hand', 'const a = ┃', 'invoked'],
    ['on a fresh line', 'f()\n┃', 'automatic'],
  ] as const) {
    it(`does not wait ${name}`, async () => {
      const { ask } = bench({ says }, { debounceMs: 60_000 })
      assert.ok(await ask(document, { trigger }))
    })
  }

  it('does not wait after accepting', async () => {
    const { ask, completer } = bench({ says }, { debounceMs: 60_000 })
    completer.accepted('file:///a.ts')
    assert.ok(await ask('const a = ┃'))
  })

  for (const [name, settings] of [
    ['switched off', { enabled: false }],
    ['off for this language', { languages: { '*': true, typescript: false } }],
    ['off for all but some', { languages: { '*': false, python: true } }],
  ] as const) {
    it(`${name}: only asking by hand answers`, async () => {
      const { ask, provider } = bench({ says }, settings)
      assert.equal(await ask('const a = ┃'), undefined)
      assert.equal(provider.asked.length, 0)
      assert.equal(await ask('const a = ┃', { trigger: 'invoked' }), 'values.length')
    })
  }

  it('a failure reaches the caller and the log, and the next request works', async () => {
    const script: Script = { says, fails: new Error('no luck') }
    const { ask, records } = bench(script)
    await assert.rejects(ask('const a = ┃'), /no luck/)
    assert.match(records[0]?.outcome ?? '', /failed: no luck/)
    delete script.fails
    assert.equal(await ask('const a = ┃'), 'values.length')
  })

  it('a piece that breaks the reader does not keep the model busy', async () => {
    const { ask, provider, records } = bench({ says })
    const odd = { toString: () => assert.fail('an odd piece') } as unknown as string
    let left = false
    provider.complete = async function* () {
      try {
        yield await Promise.resolve(odd)
        return await Promise.reject<never>(new Error('was read on'))
      } finally {
        left = true
      }
    }
    await assert.rejects(ask('const a = ┃'), /an odd piece/)
    assert.ok(left)
    assert.match(records[0]?.outcome ?? '', /failed: an odd piece/)
  })

  const reasons: [name: string, document: string, text: string, outcome: string, told: string | undefined][] =
    [
      ['text', 'a = ┃', 'b', 'suggested', undefined],
      [
        'no text',
        'a = ┃',
        '',
        'the model had nothing to add',
        'No suggestion: the model had nothing to add.',
      ],
      [
        'a loop',
        'a = [┃',
        '1, 1, 1, 1, 1, 1, 1, 1, ',
        'dropped by drop-repeat: it repeated itself or the line above',
        'No suggestion: dropped by drop-repeat: it repeated itself or the line above.',
      ],
      [
        'what stands below',
        'a()\n┃\nb()',
        'b()',
        'dropped by trim-suffix-overlap: it follows the cursor already',
        'No suggestion: dropped by trim-suffix-overlap: it follows the cursor already.',
      ],
      [
        'blanks',
        'a = ┃',
        '  ',
        'dropped by drop-blank: there was nothing to be seen in it',
        'No suggestion: dropped by drop-blank: there was nothing to be seen in it.',
      ],
    ]
  for (const [name, document, text, outcome, told] of reasons) {
    it(`says what became of ${name}`, async () => {
      const { ask, records, lines } = bench({ says: () => text })
      const shown = await ask(document)
      assert.equal(records[0]?.outcome, outcome)
      assert.equal(records[0].shown, shown ?? '')
      assert.equal(lines.at(-1), told)
      assert.equal(shown === undefined, told !== undefined)
    })
  }

  it('stops the model where it becomes unsure', async () => {
    const text = 'first.second.third.fourth.fifth.sixth'
    const { ask, records } = bench({ says: () => text, pieceChars: 7, likely: [0.9, 0.9, 0.9, 0.9, 0.001] })
    assert.equal(await ask('a = ┃'), 'first.second.third.fourth')
    assert.equal(records[0]?.text, 'first.second.third.fourth.fifth.six')
    assert.match(records[0]?.outcome ?? '', /^suggested, shortened where it became unsure: 0.066 % likely/)
  })

  it('what is too unsure to be shown comes when asked for by hand', async () => {
    const { ask, provider, records } = bench({ says, likely: [0.12] })
    assert.equal(await ask('const a = ┃'), undefined)
    assert.match(records[0]?.outcome ?? '', /^too unsure: 12 % likely/)
    assert.equal(await ask('const a = ┃'), undefined)
    assert.equal(provider.asked.length, 1)
    assert.equal(await ask('const a = ┃', { trigger: 'invoked' }), 'values.length')
    assert.equal(provider.asked.length, 2)
  })

  it('boldness 1 shows everything, and asks for no probabilities', async () => {
    const { ask, provider } = bench({ says, likely: [0.0001] }, { boldness: 1 })
    assert.equal(await ask('const a = ┃'), 'values.length')
    assert.ok(provider.asked[0] && !('onToken' in provider.asked[0].request))
  })

  it('another boldness makes its own suggestions', async () => {
    const settings = { boldness: 0.5 }
    const { ask, provider } = bench({ says, likely: [0.12] }, settings)
    assert.equal(await ask('const a = ┃'), undefined)
    settings.boldness = 1
    assert.equal(await ask('const a = ┃'), 'values.length')
    assert.equal(provider.asked.length, 2)
  })

  for (const [name, trigger, end] of [
    ['is given up', 'automatic', 'cancelled'],
    ['made by hand is not', 'invoked', 'stop'],
  ] as const) {
    it(`a request that takes too long to read ${name}`, async () => {
      const { ask, provider, records } = bench({ says }, {}, 0, 1)
      const release = hold(provider)
      const answer = ask('const a = ┃', { trigger })
      await new Promise((resolve) => setTimeout(resolve, 10))
      release()
      assert.equal(await answer, end === 'stop' ? 'values.length' : undefined)
      assert.equal(provider.asked[0]?.end, end)
      assert.match(
        records[0]?.outcome ?? '',
        end === 'stop' ? /^suggested$/ : /^given up: the model took too long to read/,
      )
    })
  }

  it('who joined a request that takes too long to read does not ask again', async () => {
    const { ask, provider } = bench({ says }, {}, 0, 1)
    const release = hold(provider)
    const answers = [ask('const a = ┃'), ask('const a = v┃')]
    await new Promise((resolve) => setTimeout(resolve, 10))
    release()
    assert.deepEqual(await Promise.all(answers), [undefined, undefined])
    assert.equal(provider.asked.length, 1)
  })

  it('stops the model where the block ends', async () => {
    const { ask, records } = bench({ says: () => `\n  run()\n}\nother()\n${'more()\n'.repeat(50)}` })
    assert.equal(await ask('if (ok) {┃'), '\n  run()\n}')
    assert.ok((records[0]?.text.length ?? 0) < 30, records[0]?.text)
  })
})
