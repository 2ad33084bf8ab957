// The real engine with a tiny random model, over the real wire: what an editor may do, and what may go wrong.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { text as readAll } from 'node:stream/consumers'
import type { Readable } from 'node:stream'
import {
  CancellationTokenSource,
  DidChangeConfigurationNotification,
  DidChangeTextDocumentNotification,
  DidOpenNotebookDocumentNotification,
  ErrorCodes,
  InlineCompletionRequest,
  InlineCompletionTriggerKind,
  LSPErrorCodes,
  LogTraceNotification,
  NotebookCellKind,
  ResponseError,
  SetTraceNotification,
  WorkDoneProgress,
} from 'vscode-languageserver-protocol/node'
import type { EngineErrorCode, WireError } from '../../engine/protocol/errors'
import {
  ChatRequest,
  DidAcceptNotification,
  DidNotAskNotification,
  DidReadNotification,
  DidRestNotification,
  ExplainRequest,
  LoadModelRequest,
  ModelsRequest,
  RequestLogRequest,
  ResetChatNotification,
  StatusRequest,
  WhyPageRequest,
  type EngineStatus,
} from '../../engine/protocol/messages'
import { enginePath, exited, killLeftEngines, startEngine, tinyModel, type Engine } from './engine-process'

const settings = {
  model: tinyModel('tiny-qwen2-fim'),
  device: 'cpu',
  contextLength: 512,
  // What is prepared ahead comes when it comes, and would be among what these tests count.
  lowPower: 'on',
  // A random model is sure of nothing.
  completion: { maxTokens: 12, boldness: 1 },
  chat: { maxTokens: 300, temperature: 0, systemPrompt: '' },
}
const isReady = ({ state }: EngineStatus): boolean => state === 'ready'
const isError = ({ state }: EngineStatus): boolean => state === 'error'
const question = { messages: [{ role: 'user' as const, content: 'Why?' }] }

describe('engine over LSP', () => {
  after(killLeftEngines)

  describe('one session', () => {
    let engine: Engine
    before(async () => {
      engine = await startEngine({ settings })
      await engine.status(isReady)
    })
    after(async () => assert.equal(await engine.quit(), 0))

    it('offers inline completion and incremental sync', () => {
      const { capabilities } = engine.initialized
      assert.equal(capabilities.inlineCompletionProvider, true)
      assert.equal(capabilities.textDocumentSync, 2)
    })

    it('tells how the model came up, in order', () => {
      const states = engine.statuses.map(({ state }) => state)
      assert.deepEqual([...new Set(states)], ['loading', 'ready'])
      const last = engine.statuses.at(-1)
      assert.match(last?.device ?? '', /^cpu/)
      assert.match(last?.deviceReason ?? '', /hearth\.device/)
    })

    it('suggests, and shows the rest while it is typed', async () => {
      const uri = 'file:///project/sum.ts'
      await engine.open(uri, 'typescript', 'const total = 1\nconst next = ')
      const [item] = await engine.complete(uri, 1, 13)
      assert.ok(typeof item?.insertText === 'string' && item.insertText.length > 1, JSON.stringify(item))
      assert.deepEqual(item.range, { start: { line: 1, character: 13 }, end: { line: 1, character: 13 } })

      const first = item.insertText.slice(0, 1)
      await engine.connection.sendNotification(DidChangeTextDocumentNotification.type, {
        textDocument: { uri, version: 2 },
        contentChanges: [
          { range: { start: { line: 1, character: 13 }, end: { line: 1, character: 13 } }, text: first },
        ],
      })
      const [rest] = await engine.complete(uri, 1, 14)
      assert.equal(rest?.insertText, item.insertText.slice(1))
      const log = await engine.connection.sendRequest(RequestLogRequest.type)
      assert.deepEqual(
        log.slice(0, 2).map(({ answeredBy }) => answeredBy),
        ['typing', 'model'],
      )
      assert.match(log[1]?.prompt ?? '', /^\/\/ sum\.ts\nconst total = 1\nconst next = ┃/)
    })

    it('tells on a page why nothing was suggested, newest first', async () => {
      const uri = 'file:///project/src/why.ts'
      await engine.open(uri, 'typescript', 'const total = 1\n\n')
      await engine.complete(uri, 0, 0)
      await engine.connection.sendNotification(DidNotAskNotification.type, {
        uri,
        position: { line: 1, character: 0 },
        reason: 'text is selected',
      })
      const page = await engine.connection.sendRequest(WhyPageRequest.type)
      const [, newest = '', second = '', ...older] = page.split('\n## ')
      assert.match(
        newest,
        /src\/why\.ts, line 2, column 1: nothing was suggested\n\n- Why: text is selected\n/,
      )
      assert.match(second, /src\/why\.ts, line 1, column 1: /)
      const asked = older.find((section) => section.includes('Answered by: the model')) ?? ''
      assert.match(asked, /project\/sum\.ts, line 2, column 14: suggested\n/)
      assert.match(
        asked,
        /Prompt, before the cursor \(tokens: \d+\):\n\n```\n\/\/ sum\.ts\nconst total = 1\n\n```\n/,
      )
    })

    it('tells an editor that counts how much the model had to read', async () => {
      const counts = new Promise<DidReadNotification.Params>((resolve) =>
        engine.connection.onNotification(DidReadNotification.type, resolve),
      )
      const uri = 'file:///project/count.ts'
      await engine.open(uri, 'typescript', 'let counted = ')
      await engine.complete(uri, 0, 14)
      const [entry] = await engine.connection.sendRequest(RequestLogRequest.type)
      const { promptTokens = 0, reusedTokens = -1 } = entry?.usage ?? {}
      assert.ok(promptTokens > 0)
      assert.deepEqual(await counts, { promptTokens, reusedTokens })
    })

    it('suggests more than one to somebody who asks by hand', async () => {
      const uri = 'file:///project/hand.ts'
      await engine.open(uri, 'typescript', 'const total = 1\nconst by = ')
      const invoked = InlineCompletionTriggerKind.Invoked
      const items = await engine.complete(uri, 1, 11, undefined, invoked)
      assert.equal(new Set(items.map(({ insertText }) => insertText)).size, 3)
    })

    it('a cell of a notebook goes on from the cells above', async () => {
      const cells = [
        { kind: NotebookCellKind.Markup, languageId: 'markdown', text: '# Sums' },
        { kind: NotebookCellKind.Code, languageId: 'python', text: 'total = 1\n' },
        { kind: NotebookCellKind.Code, languageId: 'sql', text: 'select 1' },
        { kind: NotebookCellKind.Code, languageId: 'python', text: 'import math\nnext = ' },
      ].map((cell, at) => ({ ...cell, document: `vscode-notebook-cell:/project/sums.ipynb#${at}` }))
      const uri = cells[3]?.document ?? ''
      await engine.connection.sendNotification(DidOpenNotebookDocumentNotification.type, {
        notebookDocument: {
          uri: 'file:///project/sums.ipynb',
          notebookType: 'jupyter-notebook',
          version: 1,
          cells: cells.map(({ kind, document }) => ({ kind, document })),
        },
        cellTextDocuments: cells.map(({ document, languageId, text }) => ({
          uri: document,
          languageId,
          version: 1,
          text,
        })),
      })
      const [item] = await engine.complete(uri, 1, 7)
      assert.deepEqual(item?.range, { start: { line: 1, character: 7 }, end: { line: 1, character: 7 } })
      const [asked] = await engine.connection.sendRequest(RequestLogRequest.type)
      assert.deepEqual(asked?.place, { uri, line: 1, character: 7 })
      assert.equal(asked.prompt, '# sums.ipynb\ntotal = 1\n\nimport math\nnext = ┃')
    })

    it('a suggestion for text that has changed since is not sent', async () => {
      const uri = 'file:///project/stale.ts'
      // Long enough that the change comes before the answer.
      await engine.open(uri, 'typescript', `${'const total = 1\n'.repeat(200)}const next = `)
      const answer = engine.complete(uri, 200, 13)
      await engine.connection.sendNotification(DidChangeTextDocumentNotification.type, {
        textDocument: { uri, version: 2 },
        contentChanges: [{ text: 'let ' }],
      })
      assert.deepEqual(await answer, [])
    })

    it('a document nobody opened has no suggestions', async () => {
      assert.deepEqual(await engine.complete('file:///project/unknown.ts', 0, 0), [])
    })

    it('a cancelled suggestion ends at once and leaves the engine free', async () => {
      const uri = 'file:///project/cancel.ts'
      await engine.open(uri, 'typescript', `${'const a = 1\n'.repeat(30)}const b = `)
      const source = new CancellationTokenSource()
      const answer = engine.complete(uri, 30, 10, source.token)
      source.cancel()
      // Still in the queue it is refused by the wire; under way it has nothing to show.
      const items = await answer.catch((error: unknown) =>
        codeOf(error) === LSPErrorCodes.RequestCancelled ? [] : assert.fail(String(error)),
      )
      assert.deepEqual(items, [])
      await engine.connection.sendRequest(ChatRequest.type, question)
    })

    it('streams an answer in pieces that make up the whole', async () => {
      const pieces: string[] = []
      const listener = engine.connection.onProgress(ChatRequest.delta, 'chat-1', ({ text }) => {
        pieces.push(text)
      })
      const result = await engine.connection.sendRequest(ChatRequest.type, {
        ...question,
        partialResultToken: 'chat-1',
      })
      listener.dispose()
      assert.ok(result.text.length > 0)
      assert.equal(pieces.join(''), result.text)
      assert.ok(pieces.length < result.usage.completionTokens, `${pieces.length} messages`)
      const status = await engine.connection.sendRequest(StatusRequest.type)
      assert.ok(status.tokensPerSecond > 0)
    })

    it('stopping an answer keeps what was said', async () => {
      const source = new CancellationTokenSource()
      const listener = engine.connection.onProgress(ChatRequest.delta, 2, () => source.cancel())
      const params = { ...question, partialResultToken: 2 }
      const result = await engine.connection.sendRequest(ChatRequest.type, params, source.token)
      listener.dispose()
      assert.equal(result.finishReason, 'cancelled')
      assert.ok(result.text.length > 0)
      assert.ok(result.usage.completionTokens < settings.chat.maxTokens)
    })

    it('explains code', async () => {
      const params = { code: 'const a = `$&`', languageId: 'typescript', path: 'a.ts' }
      await engine.connection.sendRequest(ExplainRequest.type, params)
      const [entry] = await engine.connection.sendRequest(RequestLogRequest.type)
      assert.match(entry?.prompt ?? '', /```typescript\nconst a = `\$&`\n```$/)
    })

    it('shows prompts to a client that traces, and to no other', async () => {
      const traced: string[] = []
      const listener = engine.connection.onNotification(LogTraceNotification.type, ({ message }) => {
        traced.push(message)
      })
      await engine.connection.sendRequest(ChatRequest.type, question)
      assert.deepEqual(traced, [])
      await engine.connection.sendNotification(SetTraceNotification.type, { value: 'messages' })
      await engine.connection.sendRequest(ChatRequest.type, question)
      await engine.connection.sendNotification(SetTraceNotification.type, { value: 'off' })
      listener.dispose()
      assert.match(traced.join('\n'), /^chat, \w+:\nuser: Why\?\n/m)
      assert.ok(!engine.logs.some((line) => line.includes('Why?')))
    })

    it('is busy while it answers', () => {
      const states = engine.statuses.map(({ state }) => state)
      const busy = states.indexOf('busy')
      assert.ok(busy > 0)
      assert.equal(states[busy + 1], 'ready')
    })

    it('shows a load as progress with a beginning and an end', async () => {
      const kinds: string[] = []
      const listener = engine.connection.onProgress(WorkDoneProgress.type, 'load-1', ({ kind }) => {
        kinds.push(kind)
      })
      const params = { model: settings.model, workDoneToken: 'load-1' }
      const status = await engine.connection.sendRequest(LoadModelRequest.type, params)
      listener.dispose()
      assert.equal(status.state, 'ready')
      assert.equal(kinds[0], 'begin')
      assert.equal(kinds.at(-1), 'end')
    })

    it('lists the catalog', async () => {
      const models = await engine.connection.sendRequest(ModelsRequest.type)
      assert.ok(models.some(({ id }) => id === 'smollm2-135m-instruct'))
    })

    it('takes what it need not answer', async () => {
      await engine.connection.sendNotification(ResetChatNotification.type)
      await engine.connection.sendNotification(DidAcceptNotification.type, { uri: 'file:///x', text: 'x' })
      await engine.connection.sendNotification('hearth/unheardOf', {})
      await engine.connection.sendRequest(StatusRequest.type)
    })

    interface Refusal {
      name: string
      send: () => Promise<unknown>
      code: number
      wire?: EngineErrorCode
      says?: RegExp
    }
    const refusals: Refusal[] = [
      {
        name: 'an unknown method',
        send: () => engine.connection.sendRequest('hearth/unheardOf', {}),
        code: ErrorCodes.MethodNotFound,
      },
      {
        name: 'an empty message',
        send: () =>
          engine.connection.sendRequest(ChatRequest.type, { messages: [{ role: 'user', content: ' ' }] }),
        code: LSPErrorCodes.RequestFailed,
        wire: 'bad-request',
        says: /message is empty\. Type a question/,
      },
      {
        name: 'a message of an unknown role',
        send: () =>
          engine.connection.sendRequest('hearth/chat', { messages: [{ role: 'wizard', content: 'x' }] }),
        code: LSPErrorCodes.RequestFailed,
        wire: 'bad-request',
        says: /messages\.0\.role/,
      },
      {
        name: 'no code to explain',
        send: () =>
          engine.connection.sendRequest(ExplainRequest.type, { code: '\n', languageId: 'c', path: 'a.c' }),
        code: LSPErrorCodes.RequestFailed,
        wire: 'bad-request',
        says: /Select some code/,
      },
      {
        name: 'a model that is not there',
        send: () => engine.connection.sendRequest(LoadModelRequest.type, { model: '/nowhere/model.gguf' }),
        code: LSPErrorCodes.RequestFailed,
        wire: 'model-missing',
        says: /nowhere/,
      },
      {
        name: 'a model that is not there, below the home folder',
        send: () => engine.connection.sendRequest(LoadModelRequest.type, { model: '~/nowhere/model.gguf' }),
        code: LSPErrorCodes.RequestFailed,
        wire: 'model-missing',
        says: /^"(?:[^~].*)[\\/]nowhere/,
      },
    ]
    for (const row of refusals) {
      it(`refuses ${row.name} and lives on`, async () => {
        const error: unknown = await row.send().then(
          () => assert.fail('was accepted'),
          (reason: unknown) => reason,
        )
        assert.ok(error instanceof ResponseError)
        assert.equal(error.code, row.code)
        if (row.wire) assert.equal((error.data as WireError).code, row.wire)
        if (row.says) assert.match(error.message, row.says)
        const answer = await engine.connection.sendRequest(ChatRequest.type, question)
        assert.ok(answer.text.length > 0)
      })
    }

    it('after a failed load the old model stays, and the status says both', async () => {
      const status = await engine.connection.sendRequest(StatusRequest.type)
      assert.equal(status.state, 'ready')
      assert.match(status.message, /stays in use\. .*nowhere/)
    })

    it('reloads when the settings name another model', async () => {
      const model = tinyModel('tiny-llama-chat')
      const changed = engine.status((status) => isReady(status) && status.model === model)
      await engine.connection.sendNotification(DidChangeConfigurationNotification.type, {
        settings: { hearth: { ...settings, model } },
      })
      await changed
      const answer = await engine.connection.sendRequest(ChatRequest.type, question)
      assert.ok(answer.text.length > 0)
    })
  })

  it('speaks node IPC as well', async () => {
    const engine = await startEngine({ settings, transport: 'node-ipc' })
    await engine.status(isReady)
    const answer = await engine.connection.sendRequest(ChatRequest.type, question)
    assert.ok(answer.text.length > 0)
    assert.equal(await engine.quit(), 0)
  })

  it('serves an editor that sends no options of ours', async () => {
    const engine = await startEngine({ initializationOptions: { settings } })
    await engine.status(isReady)
    assert.equal(await engine.quit(), 0)
  })

  it('tells an extension of another version to reload', async () => {
    const start = startEngine({ initializationOptions: { protocolVersion: 999, settings } })
    await assert.rejects(start, /version 999 .* Reload the window/)
  })

  it('says goodbye in the middle of an answer: what was said is the result', async () => {
    const engine = await startEngine({ settings })
    await engine.status(isReady)
    let quit: Promise<number | null> | undefined
    engine.connection.onProgress(ChatRequest.delta, 'last', () => {
      quit ??= engine.quit()
    })
    const result = await engine.connection.sendRequest(ChatRequest.type, {
      ...question,
      partialResultToken: 'last',
    })
    assert.equal(result.finishReason, 'cancelled')
    assert.equal(await quit, 0)
  })

  it('a window too small for the suggestion asked for means no ghost text, not an error', async () => {
    const small = { ...settings, contextLength: 256, completion: { maxTokens: 512, boldness: 1 } }
    const engine = await startEngine({ settings: small })
    await engine.status(isReady)
    await engine.open('file:///a.ts', 'typescript', `${'const a = 1\n'.repeat(100)}const b = `)
    await engine.complete('file:///a.ts', 100, 10)
    const answer = await engine.connection.sendRequest(ChatRequest.type, question)
    assert.ok(answer.text.length > 0)
    await engine.quit()
  })

  it('a chat that comes while the model loads waits for it; ghost text does not', async () => {
    const engine = await startEngine({ settings })
    await engine.open('file:///a.ts', 'typescript', 'const a = ')
    assert.deepEqual(await engine.complete('file:///a.ts', 0, 10), [])
    const answer = await engine.connection.sendRequest(ChatRequest.type, question)
    assert.ok(answer.text.length > 0)
    await engine.quit()
  })

  describe('a model that cannot be loaded', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'hearth-lsp-'))
    after(() => rmSync(folder, { recursive: true }))
    const file = (name: string, bytes: Uint8Array): string => {
      const full = path.join(folder, name)
      writeFileSync(full, bytes)
      return full
    }
    const whole = readFileSync(tinyModel('tiny-qwen2-fim'))
    const rows: { name: string; model: string; says: RegExp }[] = [
      { name: 'no such file', model: path.join(folder, 'gone.gguf'), says: /gone\.gguf/ },
      { name: 'no such id', model: 'no-such-model', says: /no-such-model/ },
      {
        name: 'text renamed',
        model: file('text.gguf', Buffer.from('Dear model,\n'.repeat(99))),
        says: /GGUF/,
      },
      {
        name: 'half a file',
        model: file('half.gguf', whole.subarray(0, whole.length >> 1)),
        says: /half\.gguf|ends/,
      },
      { name: 'an empty file', model: file('empty.gguf', Buffer.alloc(0)), says: /./ },
    ]
    for (const { name, model, says } of rows) {
      it(`${name}: one clear error, and the engine lives on`, async () => {
        const engine = await startEngine({ settings: { ...settings, model } })
        const status = await engine.status(isError)
        assert.match(status.message, says)
        assert.match(status.message, /\. [A-Z`].*[.)]$/, 'has a next step')
        assert.equal(status.model, model)
        await engine.open('file:///copy.ts', 'typescript', 'f(a, b, c)\nf(a, b, ')
        const [copy] = await engine.complete('file:///copy.ts', 1, 8)
        assert.equal(copy?.insertText, 'c)')
        const chat = engine.connection.sendRequest(ChatRequest.type, question)
        await assert.rejects(chat, (error: Error) => status.message.includes(error.message))
        const good = await engine.connection.sendRequest(LoadModelRequest.type, { model: settings.model })
        assert.equal(good.state, 'ready')
        assert.equal(await engine.quit(), 0)
      })
    }
  })

  describe('ahead of requests', () => {
    const rows: [what: string, change: object, answeredBy: string[]][] = [
      ['a place where the cursor rests is prepared', { lowPower: 'off' }, ['ahead', 'cache']],
      ['nothing is prepared while power is saved', { lowPower: 'on' }, ['model']],
      [
        'nothing at all runs when ghost text is off',
        { lowPower: 'off', completion: { ...settings.completion, enabled: false } },
        ['gate'],
      ],
    ]
    for (const [what, change, answeredBy] of rows) {
      it(what, async () => {
        const engine = await startEngine({ settings: { ...settings, ...change } })
        await engine.status(isReady)
        const uri = 'file:///rest.ts'
        const position = { line: 1, character: 13 }
        await engine.open(uri, 'typescript', 'const total = 1\nconst next = ')
        await engine.connection.sendNotification(DidRestNotification.type, { uri, position })
        const log = (): Promise<RequestLogRequest.Entry[]> =>
          engine.connection.sendRequest(RequestLogRequest.type)
        if (answeredBy.includes('ahead'))
          while ((await log()).length === 0) await new Promise((resolve) => setTimeout(resolve, 20))
        const context = { triggerKind: InlineCompletionTriggerKind.Automatic }
        const params = { textDocument: { uri }, position, context }
        await engine.connection.sendRequest(InlineCompletionRequest.type, params)
        const entries = await log()
        assert.deepEqual(entries.map((entry) => entry.answeredBy).reverse(), answeredBy)
        assert.equal(await engine.quit(), 0)
      })
    }
  })

  it('goes when its parent is killed', async () => {
    // Descriptor 3 is held by both; its end is the end of both, zombies included.
    const script = `require('node:child_process')
      .spawn(process.execPath, ${JSON.stringify([enginePath, 'lsp', '--stdio'])}, { stdio: ['pipe', 'pipe', 'inherit', 3] })
      .once('spawn', () => console.log('started'))`
    const parent = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit', 'pipe'] })
    const held = parent.stdio[3] as Readable
    const [gone] = await Promise.all([
      readAll(held),
      new Promise((resolve) => parent.stdout?.once('data', resolve)).then(() => parent.kill('SIGKILL')),
    ])
    assert.equal(gone, '')
    assert.equal(await exited(parent), null)
  })
})

function codeOf(error: unknown): number | undefined {
  return error instanceof ResponseError ? error.code : undefined
}
