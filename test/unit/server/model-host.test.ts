// The life of a model in the engine: what clients are told, in order, whatever happens to it.
import assert from 'node:assert/strict'
import { createLog } from '../../../engine/base/log'
import { EngineError } from '../../../engine/protocol/errors'
import type { FinishReason } from '../../../engine/protocol/chat'
import type { EngineStatus } from '../../../engine/protocol/messages'
import type { Provider } from '../../../engine/provider/provider'
import { readStream } from '../../../engine/provider/read-stream'
import { createModelHost, type ModelChoice, type ModelHost } from '../../../engine/server/model-host'
import { scriptedProvider, type ScriptedProvider } from '../complete/scripted-provider'

const choice = (model: string): ModelChoice => ({
  model,
  device: 'cpu',
  contextLength: 512,
  quantize: 'none',
  kvCache: 'auto',
  draftModel: '',
})
const never = new AbortController().signal

interface Bench {
  host: ModelHost
  /** Every status as `state model`, oldest first. */
  told: string[]
  providers: ScriptedProvider[]
  swaps: () => number
  display: { cancel: () => void; reports: string[] }
  logs: string[]
}

/** A source of models by name: `bad` cannot be loaded, `slow` waits until aborted, `far` is downloaded first, `big` has 272 tensors. */
function bench(): Bench {
  const told: string[] = []
  const providers: ScriptedProvider[] = []
  const logs: string[] = []
  let swaps = 0
  const display = { cancel: (): void => undefined, reports: [] as string[] }
  const host = createModelHost(
    {
      source: {
        ensure: async (model, { progress }, signal) => {
          if (model === 'far') progress.report(0.5, '50 of 100 MB')
          if (model === 'slow') await untilAborted(signal)
          return `/models/${model}`
        },
        open: ({ model, progress, draftPath }) => {
          if (draftPath !== undefined) logs.push(`draft: ${draftPath}`)
          if (model === 'bad') {
            throw new EngineError('bad-file', 'bad.gguf is damaged.', { hint: 'Download it again.' })
          }
          if (model === 'big') for (let i = 0; i < 272; i++) progress.report(i / 272, 'tensors')
          progress.report(0.9, 'weights')
          const provider = scriptedProvider({ says: () => 'Hello there', model })
          providers.push(provider)
          return Promise.resolve(provider)
        },
      },
      log: createLog((level, text) => logs.push(`${level}: ${text}`)),
      onStatus: (status) => told.push(line(status)),
      onSwap: () => swaps++,
      display: () => {
        const controller = new AbortController()
        display.cancel = () => controller.abort()
        return {
          signal: controller.signal,
          report: (_fraction, text) => display.reports.push(text),
          done: () => display.reports.push('done'),
        }
      },
    },
    choice('first'),
  )
  return { host, told, providers, swaps: () => swaps, display, logs }
}

function line({ state, model, progress, message }: EngineStatus): string {
  return `${state} ${model}${progress === undefined ? '' : ` ${progress}`}: ${message}`
}

async function say(host: ModelHost): Promise<FinishReason> {
  return drain(await host.ready(never))
}

async function drain(provider: Provider): Promise<FinishReason> {
  const request = { prefix: 'x', typed: '', suffix: '', maxTokens: 9, stop: [], timeBudgetMs: 9 }
  return (await readStream(provider.complete(request, never), () => undefined)).finishReason
}

describe('model host', () => {
  it('tells a load in order', async () => {
    const { host, told, display } = bench()
    assert.equal(host.status.state, 'starting')
    await host.load(choice('far'), never)
    assert.deepEqual(told, [
      'loading far: Looking for far.',
      'downloading far 0.5: 50 of 100 MB',
      'loading far: Loading far.',
      'loading far 0.9: weights',
      'ready far: far is ready.',
    ])
    assert.deepEqual(display.reports, ['50 of 100 MB', 'weights', 'done'])
  })

  it('tells a load of many parts now and then', async () => {
    const { host, told, display } = bench()
    await host.load(choice('big'), never)
    assert.deepEqual(display.reports, ['tensors', 'done'])
    assert.equal(told.length, 4)
  })

  it('is busy while it answers, and knows its speed afterwards', async () => {
    const { host, told } = bench()
    await host.load(choice('a'), never)
    told.length = 0
    await say(host)
    assert.deepEqual(told, ['busy a: Writing.', 'ready a: a is ready.'])
    assert.ok(host.status.tokensPerSecond > 0)
  })

  it('the same choice is not loaded twice', async () => {
    const { host, providers } = bench()
    await host.load(choice('a'), never)
    host.configure(choice('a'))
    await host.ready(never)
    assert.equal(providers.length, 1)
    host.configure({ ...choice('a'), contextLength: 1024 })
    await host.ready(never)
    assert.equal(providers.length, 2)
  })

  it('another draft model is another choice, and is got first', async () => {
    const { host, logs, providers } = bench()
    await host.load(choice('one'), never)
    host.configure({ ...choice('one'), draftModel: 'small' })
    await host.ready(never)
    assert.equal(providers.length, 2)
    assert.ok(logs.includes('draft: /models/small'))
    await host.dispose()
  })

  it('a newer load aborts the older, and who waits gets the newer model', async () => {
    const { host, told } = bench()
    const slow = host.load(choice('slow'), never)
    const waiting = host.ready(never)
    await Promise.all([assert.rejects(slow, { name: 'AbortError' }), host.load(choice('b'), never)])
    assert.equal((await waiting).info.model, 'b')
    assert.ok(!told.some((status) => status.startsWith('error')), told.join('\n'))
  })

  it('a swap frees the old model once its answers have ended', async () => {
    const { host, providers, swaps } = bench()
    await host.load(choice('a'), never)
    const [old] = providers
    const answer = say(host)
    await host.load(choice('b'), never)
    assert.equal(old?.disposed, false)
    await answer
    assert.equal(old?.disposed, true)
    assert.equal(swaps(), 2)
  })

  it('who kept a model past its time gets nothing, and the model no request', async () => {
    const { host, providers } = bench()
    await host.load(choice('a'), never)
    const kept = await host.ready(never)
    await host.load(choice('b'), never)
    assert.equal(await drain(kept), 'cancelled')
    await kept.resetChat(never)
    await kept.dispose()
    assert.deepEqual(providers[0]?.wrongs, [])
    assert.equal(providers[0]?.disposed, true)
  })

  it('a failed load is told with its next step; the engine takes the next', async () => {
    const { host, told } = bench()
    await assert.rejects(host.load(choice('bad'), never), { code: 'bad-file' })
    assert.equal(told.at(-1), 'error bad: bad.gguf is damaged. Download it again.')
    await assert.rejects(host.ready(never), { code: 'bad-file' })
    await host.load(choice('a'), never)
    assert.equal(told.at(-1), 'ready a: a is ready.')
  })

  it('a failed load leaves the old model at work', async () => {
    const { host, told } = bench()
    await host.load(choice('a'), never)
    await assert.rejects(host.load(choice('bad'), never))
    const kept = 'ready a: a stays in use. bad.gguf is damaged. Download it again.'
    assert.equal(told.at(-1), kept)
    await say(host)
    assert.equal(told.at(-1), kept)
    await host.load(choice('b'), never)
    assert.equal(told.at(-1), 'ready b: b is ready.')
  })

  it('a cancelled pick leaves the old model as it was', async () => {
    const { host, told, display } = bench()
    await host.load(choice('a'), never)
    const load = host.load(choice('slow'), never)
    await Promise.resolve()
    display.cancel()
    await assert.rejects(load, { name: 'AbortError' })
    assert.equal(told.at(-1), 'ready a: a is ready.')
  })

  const unheard: [name: string, settings: string[], picked: string][] = [
    ['a pick that failed', ['a', 'a'], 'bad'],
    ['a pick that took its place', ['a', 'a'], 'b'],
    ['settings that name a bad model', ['a', 'bad', 'bad'], ''],
    ['settings that go back from a bad model', ['a', 'bad', 'a'], ''],
  ]
  for (const [name, settings, picked] of unheard) {
    it(`after ${name}, other settings load nothing`, async () => {
      const { host, told } = bench()
      const last = settings.pop() ?? ''
      for (const model of settings) {
        host.configure(choice(model))
        await host.ready(never)
      }
      if (picked) await host.load(choice(picked), never).catch(() => undefined)
      told.length = 0
      host.configure(choice(last))
      await host.ready(never)
      assert.deepEqual(told, [])
    })
  }

  it('cancelled by the user, it says what to do', async () => {
    const { host, told, display } = bench()
    const load = host.load(choice('slow'), never)
    await Promise.resolve()
    display.cancel()
    await assert.rejects(load, { name: 'AbortError' })
    assert.match(told.at(-1) ?? '', /^error slow: Loading slow was cancelled\. Choose a model/)
  })

  it('who waits for a model may leave', async () => {
    const { host } = bench()
    const load = host.load(choice('slow'), never)
    const leaving = new AbortController()
    const waiting = host.ready(leaving.signal)
    leaving.abort()
    await assert.rejects(waiting, { name: 'AbortError' })
    await Promise.all([assert.rejects(load), host.dispose()])
  })

  it('a lost device is opened again once; lost again it is an error', async () => {
    const { host, told, providers, swaps } = bench()
    await host.load(choice('a'), never)
    providers[0]?.loseDevice(new Error('driver reset'))
    await turn()
    assert.equal(swaps(), 3, 'a came, went, and came again')
    assert.equal((await host.ready(never)).info.model, 'a')
    assert.equal(providers.length, 2)
    assert.equal(providers[0]?.disposed, true)
    providers[1]?.loseDevice(new Error('driver reset'))
    await turn()
    assert.match(
      told.at(-1) ?? '',
      /^error a: The GPU was lost twice \(driver reset\)\. Set `hearth\.device`/,
    )
    await assert.rejects(host.ready(never), { code: 'device-lost' })
  })

  it('disposing stops every answer, and frees the models after that', async () => {
    const { host, providers } = bench()
    const ends: Promise<FinishReason>[] = []
    for (const model of ['a', 'b']) {
      await host.load(choice(model), never)
      ends.push(say(host))
      await turn()
    }
    const disposed = host.dispose()
    assert.deepEqual(
      providers.map((provider) => provider.disposed),
      [false, false],
    )
    await disposed
    assert.deepEqual(await Promise.all(ends), ['cancelled', 'cancelled'])
    assert.deepEqual(
      providers.map((provider) => [provider.disposed, ...provider.wrongs]),
      [[true], [true]],
    )
  })

  it('disposing frees the model and is silent', async () => {
    const { host, told, providers } = bench()
    await host.load(choice('a'), never)
    told.length = 0
    await host.dispose()
    assert.equal(providers[0]?.disposed, true)
    assert.deepEqual(told, [])
    await assert.rejects(host.load(choice('b'), never), { name: 'AbortError' })
  })
})

/** Lets everything that is due happen. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
  })
}
