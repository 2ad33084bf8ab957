// The view's pure parts: the reducer, what follows from the state, and Markdown by blocks.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { EngineStatus } from '../../engine/protocol/messages'
import type { ToView, ViewMessage } from '../../engine/protocol/webview'
import { blockHtml, growBlocks, splitBlocks, type Block } from '../../webview/blocks'
import {
  banner,
  emptyState,
  engineLine,
  footnote,
  isStreaming,
  reduce,
  type ViewState,
} from '../../webview/state'

const usage = { promptTokens: 1, reusedTokens: 0, completionTokens: 30, prefillMs: 1, decodeMs: 1500 }
const status: EngineStatus = {
  state: 'ready',
  model: '/m/tiny.gguf',
  device: 'cpu',
  deviceReason: '',
  tokensPerSecond: 0,
  message: '',
}

describe('view state', () => {
  const question: ViewMessage = { id: 'q', role: 'user', text: 'Why?', state: 'done' }
  const answer: ViewMessage = { id: 'a', role: 'assistant', text: '', state: 'streaming' }
  const play = (...messages: ToView[]): ViewState => messages.reduce(reduce, emptyState)

  it('a whole exchange', () => {
    const state = play(
      { type: 'conversation', messages: [] },
      { type: 'add', message: question },
      { type: 'add', message: answer },
      { type: 'delta', id: 'a', text: 'Be' },
      { type: 'delta', id: 'a', text: 'cause' },
      { type: 'done', id: 'a', finishReason: 'stop', usage, droppedMessages: 2 },
    )
    const done = {
      ...answer,
      text: 'Because',
      state: 'done',
      finishReason: 'stop',
      usage,
      droppedMessages: 2,
    }
    assert.deepEqual(state.messages, [question, done])
  })
  it('messages that did not change keep their identity', () => {
    const before = play({ type: 'add', message: question }, { type: 'add', message: answer })
    const after = reduce(before, { type: 'delta', id: 'a', text: 'x' })
    assert.equal(after.messages[0], before.messages[0])
    assert.notEqual(after.messages[1], before.messages[1])
  })
  it('words for an answer that is gone change nothing', () => {
    const before = play({ type: 'add', message: question })
    assert.deepEqual(reduce(before, { type: 'delta', id: 'gone', text: 'x' }), before)
  })
  it('a failed answer no longer streams and keeps its text', () => {
    const state = play(
      { type: 'add', message: answer },
      { type: 'delta', id: 'a', text: 'x' },
      { type: 'error', id: 'a', error: 'E' },
    )
    assert.deepEqual(
      [isStreaming(state), state.messages[0]?.text, state.messages[0]?.error],
      [false, 'x', 'E'],
    )
  })

  const notes: [change: Partial<ViewMessage>, expected: string][] = [
    [{}, ''],
    [{ finishReason: 'stop' }, ''],
    [{ finishReason: 'stop', usage }, '30 tokens, 20.0 per second.'],
    [{ finishReason: 'stop', usage: { ...usage, decodeMs: 0 } }, ''],
    [{ finishReason: 'cancelled', usage: { ...usage, completionTokens: 0 } }, 'Stopped.'],
    [{ finishReason: 'length' }, 'Ended at the token limit (setting "hearth.chat.maxTokens").'],
    [
      { finishReason: 'context-full', droppedMessages: 0 },
      'Ended because the conversation is full. Clear it to go on.',
    ],
    [{ droppedMessages: 1 }, '1 earlier message did not fit and was left out.'],
    [{ droppedMessages: 4 }, '4 earlier messages did not fit and were left out.'],
  ]
  for (const [change, expected] of notes)
    it(`footnote ${JSON.stringify(change)}`, () =>
      assert.equal(footnote({ ...answer, state: 'done', ...change }), expected))

  it('banner and engine line', () => {
    const withStatus = (change: Partial<EngineStatus>): ViewState => ({
      messages: [],
      status: { ...status, ...change },
    })
    assert.equal(banner(emptyState), undefined)
    assert.equal(banner(withStatus({ state: 'busy' })), undefined)
    assert.deepEqual(banner(withStatus({ state: 'loading', progress: 0.5 })), {
      kind: 'progress',
      text: 'The engine is loading.',
      progress: 0.5,
    })
    assert.equal(banner(withStatus({ state: 'error', message: 'E' }))?.kind, 'error')
    assert.equal(engineLine(withStatus({})), 'tiny.gguf · cpu')
    assert.equal(engineLine(withStatus({ model: 'C:\\m\\big.gguf', device: '' })), 'big.gguf')
  })
})

describe('Markdown blocks', () => {
  const kinds: [name: string, text: string, expected: string[]][] = [
    ['paragraphs', 'a\nb\n\nc', ['a\nb', 'c']],
    ['a fence with its language', 'a\n```ts {1}\nx\n\ny\n```\nb', ['a', 'ts|```ts {1}\nx\n\ny\n```', 'b']],
    ['a fence that is still open', '```py\nx\n', ['py|```py\nx']],
    ['indented code', '    x\n\n    y', ['|    x\n\n    y']],
    ['a list is one block', '- a\n- b\n\n  c', ['- a\n- b\n\n  c']],
    ['reference definitions are text', '[a]\n\n[a]: https://x.test', ['[a]', '[a]: https://x.test']],
    ['raw HTML is text', '<div>\n\nb', ['<div>', 'b']],
    ['nothing', '', []],
  ]
  for (const [name, text, expected] of kinds)
    it(name, () => assert.deepEqual(splitBlocks(text).map(describeBlock), expected))

  it('growing by pieces ends where splitting at once does', () => {
    const line = fc.constantFrom(
      ...[
        'text',
        '',
        '',
        '- item',
        '  more',
        '1. one',
        '```py',
        '```',
        '    code',
        '> quote',
        '# head',
        '===',
        '---',
        '| a | b |',
        '|---|---|',
        '[x]: https://x.test',
        '***',
      ],
    )
    const text = fc.array(line, { maxLength: 25 }).map((lines) => lines.join('\n'))
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 9 }), (whole, size) => {
        let grown: Block[] = []
        for (let end = 0; end < whole.length; end += size) grown = growBlocks(grown, whole.slice(0, end))
        grown = growBlocks(grown, whole)
        assert.deepEqual(grown.map(blockHtml), splitBlocks(whole).map(blockHtml))
      }),
      { numRuns: 300, examples: [['1. one\n\n1. one', 1]] },
    )
  })

  const safe: [name: string, text: string, expected: string][] = [
    ['script', '<script>alert(1)</script>', '<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>'],
    ['script link', '[a](javascript:alert(1))', '<p>[a](javascript:alert(1))</p>'],
    ['data link', '[a](data:text/html,x)', '<p>[a](data:text/html,x)</p>'],
    ['command link', '[a](command:x)', '<p>[a](command:x)</p>'],
    ['relative link', '[a](/etc/passwd)', '<p>[a](/etc/passwd)</p>'],
    ['picture', '![a<b>](https://x.test/i.png)', '<p><span class="picture">[picture: a&lt;b&gt;]</span></p>'],
    ['web link', '[a](https://x.test)', '<p><a href="https://x.test">a</a></p>'],
    ['fence info', '```"><img src=x>\nx\n```', '<pre><code class="hljs">x\n</code></pre>'],
    [
      'colored code',
      '```json\n"<b>"\n```',
      '<pre><code class="hljs"><span class="hljs-string">&quot;&lt;b&gt;&quot;</span>\n</code></pre>',
    ],
  ]
  for (const [name, text, expected] of safe)
    it(`HTML of ${name}`, () =>
      assert.equal(
        splitBlocks(text)
          .map((block) => blockHtml(block).trim())
          .join(''),
        expected,
      ))
})

function describeBlock({ source, language }: Block): string {
  return language === undefined ? source : `${language}|${source}`
}
