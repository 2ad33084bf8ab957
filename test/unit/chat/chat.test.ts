// What the model is told, and how its answer comes back.
import assert from 'node:assert/strict'
import { answer, chatOptions, explainMessages } from '../../../engine/chat/chat'
import { gather } from '../../../engine/chat/gather'
import { breathe } from '../../../engine/base/signal'
import type { ChatMessage } from '../../../engine/protocol/chat'
import { EngineError } from '../../../engine/protocol/errors'
import { parseSettings } from '../../../engine/protocol/settings'
import type { TextStream } from '../../../engine/provider/provider'
import { scriptedProvider } from '../complete/scripted-provider'

const settings = { ...parseSettings({}).chat, systemPrompt: 'Be kind.' }
const user = (content: string): ChatMessage => ({ role: 'user', content })

describe('chat', () => {
  const conversations: [name: string, systemPrompt: string, messages: ChatMessage[], roles: string][] = [
    ['the system prompt of the settings comes first', 'Be kind.', [user('Hi')], 'system user'],
    ['unless it is empty', ' ', [user('Hi')], 'user'],
    [
      'or the conversation has its own',
      'Be kind.',
      [{ role: 'system', content: 'x' }, user('Hi')],
      'system user',
    ],
  ]
  for (const [name, systemPrompt, messages, roles] of conversations) {
    it(name, () => {
      const options = chatOptions(messages, { ...settings, systemPrompt })
      assert.equal(options.messages.map(({ role }) => role).join(' '), roles)
    })
  }

  const refused: [name: string, messages: ChatMessage[]][] = [
    ['no message', []],
    ['an empty message', [user('')]],
    ['blanks', [user(' \n')]],
    ['an answer without a question', [{ role: 'assistant', content: 'Hi' }]],
  ]
  for (const [name, messages] of refused) {
    it(`refuses ${name}`, () =>
      assert.throws(
        () => chatOptions(messages, settings),
        (error) => error instanceof EngineError && error.code === 'bad-request' && error.hint !== undefined,
      ))
  }

  it('streams an answer and says how it ended', async () => {
    const provider = scriptedProvider({ says: () => 'It adds.' })
    const pieces: string[] = []
    const options = chatOptions([user('Why?')], settings)
    const result = await answer(provider, options, (text) => pieces.push(text), new AbortController().signal)
    assert.equal(result.text, 'It adds.')
    assert.equal(pieces.join(''), 'It adds.')
    assert.equal(result.finishReason, 'stop')
  })

  it('a stopped answer keeps what was said', async () => {
    const provider = scriptedProvider({ says: () => 'It adds and adds and adds.' })
    const stop = new AbortController()
    const options = chatOptions([user('Why?')], settings)
    const result = await answer(provider, options, () => stop.abort(), stop.signal)
    assert.deepEqual([result.text, result.finishReason], ['It ', 'cancelled'])
  })

  it('an answer that nobody can take is left, so that the next one gets its turn', async () => {
    const provider = scriptedProvider({ says: () => 'It adds and adds.' })
    const broken = (): never => {
      throw new Error('the pipe is gone')
    }
    const options = chatOptions([user('Why?')], settings)
    await assert.rejects(answer(provider, options, broken, new AbortController().signal), /pipe is gone/)
    assert.equal(provider.asked[0]?.end, 'left')
  })

  it('lets the event loop run while a model answers without a pause', async () => {
    async function* breathless(): TextStream {
      await Promise.resolve()
      for (const end = performance.now() + 100; performance.now() < end;) yield 'x'
      const usage = { promptTokens: 1, reusedTokens: 0, completionTokens: 1, prefillMs: 1, decodeMs: 1 }
      return { finishReason: 'stop', usage, droppedMessages: 0 }
    }
    const provider = { ...scriptedProvider({ says: () => '' }), chat: breathless }
    const heard = breathe().then(() => 'the wire')
    const options = chatOptions([user('?')], settings)
    const said = answer(provider, options, () => undefined, new AbortController().signal)
    assert.equal(await Promise.race([heard, said.then(() => 'the whole answer')]), 'the wire')
    await said
  })
})

describe('explain prompt', () => {
  const prompt = (code: string): string =>
    explainMessages({ code, languageId: 'typescript', path: 'src/a.ts' })[0]?.content ?? ''

  it('names the file and shows the code', () => {
    assert.match(
      prompt('const a = 1\n'),
      /typescript code from `src\/a\.ts`[^]*\n```typescript\nconst a = 1\n```$/,
    )
  })

  const hostile: [name: string, code: string, fence: string][] = [
    ['replacement marks', "a.replace(b, '$&$1$$')", '```'],
    ['marks of our own', '{{path}} {{fence}}', '```'],
    ['fences', '```\ncode\n```', '````'],
  ]
  for (const [name, code, fence] of hostile) {
    it(`shows code with ${name} as it is`, () =>
      assert.ok(prompt(code).endsWith(`${fence}typescript\n${code}\n${fence}`), prompt(code)))
  }

  it('refuses to explain nothing', () => assert.throws(() => prompt(' \n'), /no code to explain/))
})

describe('gather', () => {
  it('sends the first text at once and the rest in one', () => {
    const sent: string[] = []
    const gatherer = gather(60_000, (text) => sent.push(text))
    for (const text of ['a', 'b', 'c']) gatherer.push(text)
    assert.deepEqual(sent, ['a'])
    gatherer.flush()
    assert.deepEqual(sent, ['a', 'bc'])
  })

  it('sends what has gathered when the time has come', async () => {
    const sent: string[] = []
    const gatherer = gather(1, (text) => sent.push(text))
    for (const text of ['a', 'b', 'c']) gatherer.push(text)
    await new Promise((resolve) => setTimeout(resolve, 10))
    assert.deepEqual(sent, ['a', 'bc'])
    gatherer.flush()
    assert.deepEqual(sent, ['a', 'bc'])
  })
})
