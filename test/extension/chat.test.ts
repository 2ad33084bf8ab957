// The conversation against a real JSON-RPC peer over streams: an engine that answers, fails, dawdles, dies.
import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import {
  createMessageConnection,
  ResponseError,
  StreamMessageReader,
  StreamMessageWriter,
  type CancellationToken,
  type MessageConnection,
} from 'vscode-languageserver-protocol/node'
import { createLog } from '../../engine/base/log'
import type { ChatMessage } from '../../engine/protocol/chat'
import {
  ChatRequest,
  ExplainRequest,
  ResetChatNotification,
  type EngineStatus,
} from '../../engine/protocol/messages'
import type { ToView } from '../../engine/protocol/webview'
import { ChatController } from '../../extension/chat-controller'
import { createChatEngine } from '../../extension/chat-engine'
import { parseStored, type Turn } from '../../extension/conversation'

const usage = { promptTokens: 9, reusedTokens: 4, completionTokens: 2, prefillMs: 3, decodeMs: 5 }
const status: EngineStatus = {
  state: 'ready',
  model: 'm',
  device: 'cpu',
  deviceReason: '',
  tokensPerSecond: 0,
  message: '',
}

type Answer = (
  say: (text: string) => Promise<void>,
  token: CancellationToken,
  peer: MessageConnection,
) => Promise<ChatRequest.Result>

const answers = {
  hello: async (say) => {
    for (const text of ['Hel', 'lo', ' **you**']) await say(text)
    return result('Hello **you**')
  },
  'all at once': () => Promise.resolve(result('Everything')),
  'until stopped': async (say, token) => {
    await say('partial')
    await new Promise<void>((resolve) => token.onCancellationRequested(() => resolve()))
    return result('partial', 'cancelled')
  },
  'stopped as an error': async (say, token) => {
    await say('partial')
    await new Promise<void>((resolve) => token.onCancellationRequested(() => resolve()))
    throw new ResponseError(-32800, 'Request cancelled')
  },
  deaf: async (say) => {
    await say('partial')
    return new Promise<ChatRequest.Result>(() => undefined)
  },
  'out of memory': async (say) => {
    await say('be')
    throw new ResponseError(-32000, 'x', {
      code: 'out-of-memory',
      message: 'Needs 5.1 GB.',
      hint: 'Choose a Q4 file.',
    })
  },
  dies: async (say, _token, peer) => {
    await say('half an an')
    // The streams hand over what was written in a later turn of the event loop.
    await sleep(20)
    peer.dispose()
    return new Promise<ChatRequest.Result>(() => undefined)
  },
} satisfies Record<string, Answer>

describe('chat', () => {
  it('streams an answer: turns, deltas, done', async () => {
    const chat = start('hello')
    chat.send({ type: 'send', text: '  Hi  ' })
    await chat.idle()
    assert.deepEqual(chat.shown(), [
      'add user "Hi"',
      'add assistant ""',
      'delta "Hello **you**"',
      'done stop',
    ])
    assert.deepEqual(chat.asked, [[{ role: 'user', content: 'Hi' }]])
    assert.deepEqual(chat.turns(), ['user done "Hi"', 'assistant done "Hello **you**"'])
  })

  it('hands over a question of any length: too long is for the engine to say', async () => {
    const chat = start('hello')
    const text = 'x'.repeat(204_800)
    chat.send({ type: 'send', text })
    await chat.idle()
    assert.deepEqual(chat.asked, [[{ role: 'user', content: text }]])
    assert.deepEqual(chat.logged, [])
  })

  it('sends the conversation so far, without failed answers', async () => {
    const chat = start('hello')
    for (const [text, answer] of [
      ['one', 'hello'],
      ['two', 'out of memory'],
      ['three', 'all at once'],
    ] as const) {
      chat.answerWith(answer)
      chat.send({ type: 'send', text })
      await chat.idle()
    }
    assert.deepEqual(chat.asked[2], [
      { role: 'user', content: 'one' },
      { role: 'assistant', content: 'Hello **you**' },
      { role: 'user', content: 'three' },
    ])
  })

  it('batches: many tokens, few messages, nothing lost', async () => {
    const words = Array.from({ length: 200 }, (_, i) => `w${i} `)
    const chat = start('hello', async (say) => {
      for (const [i, word] of words.entries()) {
        await say(word)
        if (i % 50 === 49) await sleep(60)
      }
      return result(words.join(''))
    })
    chat.send({ type: 'send', text: 'Count' })
    await chat.idle()
    const deltas = chat.posted.filter((message) => message.type === 'delta')
    assert.equal(deltas.map(({ text }) => text).join(''), words.join(''))
    assert.ok(deltas.length >= 3 && deltas.length <= 12, `${deltas.length} messages`)
  })

  const stops = [
    ['until stopped', 'assistant done "partial"'],
    ['stopped as an error', 'assistant done "partial"'],
    ['deaf', 'assistant done "partial"'],
  ] as const
  for (const [answer, kept] of stops) {
    it(`stop keeps the partial answer: engine ${answer}`, async () => {
      const chat = start(answer)
      chat.send({ type: 'send', text: 'Go' })
      await chat.until((message) => message.type === 'delta')
      chat.send({ type: 'send', text: 'dropped while streaming' })
      chat.send({ type: 'stop' })
      await chat.idle()
      assert.deepEqual(chat.turns(), ['user done "Go"', kept])
      assert.equal(chat.shown().at(-1), 'done cancelled')
      assert.ok(chat.cancelled() || answer === 'deaf')
    })
  }

  const failures = [
    ['out of memory', 'error "Needs 5.1 GB. Choose a Q4 file."', 'assistant error "be"'],
    [
      'dies',
      'error "The engine stopped while it was answering. It starts again by itself; then try again."',
      'assistant error "half an an"',
    ],
  ] as const
  for (const [answer, shown, turn] of failures) {
    it(`a failure is shown in the turn, and retry asks again: ${answer}`, async () => {
      const chat = start(answer)
      chat.send({ type: 'send', text: 'Go' })
      await chat.idle()
      assert.equal(chat.shown().at(-1), shown)
      assert.deepEqual(chat.turns(), ['user done "Go"', turn])

      chat.answerWith('hello')
      const failed = chat.controller.turns[1]?.id ?? ''
      chat.send({ type: 'retry', id: failed })
      await chat.idle()
      assert.deepEqual(chat.turns(), ['user done "Go"', 'assistant done "Hello **you**"'])
      assert.deepEqual(chat.asked.at(-1), [{ role: 'user', content: 'Go' }])
    })
  }

  it('retry of an answer in the middle drops what followed', async () => {
    const chat = start('hello')
    for (const text of ['one', 'two']) {
      chat.send({ type: 'send', text })
      await chat.idle()
    }
    chat.send({ type: 'retry', id: chat.controller.turns[1]?.id ?? '' })
    await chat.idle()
    assert.deepEqual(chat.turns(), ['user done "one"', 'assistant done "Hello **you**"'])
  })

  it('explains: its own request, the code goes unformatted, a follow-up sees the shown text', async () => {
    const chat = start('hello')
    await chat.controller.explain('Explain `f` (a.ts:1-2)', {
      code: 'f()',
      languageId: 'typescript',
      path: 'a.ts',
    })
    await chat.idle()
    assert.deepEqual(chat.explained, [{ code: 'f()', languageId: 'typescript', path: 'a.ts' }])
    chat.send({ type: 'send', text: 'Shorter' })
    await chat.idle()
    assert.deepEqual(chat.asked, [
      [
        { role: 'user', content: 'Explain `f` (a.ts:1-2)' },
        { role: 'assistant', content: 'Hello **you**' },
        { role: 'user', content: 'Shorter' },
      ],
    ])
    assert.ok(!JSON.stringify(chat.posted).includes('"explain"'), 'the view gets the shown text alone')
  })

  it('explain stops an answer in progress first', async () => {
    const chat = start('until stopped')
    chat.send({ type: 'send', text: 'Go' })
    await chat.until((message) => message.type === 'delta')
    chat.answerWith('hello')
    await chat.controller.explain('Explain', { code: 'x', languageId: 'c', path: 'x.c' })
    await chat.idle()
    assert.deepEqual(chat.turns(), [
      'user done "Go"',
      'assistant done "partial"',
      'user done "Explain"',
      'assistant done "Hello **you**"',
    ])
  })

  it('two explanations at once: the later one stops the earlier, and no words are mixed', async () => {
    const chat = start('hello', async (say, token) => {
      const name = chat.explained.length === 1 ? 'a' : 'b'
      for (let i = 0; i < 5 && !token.isCancellationRequested; i++) {
        await say(name)
        await sleep(15)
      }
      return result(name.repeat(5), token.isCancellationRequested ? 'cancelled' : 'stop')
    })
    const explain = (path: string) => chat.controller.explain(path, { code: path, languageId: 'c', path })
    await Promise.all([explain('a.c'), explain('b.c')])
    await chat.idle()
    const [, first, , second] = chat.controller.turns
    assert.deepEqual(
      [first?.finishReason, second?.finishReason, second?.text],
      ['cancelled', 'stop', 'bbbbb'],
    )
    assert.match(first?.text ?? '', /^a*$/)
    for (const turn of [first, second]) {
      const deltas = chat.posted.filter((message) => message.type === 'delta' && message.id === turn?.id)
      assert.equal(deltas.map((message) => ('text' in message ? message.text : '')).join(''), turn?.text)
    }
  })

  it('an explanation asked for while the conversation is cleared comes after it', async () => {
    const chat = start('until stopped')
    chat.send({ type: 'send', text: 'Go' })
    await chat.until((message) => message.type === 'delta')
    chat.answerWith('hello')
    const cleared = chat.controller.clear()
    await chat.controller.explain('Explain', { code: 'x', languageId: 'c', path: 'x.c' })
    await cleared
    await chat.idle()
    assert.deepEqual(chat.turns(), ['user done "Explain"', 'assistant done "Hello **you**"'])
  })

  it('clear stops, empties, and tells the engine', async () => {
    const chat = start('until stopped')
    chat.send({ type: 'send', text: 'Go' })
    await chat.until((message) => message.type === 'delta')
    chat.send({ type: 'clear' })
    await chat.until((message) => message.type === 'conversation')
    await sleep(20)
    assert.deepEqual(chat.turns(), [])
    assert.deepEqual(chat.stored(), [])
    assert.equal(chat.resets(), 1)
  })

  it('a view that comes back in mid-answer gets all text exactly once', async () => {
    let goOn = (): void => undefined
    const pause = new Promise<void>((resolve) => (goOn = resolve))
    const chat = start('hello', async (say) => {
      await say('before ')
      await pause
      await say('after')
      return result('before after')
    })
    chat.send({ type: 'send', text: 'Go' })
    await waitFor(() => chat.controller.turns[1]?.text === 'before ')
    chat.posted.length = 0
    chat.send({ type: 'ready' })
    goOn()
    await chat.idle()
    let text = ''
    for (const message of chat.posted) {
      if (message.type === 'conversation') text = message.messages[1]?.text ?? ''
      if (message.type === 'delta') text += message.text
    }
    assert.equal(text, 'before after')
    assert.deepEqual(chat.posted[1], { type: 'status', status })
  })

  it('survives a reload; a half answer comes back as stopped', async () => {
    const first = start('until stopped')
    first.send({ type: 'send', text: 'Go' })
    await first.until((message) => message.type === 'delta')
    const second = start('hello', undefined, first.stored())
    assert.deepEqual(second.turns(), ['user done "Go"', 'assistant done ""'])
    assert.equal(second.controller.turns[1]?.finishReason, 'cancelled')
    first.send({ type: 'stop' })
    await first.idle()
    assert.deepEqual(start('hello', undefined, first.stored()).turns(), [
      'user done "Go"',
      'assistant done "partial"',
    ])
  })

  const damaged: [name: string, stored: unknown][] = [
    ['nothing', undefined],
    ['text', 'x'],
    ['foreign rows', [{ id: 1 }]],
    ['a role that does not exist', [{ id: 'a', role: 'root', text: '', state: 'done' }]],
  ]
  for (const [name, stored] of damaged)
    it(`damaged store is an empty conversation: ${name}`, () => assert.deepEqual(parseStored(stored), []))

  const rejected: [name: string, message: unknown][] = [
    ['not an object', 'send'],
    ['unknown type', { type: 'eval', text: '1' }],
    ['unknown command', { type: 'run', command: 'workbench.action.terminal.new' }],
    ['wrong type', { type: 'send', text: 1 }],
    ['an id too long', { type: 'retry', id: 'x'.repeat(65) }],
    ['script link', { type: 'open-link', href: 'javascript:alert(1)' }],
    ['command link', { type: 'open-link', href: 'command:workbench.action.terminal.new' }],
    ['file link', { type: 'open-link', href: 'file:///etc/passwd' }],
    ['no link at all', { type: 'open-link', href: '//' }],
  ]
  for (const [name, message] of rejected) {
    it(`drops and logs what the view may not say: ${name}`, () => {
      const chat = start('hello')
      chat.send(message)
      assert.deepEqual(chat.posted, [])
      assert.deepEqual(chat.did, [])
      assert.equal(chat.logged.length, 1)
    })
  }

  it('hands copy, insert, links and commands to the editor', () => {
    const chat = start('hello')
    chat.send({ type: 'copy', text: 'c' })
    chat.send({ type: 'insert', text: 'i' })
    chat.send({ type: 'open-link', href: 'https://example.com/' })
    chat.send({ type: 'run', command: 'show-log' })
    assert.deepEqual(chat.did, ['copy c', 'insert i', 'open https://example.com/', 'run show-log'])
  })

  it('an editor that refuses is logged, not fatal', async () => {
    const chat = start('hello')
    chat.send({ type: 'insert', text: 'refuse' })
    await sleep(5)
    assert.match(chat.logged[0] ?? '', /refused/)
  })

  it('an engine that cannot be reached is an error in the turn', async () => {
    const chat = start('hello')
    chat.unreachable()
    chat.send({ type: 'send', text: 'Go' })
    await chat.idle()
    assert.match(chat.shown().at(-1) ?? '', /^error "nobody home/)
  })
})

// A conversation connected to a peer; a peer that died is replaced at the next request, as the extension does it.
function start(answer: keyof typeof answers, custom?: Answer, stored?: unknown) {
  const posted: ToView[] = []
  const did: string[] = []
  const logged: string[] = []
  const asked: ChatMessage[][] = []
  const explained: unknown[] = []
  let store: unknown = stored
  let current: Answer = custom ?? answers[answer]
  let cancelled = false
  let resets = 0
  let reachable = true
  let live: { client: MessageConnection; isDead: boolean } | undefined

  const dial = (): { client: MessageConnection; isDead: boolean } => {
    const [up, down] = [new PassThrough(), new PassThrough()]
    const peer = createMessageConnection(new StreamMessageReader(up), new StreamMessageWriter(down))
    const client = createMessageConnection(new StreamMessageReader(down), new StreamMessageWriter(up))
    const line = { client, isDead: false }
    const reply = (params: ExplainRequest.Params | ChatRequest.Params, token: CancellationToken) => {
      token.onCancellationRequested(() => (cancelled = true))
      const say = (text: string) =>
        peer.sendProgress(ChatRequest.delta, params.partialResultToken ?? '', { text })
      return current(say, token, peer)
    }
    peer.onRequest(ChatRequest.type, (params, token) => {
      asked.push(params.messages)
      return reply(params, token)
    })
    peer.onRequest(ExplainRequest.type, ({ code, languageId, path, ...rest }, token) => {
      explained.push({ code, languageId, path })
      return reply({ messages: [], ...rest }, token)
    })
    peer.onNotification(ResetChatNotification.type, () => void resets++)
    // A process that dies closes its streams.
    peer.onDispose(() => {
      line.isDead = true
      client.dispose()
    })
    peer.listen()
    client.listen()
    return line
  }
  const connect = (): Promise<MessageConnection> => {
    if (!reachable) return Promise.reject(new Error('nobody home'))
    if (live === undefined || live.isDead) live = dial()
    return Promise.resolve(live.client)
  }
  const act = (text: string): Promise<void> => {
    did.push(text)
    return text === 'insert refuse' ? Promise.reject(new Error('refused')) : Promise.resolve()
  }
  const controller = new ChatController({
    engine: createChatEngine(connect),
    post: (message) => void posted.push(structuredClone(message)),
    status: () => status,
    store: {
      load: () => store,
      save: (turns) => {
        store = structuredClone(turns)
        return Promise.resolve()
      },
    },
    copy: (text) => act(`copy ${text}`),
    insert: (text) => act(`insert ${text}`),
    openLink: (href) => act(`open ${href}`),
    run: (command) => act(`run ${command}`),
    log: createLog((level, text) => {
      if (level === 'warn' || level === 'error') logged.push(text)
    }),
  })
  return {
    controller,
    posted,
    did,
    logged,
    asked,
    explained,
    send: (message: unknown) => controller.onMessage(message),
    idle: () => controller.idle(),
    answerWith: (name: keyof typeof answers) => void (current = answers[name]),
    unreachable: () => void (reachable = false),
    cancelled: () => cancelled,
    resets: () => resets,
    stored: () => store,
    turns: () => controller.turns.map(describeTurn),
    shown: () => posted.map(describeMessage),
    until: (wanted: (message: ToView) => boolean) => waitFor(() => posted.some(wanted)),
  }
}

function result(text: string, finishReason: ChatRequest.Result['finishReason'] = 'stop'): ChatRequest.Result {
  return { text, finishReason, usage, droppedMessages: 0 }
}

function describeTurn({ role, state, text }: Turn): string {
  return `${role} ${state} ${JSON.stringify(text)}`
}

function describeMessage(message: ToView): string {
  switch (message.type) {
    case 'add':
      return `add ${message.message.role} ${JSON.stringify(message.message.text)}`
    case 'delta':
      return `delta ${JSON.stringify(message.text)}`
    case 'done':
      return `done ${message.finishReason}`
    case 'error':
      return `error ${JSON.stringify(message.error)}`
    case 'conversation':
    case 'status':
    case 'focus':
      return message.type
  }
}

async function waitFor(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(5)
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
