// What an editor may push or answer about settings, and what the engine takes of it.
import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import {
  createConnection,
  createProtocolConnection,
  ConfigurationRequest,
  DidChangeConfigurationNotification,
  InitializeRequest,
  StreamMessageReader,
  StreamMessageWriter,
} from 'vscode-languageserver/node'
import { silentLog } from '../../../engine/base/log'
import type { Host } from '../../../engine/server/feature'
import { configuration } from '../../../engine/server/features/configuration'

const ours = { model: 'a' }

describe('configuration', () => {
  const rows: [name: string, pushed: unknown, fetched: unknown, taken: unknown[]][] = [
    ['our section', { hearth: ours }, 'cannot', [ours]],
    ['our section among others', { python: {}, hearth: ours }, 'cannot', [ours]],
    ['the sections of others', { python: { path: 'x' } }, 'cannot', []],
    ['the sections of others, ours can be fetched', { python: {} }, ours, [ours]],
    ['an empty section of ours', { hearth: null }, 'cannot', []],
    ['nothing', null, 'cannot', []],
    ['nothing, ours can be fetched', null, ours, [ours]],
    ['nothing, and fetched there is none', {}, null, []],
  ]
  for (const [name, pushed, fetched, taken] of rows) {
    it(name, async () => assert.deepEqual(await push(pushed, fetched), taken))
  }
})

/** What the engine takes when `settings` are pushed by a client that answers `fetched`, or `cannot` be asked. */
async function push(settings: unknown, fetched: unknown): Promise<unknown[]> {
  const taken: unknown[] = []
  const host = { log: silentLog, configure: (raw: unknown) => taken.push(raw) } as unknown as Host
  const [up, down] = [new PassThrough(), new PassThrough()]
  const server = createConnection(new StreamMessageReader(up), new StreamMessageWriter(down))
  server.onInitialize((client) => ({ capabilities: configuration.register(server, host, client) }))
  server.onRequest('test/ping', () => null)
  server.listen()
  const client = createProtocolConnection(new StreamMessageReader(down), new StreamMessageWriter(up))
  client.onRequest(ConfigurationRequest.type, ({ items }) => items.map(() => fetched))
  client.listen()
  const capabilities = { workspace: { configuration: fetched !== 'cannot' } }
  await client.sendRequest(InitializeRequest.type, { processId: null, rootUri: null, capabilities })
  await client.sendNotification(DidChangeConfigurationNotification.type, { settings })
  // One to know that the push has been read, one for the answer to what it made the engine ask.
  for (let i = 0; i < 2; i++) await client.sendRequest('test/ping')
  client.dispose()
  server.dispose()
  return taken
}
