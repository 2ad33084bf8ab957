// Rows for the extension's pure parts: gates, restarts, what is explained, what the status bar says, wire errors.
import assert from 'node:assert/strict'
import { ErrorCodes, ResponseError } from 'vscode-languageserver-protocol'
import type { EngineStatus } from '../../engine/protocol/messages'
import { describeError } from '../../engine/protocol/errors'
import { parseSettings } from '../../engine/protocol/settings'
import { chatHtml } from '../../extension/chat-html'
import { history, toStored, type Turn } from '../../extension/conversation'
import { documentSelector } from '../../extension/documents'
import { namesNear } from '../../extension/names-near'
import { explainTarget, explainTitle, type SymbolNode } from '../../extension/explain-target'
import { RestartPolicy } from '../../extension/restart-policy'
import { completionAllowed, toggleLanguage } from '../../extension/settings'
import { drawStatus, sizeText } from '../../extension/status-text'
import { fromWire } from '../../extension/wire-error'

describe('ghost text gates', () => {
  const rows: [completion: unknown, language: string, expected: boolean][] = [
    [undefined, 'python', true],
    [{ enabled: false }, 'python', false],
    [{ languages: { '*': true, python: false } }, 'python', false],
    [{ languages: { '*': true, python: false } }, 'rust', true],
    [{ languages: { '*': false, rust: true } }, 'rust', true],
    [{ languages: { '*': false, rust: true } }, 'python', false],
    [{ languages: {} }, 'python', true],
    [{ enabled: 'yes', languages: 7 }, 'python', true],
  ]
  for (const [completion, language, expected] of rows)
    it(`${JSON.stringify(completion)} ${language}`, () =>
      assert.equal(completionAllowed(parseSettings({ completion }), language), expected))

  const toggles: [before: Record<string, boolean>, after: Record<string, boolean>][] = [
    [{ '*': true }, { '*': true, go: false }],
    [{ '*': true, go: false }, { '*': true }],
    [{ '*': false }, { '*': false, go: true }],
    [{ '*': false, go: true }, { '*': false }],
    [
      { '*': true, go: true, c: false },
      { '*': true, go: false, c: false },
    ],
  ]
  for (const [before, after] of toggles)
    it(`switching go: ${JSON.stringify(before)}`, () => assert.deepEqual(toggleLanguage(before, 'go'), after))
})

describe('names to look up', () => {
  const rows: [name: string, lines: string[], names: string[]][] = [
    [
      'the nearest first',
      ['const speed = 3', 'start(engine, '],
      ['engine@7:6', 'start@7:0', 'speed@6:6', 'const@6:0'],
    ],
    ['each once, where it is nearest', ['open(box)', 'box.open('], ['open@7:4', 'box@7:0']],
    ['short ones are of loops', ['for (const i of it) {'], ['const@6:5', 'for@6:0']],
    [
      'no more than eight',
      ['aa1 aa2 aa3 aa4 aa5 aa6 aa7 aa8 aa9'],
      ['aa9@6:32', 'aa8@6:28', 'aa7@6:24', 'aa6@6:20', 'aa5@6:16', 'aa4@6:12', 'aa3@6:8', 'aa2@6:4'],
    ],
    ['names of any script', ['größe + 名前名'], ['名前名@6:8', 'größe@6:0']],
  ]
  for (const [name, lines, names] of rows)
    it(name, () =>
      assert.deepEqual(
        namesNear(lines, 6).map((one) => `${one.name}@${one.line}:${one.character}`),
        names,
      ),
    )
})

describe('documents that get ghost text', () => {
  const rows: [uri: string, expected: boolean][] = [
    ['file:///home/me/a.py', true],
    ['untitled:Untitled-1', true],
    ['vscode-notebook-cell:/home/me/a.ipynb#W0sZmlsZQ', true],
    ['vscode-remote://ssh-remote+box/home/me/a.py', true],
    ['vscode-remote://wsl+ubuntu/home/me/a.py', true],
    ['vscode-vfs://github/me/project/a.py', true],
    ['git:/home/me/a.py?HEAD', false],
    ['output:extension-output-hearth', false],
    ['vscode-userdata:/settings.json', false],
  ]
  for (const [uri, expected] of rows)
    it(uri, () =>
      assert.equal(
        documentSelector.some(({ scheme }) => uri.startsWith(`${scheme}:`)),
        expected,
      ),
    )
})

describe('restarts', () => {
  it('four within three minutes, then the user is asked', () => {
    const policy = new RestartPolicy()
    const waits = [0, 1, 2, 3, 4].map((second) => policy.next(second * 1000))
    assert.ok(waits.slice(0, 4).every((wait, i) => wait !== undefined && wait > (waits[i - 1] ?? 0)))
    assert.equal(waits[4], undefined)
  })
  it('one crash a minute is survived for ever', () => {
    const policy = new RestartPolicy()
    for (let minute = 0; minute < 60; minute++) assert.notEqual(policy.next(minute * 60_000), undefined)
  })
  it('a restart by hand starts the count anew', () => {
    const policy = new RestartPolicy()
    for (let i = 0; i < 5; i++) policy.next(i)
    policy.reset()
    assert.equal(policy.next(6), 250)
  })
})

describe('what is explained', () => {
  // ┃ is the cursor, two of them a selection; each row names the expected lines, 1-based, and the symbol.
  const code = [
    'import os', //              1
    '', //                       2
    'class Tree:', //            3
    '    def grow(self):', //    4
    '        self.size += 1', // 5
    '', //                       6
    '    def fall(self):', //    7
    '        pass', //           8
    '', //                       9
    'x = 1', //                 10
    'y = 2', //                 11
  ]
  const [classKind, functionKind, variableKind] = [4, 11, 12]
  const symbols: SymbolNode[] = [
    symbol('Tree', 3, 8, [symbol('grow', 4, 5, [], functionKind), symbol('fall', 7, 8, [])], classKind),
  ]
  const local = [symbol('size', 5, 5, [], variableKind)]
  const locals = [symbol('Tree', 3, 8, [symbol('grow', 4, 5, local, functionKind)], classKind)]
  const table = [symbol('table', 3, 8, [symbol('size', 5, 5, [], variableKind)], variableKind)]
  const long = [...code, ...Array.from({ length: 60 }, () => '# filler')]
  const rows: [
    name: string,
    lines: string[],
    tree: SymbolNode[],
    from: number,
    to: number,
    expected: string,
  ][] = [
    ['a selection as it is', code, symbols, 4, 8, '4-8'],
    ['a selection without the blank lines around it', code, symbols, 6, 9, '7-8'],
    ['a selection of nothing but blank lines: what is there', ['', '', 'x = 1'], [], 1, 2, '1-3'],
    ['the innermost symbol', code, symbols, 5, 5, 'grow 4-5'],
    ['a local variable: its function', code, locals, 5, 5, 'grow 4-5'],
    ['an entry of a table: the table', code, table, 5, 5, 'table 3-8'],
    ['a constant of one line by itself', code, [symbol('x', 10, 10, [], variableKind)], 10, 10, 'x 10-10'],
    ['between methods: the class', code, symbols, 6, 6, 'Tree 3-8'],
    ['no symbols, small file: all of it', code, [], 5, 5, '1-11'],
    ['outside symbols, long file: the paragraph', long, symbols, 10, 10, '10-71'],
    ['no symbols, long file, in a paragraph', long, [], 4, 4, '3-5'],
    ['no symbols, long file, on a blank line: below', long, [], 2, 2, '3-5'],
    ['blank lines at the end: above', [...long, '', ''], [], 73, 73, '10-71'],
    ['an empty file', ['', '  '], [], 1, 1, 'nothing'],
  ]
  for (const [name, lines, tree, from, to, expected] of rows) {
    it(name, () => {
      const end = from === to ? 0 : (lines[to - 1]?.length ?? 0)
      const selection = { start: { line: from - 1, character: 0 }, end: { line: to - 1, character: end } }
      const target = explainTarget(lines, selection, tree)
      const found =
        target === undefined
          ? 'nothing'
          : `${target.name ?? ''} ${target.range.start.line + 1}-${target.range.end.line + 1}`.trim()
      assert.equal(found, expected)
    })
  }

  it('the title names symbol, file and lines, and carries the code', () => {
    const range = { start: { line: 3, character: 0 }, end: { line: 4, character: 9 } }
    assert.equal(
      explainTitle({ name: 'grow', range }, 'src/tree.py', 'python', 'def grow(self):\n    pass\n'),
      'Explain `grow` (src/tree.py:4-5)\n\n```python\ndef grow(self):\n    pass\n```',
    )
    assert.equal(
      explainTitle({ name: undefined, range }, 'a.md', 'markdown', '````\nx\n````'),
      'Explain `a.md:4-5`\n\n`````markdown\n````\nx\n````\n`````',
    )
  })
})

describe('conversation', () => {
  it('history alternates, whatever failed in between', () => {
    const turns = [
      turn('u', 'one'),
      turn('a', 'eins'),
      turn('u', 'two'),
      turn('a', '', 'error'),
      turn('u', 'three'),
      turn('a', ''),
      turn('u', 'four'),
    ]
    assert.deepEqual(
      history(turns, turns.length).map(({ role, content }) => `${role} ${content}`),
      ['user one', 'assistant eins', 'user four'],
    )
  })
  it('the store keeps the newest turns and begins with a question', () => {
    const turns = Array.from({ length: 301 }, (_, i) => turn(i % 2 === 0 ? 'u' : 'a', String(i)))
    const stored = toStored(turns)
    assert.equal(stored[0]?.role, 'user')
    assert.equal(stored.at(-1)?.text, '300')
    assert.ok(stored.length <= 200 && stored.length > 190)
  })
  it('the store is bounded in characters too', () => {
    const turns = Array.from({ length: 20 }, (_, i) => turn(i % 2 === 0 ? 'u' : 'a', `${i}`.repeat(70_000)))
    const stored = toStored([...turns, turn('u', 'short'), turn('a', 'answer')])
    const characters = stored.reduce((sum, { text }) => sum + text.length, 0)
    assert.ok(characters > 700_000 && characters <= 1_000_000, `${characters}`)
    assert.deepEqual([stored[0]?.role, stored.at(-1)?.text], ['user', 'answer'])
  })
  it('one huge turn is stored cut short and pushes nothing out', () => {
    const code = 'z'.repeat(1_500_000)
    const huge: Turn = {
      ...turn('u', 'x'.repeat(1_200_000)),
      explain: { code, languageId: 'c', path: 'a.c' },
    }
    const stored = toStored([turn('u', 'short'), turn('a', 'answer'), huge, turn('a', 'y'.repeat(1_100_000))])
    assert.deepEqual(
      stored.map(({ text, explain }) => [text.slice(0, 6), text.length, explain?.code.length]),
      [
        ['short', 5, undefined],
        ['answer', 6, undefined],
        ['xxxxxx', 200_006, 200_006],
        ['yyyyyy', 200_006, undefined],
      ],
    )
  })
})

describe('status bar', () => {
  const status: EngineStatus = {
    state: 'ready',
    model: '/models/tiny.gguf',
    device: 'cpu',
    deviceReason: '',
    tokensPerSecond: 0,
    message: '',
  }
  const rows: [change: Partial<EngineStatus>, completions: boolean, text: string, isError: boolean][] = [
    [{}, true, '$(flame) Hearth', false],
    [{}, false, '$(circle-slash) Hearth', false],
    [{ tokensPerSecond: 31.44 }, true, '$(flame) Hearth 31 tok/s', false],
    [{ tokensPerSecond: 3.14 }, true, '$(flame) Hearth 3.1 tok/s', false],
    [{ state: 'busy', tokensPerSecond: 31.44 }, true, '$(flame) Hearth 31 tok/s', false],
    [{ state: 'starting', progress: 0.5 }, true, '$(loading~spin) Hearth', false],
    [{ state: 'downloading', progress: 0.123 }, true, '$(cloud-download) Hearth 12%', false],
    [{ state: 'loading' }, false, '$(loading~spin) Hearth', false],
    [{ state: 'error', message: 'no-gpu' }, true, '$(error) Hearth', true],
  ]
  for (const [change, completions, text, isError] of rows) {
    it(`${JSON.stringify(change)} ${completions ? 'on' : 'off'}`, () => {
      const picture = drawStatus({ ...status, ...change }, completions)
      assert.deepEqual([picture.text, picture.isError], [text, isError])
    })
  }
  it('the tooltip names model, device and reason, and renders nothing hostile', () => {
    const { tooltip } = drawStatus(
      { ...status, device: 'GPU [x](command:evil) $(bug) | <b>', deviceReason: 'auto', message: 'a\n# b' },
      true,
    )
    assert.match(tooltip, /\| Model \| tiny\.gguf \|/)
    assert.ok(tooltip.includes('GPU \\[x\\]\\(command:evil\\) \\$\\(bug\\) \\| \\<b\\>'), tooltip)
    assert.ok(tooltip.includes('a \\# b'))
  })
  const ghostText: [device: string, completions: boolean, words: string][] = [
    ['cpu', true, 'on'],
    ['', true, 'copies from open files, until a model is ready'],
    ['', false, 'off for this document'],
  ]
  for (const [device, completions, words] of ghostText)
    it(`the tooltip says of ghost text: ${words}`, () => {
      const { tooltip } = drawStatus({ ...status, device }, completions)
      assert.ok(tooltip.includes(`| Ghost text | ${words} |`), tooltip)
    })
  it('sizes are in powers of ten', () => {
    assert.deepEqual([98_362_432, 4_700_000_000, 10].map(sizeText), ['98 MB', '4.7 GB', '1 MB'])
  })
})

describe('errors of the wire', () => {
  const data = { code: 'no-gpu', message: 'No adapter.', hint: 'Set the device to cpu.' }
  const rows: [name: string, error: unknown, expected: string][] = [
    ['with a next step', new ResponseError(-32000, 'x', data), 'no-gpu: No adapter. Set the device to cpu.'],
    [
      'connection lost',
      new ResponseError(ErrorCodes.PendingResponseRejected, 'x'),
      'internal: The engine stopped while it was answering. It starts again by itself; then try again.',
    ],
    ['another server error', new ResponseError(-32603, 'boom'), 'internal: boom'],
    ['not an error', 'boom', 'internal: boom'],
  ]
  for (const [name, error, expected] of rows) {
    it(name, () => {
      const parsed = fromWire(error)
      assert.equal(`${parsed.code}: ${describeError(parsed)}`, expected)
    })
  }
})

it('the page allows its own script and stylesheet and nothing else', () => {
  const html = chatHtml({
    nonce: 'N',
    styleNonce: 'S',
    cspSource: 'https://v',
    scriptUri: 'https://v/s.js',
    styleUri: 'https://v/s.css',
  })
  const policy = /content="(default-src[^"]*)"/.exec(html)?.[1]
  assert.equal(
    policy,
    "default-src 'none'; script-src 'nonce-N'; style-src https://v 'nonce-S'; img-src https://v; font-src https://v",
  )
})

function symbol(name: string, first: number, last: number, children: SymbolNode[], kind = 5): SymbolNode {
  return {
    name,
    kind,
    range: { start: { line: first - 1, character: 0 }, end: { line: last - 1, character: 99 } },
    children,
  }
}

function turn(role: 'u' | 'a', text: string, state: Turn['state'] = 'done'): Turn {
  return { id: text, role: role === 'u' ? 'user' : 'assistant', text, state }
}
