// What a real engine with a tiny model lets other files say in prompts, over the real wire and from a real disk.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import {
  DidChangeTextDocumentNotification,
  DidChangeWorkspaceFoldersNotification,
} from 'vscode-languageserver-protocol/node'
import {
  DeclarationsNotification,
  DidGrantTrustNotification,
  protocolVersion,
  RequestLogRequest,
  WhyPageRequest,
} from '../../engine/protocol/messages'
import { killLeftEngines, startEngine, tinyModel, type Engine } from './engine-process'

const secret = 'hunter2hunter2'

const disk: Readonly<Record<string, string>> = {
  '.gitignore': 'out/\n',
  '.env': `MOVE_BY=${secret}\n`,
  'shapes.ts': 'export function moveBy(x: number) {\n}\n',
  'out/ignored.ts': `export function ${secret}(x: number) {\n}\n`,
  'inner/kept.ts': `export function ${secret}(x: number) {\n}\n`,
}

const imports = `import './shapes'\nimport './out/ignored'\nimport './inner/kept'\n`

describe('other files over LSP', () => {
  let folder: string
  let root: string
  const address = (name: string): string => `${root}/${name}`

  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'hearth-files-'))
    for (const [name, content] of Object.entries(disk)) {
      mkdirSync(path.dirname(path.join(folder, name)), { recursive: true })
      writeFileSync(path.join(folder, name), content)
    }
    root = pathToFileURL(folder).toString()
  })
  afterEach(killLeftEngines)
  after(() => rmSync(folder, { recursive: true }))

  async function start(
    options: { trusted?: boolean; exclude?: string[]; folder?: string } = {},
  ): Promise<Engine> {
    const engine = await startEngine({
      folder: options.folder ?? root,
      initializationOptions: {
        protocolVersion,
        ...(options.trusted !== undefined && { trusted: options.trusted }),
        settings: {
          model: tinyModel('tiny-qwen2-fim'),
          device: 'cpu',
          exclude: options.exclude ?? ['inner/'],
          completion: { maxTokens: 2, boldness: 1, debounceMs: 0, otherFiles: 'on' },
        },
      },
    })
    await engine.status(({ state }) => state === 'ready')
    // The completer learns that this machine is quick enough.
    await engine.open(address('warm.ts'), 'typescript', 'const a = 1\n'.repeat(20))
    await engine.complete(address('warm.ts'), 20, 0)
    return engine
  }

  /**
   * Names of the prompt's parts at the end of a document that calls `call`. Files are read in the background: asks again, with another
   * text so that no answer of before will do, until there is a part that starts with `awaited`.
   */
  async function partsFor(engine: Engine, name: string, call: string, awaited = ''): Promise<string[]> {
    for (let attempt = 0; ; attempt++) {
      await engine.connection.sendNotification(DidChangeTextDocumentNotification.type, {
        textDocument: { uri: address(name), version: attempt + 2 },
        contentChanges: [{ text: `// ${attempt}\n${imports}${call}(` }],
      })
      await engine.complete(address(name), 4, call.length + 1)
      const [entry] = await engine.connection.sendRequest(RequestLogRequest.type)
      const parts = entry?.parts?.map((part) => part.name) ?? []
      if (parts.some((part) => part.startsWith(awaited)) || attempt === 50) return parts
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }

  it('an imported file tells what it declares, and the page says so', async () => {
    const engine = await start()
    await engine.open(address('main.ts'), 'typescript', imports)
    const parts = await partsFor(engine, 'main.ts', 'moveBy', 'shapes.ts')
    assert.equal(parts[0], 'shapes.ts, which declares moveBy')
    const page = await engine.connection.sendRequest(WhyPageRequest.type)
    assert.match(page, /Prompt, shapes\.ts, which declares moveBy \(tokens: \d+\):/)
    assert.equal(await engine.quit(), 0)
  })

  it('what is ignored, excluded or secret never stands in a prompt', async () => {
    const engine = await start()
    await engine.open(address('.env'), 'typescript', disk['.env'] ?? '')
    await engine.open(address('inner/kept.ts'), 'typescript', disk['inner/kept.ts'] ?? '')
    await engine.open(address('main.ts'), 'typescript', imports)
    const parts = await partsFor(engine, 'main.ts', `${secret}(); moveBy`, 'shapes.ts')
    assert.equal(parts[0], 'shapes.ts, which declares moveBy')
    const entries = await engine.connection.sendRequest(RequestLogRequest.type)
    const others = entries
      .flatMap(({ parts = [] }) => parts)
      .filter(({ name }) => name.includes(', which '))
      .map((part) => part.text)
    assert.ok(others.length > 0)
    assert.ok(!others.join('\n').includes(secret), others.join('\n'))
    assert.equal(await engine.quit(), 0)
  })

  for (const [name, reason] of [
    ['.env', 'its name is that of a file of keys or passwords'],
    ['inner/kept.ts', 'hearth.exclude names it'],
  ] as const) {
    it(`there is no ghost text in ${name}, and the page says why without its text`, async () => {
      const engine = await start()
      await engine.open(address(name), 'typescript', disk[name] ?? '')
      assert.deepEqual(await engine.complete(address(name), 1, 0), [])
      const page = await engine.connection.sendRequest(WhyPageRequest.type)
      assert.ok(page.includes(`suggestions are off in this file: ${reason}`), page)
      assert.ok(!page.includes(secret))
      assert.equal(await engine.quit(), 0)
    })
  }

  it('an editor that looks up names tells where they are declared', async () => {
    const engine = await start()
    await engine.open(address('far/other.ts'), 'typescript', imports)
    await engine.connection.sendNotification(DeclarationsNotification.type, {
      uri: address('far/other.ts'),
      declarations: [
        { name: 'moveBy', uri: address('shapes.ts'), line: 0 },
        { name: 'moveBy', uri: address('.env'), line: 0 },
      ],
    })
    const parts = await partsFor(engine, 'far/other.ts', 'moveBy', 'shapes.ts')
    assert.deepEqual(
      parts.filter((part) => part.includes('declares')),
      ['shapes.ts, which declares moveBy'],
    )
    assert.equal(await engine.quit(), 0)
  })

  it('a folder that is added to the workspace is read from then on', async () => {
    const engine = await start({ folder: `${root}/inner` })
    await engine.open(address('main.ts'), 'typescript', imports)
    const before = await partsFor(engine, 'main.ts', 'moveBy')
    assert.ok(!before.some((part) => part.includes('shapes.ts')), before.join('\n'))
    await engine.connection.sendNotification(DidChangeWorkspaceFoldersNotification.type, {
      event: { added: [{ uri: root, name: 'project' }], removed: [] },
    })
    await engine.open(address('second.ts'), 'typescript', imports)
    const after = await partsFor(engine, 'second.ts', 'moveBy', 'shapes.ts')
    assert.ok(after.includes('shapes.ts, which declares moveBy'), after.join('\n'))
    assert.equal(await engine.quit(), 0)
  })

  it('in a workspace that nobody trusts nothing else is used, until somebody does', async () => {
    const engine = await start({ trusted: false })
    await engine.open(address('main.ts'), 'typescript', imports)
    const wary = await partsFor(engine, 'main.ts', 'moveBy')
    assert.ok(wary.length > 0)
    assert.ok(!wary.some((part) => part.includes('shapes.ts')), wary.join('\n'))
    await engine.connection.sendNotification(DidGrantTrustNotification.type)
    await engine.open(address('second.ts'), 'typescript', imports)
    const trusting = await partsFor(engine, 'second.ts', 'moveBy', 'shapes.ts')
    assert.ok(trusting.includes('shapes.ts, which declares moveBy'), trusting.join('\n'))
    assert.equal(await engine.quit(), 0)
  })
})
