// What other files the engine lets into prompts, and what it never reads, on a file system that a test wrote down.
import assert from 'node:assert/strict'
import { TextDocument } from 'vscode-languageserver-textdocument'
import { silentLog } from '../../../../engine/base/log'
import type { FileReader } from '../../../../engine/server/known-files/file-reader'
import { FileRules } from '../../../../engine/server/known-files/file-rules'
import { KnownFiles } from '../../../../engine/server/known-files/known-files'

const folder = 'file:///code/project'

interface Bench {
  files: KnownFiles
  /** Every address that was read, and was there. */
  read: string[]
  open: (path: string, text: string, languageId?: string) => TextDocument
  /** Paths of the documents that a prompt of `path` may use. */
  documents: (path: string) => Promise<string[] | undefined>
}

interface Disk {
  /** By path below the folder; a value that begins with `->` is a link. */
  [path: string]: string
}

function bench(disk: Disk, options: { exclude?: string[]; trusted?: boolean } = {}): Bench {
  const read: string[] = []
  const addressOf = (path: string): string => (path.startsWith('/') ? `file://${path}` : `${folder}/${path}`)
  const entries = new Map(Object.entries(disk).map(([path, text]) => [addressOf(path), text]))
  const target = (uri: string): string => {
    const text = entries.get(uri)
    return text?.startsWith('->') ? addressOf(text.slice(2)) : uri
  }
  const reader: FileReader = {
    text: (uri) => {
      const text = entries.get(target(uri))
      if (text !== undefined) read.push(uri.replace(`${folder}/`, ''))
      return Promise.resolve(text)
    },
    real: (uri) => Promise.resolve(target(uri)),
  }
  const rules = new FileRules(options.exclude ?? [], [folder])
  const files = new KnownFiles({
    reader,
    rules: () => rules,
    isTrusted: () => options.trusted ?? true,
    log: silentLog,
  })
  return {
    files,
    read,
    open: (path, text, languageId = 'typescript') => {
      const document = TextDocument.create(addressOf(path), languageId, 1, text)
      files.opened(document)
      return document
    },
    documents: async (path) => {
      // What is found out in the background is there.
      await settled()
      files.surroundings(addressOf(path))
      await settled()
      return files.surroundings(addressOf(path))?.documents.map((other) => other.path)
    },
  }
}

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5))

describe('known files', () => {
  // [name, files on disk, open documents, options, what a prompt of main.ts may use]
  const rows: [
    name: string,
    disk: Disk,
    open: Record<string, string>,
    options: { exclude?: string[]; trusted?: boolean },
    documents: string[] | undefined,
  ][] = [
    ['open documents, the one used last first', {}, { 'a.ts': 'a', 'b.ts': 'b' }, {}, ['b.ts', 'a.ts']],
    ['no empty ones', {}, { 'a.ts': ' \n' }, {}, []],
    ['no secrets', {}, { '.env': 'TOKEN=1', 'key.pem': 'x', 'a.ts': 'a' }, {}, ['a.ts']],
    ['nothing with a private key in it', {}, { 'a.ts': '-----BEGIN RSA PRIVATE KEY-----' }, {}, []],
    ['nothing that is excluded', {}, { 'in/a.ts': 'a', 'b.ts': 'b' }, { exclude: ['in/'] }, ['b.ts']],
    [
      'nothing that Git ignores',
      { '.gitignore': 'out/\n*.gen.ts\n!kept.gen.ts', '.git/HEAD': 'x' },
      { 'out/a.ts': 'a', 'b.gen.ts': 'b', 'kept.gen.ts': 'c' },
      {},
      ['kept.gen.ts'],
    ],
    [
      'folders further down have their own rules',
      { '.gitignore': '*.a.ts', 'in/.gitignore': '!*.a.ts\n*.b.ts', '.git/HEAD': 'x' },
      { 'in/x.a.ts': 'a', 'in/x.b.ts': 'b', 'x.a.ts': 'c', 'x.b.ts': 'd' },
      {},
      ['x.b.ts', 'in/x.a.ts'],
    ],
    [
      'what is inside an ignored folder stays ignored',
      { '.gitignore': 'out/\n!out/a.ts', 'out/.gitignore': '!a.ts', '.git/HEAD': 'x' },
      { 'out/a.ts': 'a' },
      {},
      [],
    ],
    [
      'the rules of the repository above the folder count, and no further',
      { '/code/.gitignore': 'b.ts', '/code/.git/HEAD': 'x', '/.gitignore': 'a.ts' },
      { 'a.ts': 'a', 'b.ts': 'b' },
      {},
      ['a.ts'],
    ],
    [
      'what Git excludes here only',
      { '.git/HEAD': 'x', '.git/info/exclude': 'a.ts' },
      { 'a.ts': 'a', 'b.ts': 'b' },
      {},
      ['b.ts'],
    ],
    [
      'nothing where nobody trusts the workspace',
      { 'c.ts': 'c' },
      { 'a.ts': 'a' },
      { trusted: false },
      undefined,
    ],
    ['files that are imported', { 'c.ts': 'c', 'd.ts': 'd' }, {}, {}, ['c.ts']],
    ['an imported file that is open, once', { 'c.ts': 'old' }, { 'c.ts': 'new' }, {}, ['c.ts']],
    ['no import that Git ignores', { 'c.ts': 'c', '.gitignore': 'c.ts', '.git/HEAD': 'x' }, {}, {}, []],
    ['no import that is excluded', { 'c.ts': 'c' }, {}, { exclude: ['c.*'] }, []],
    ['no import that links to a secret', { 'c.ts': '->.env', '.env': 'TOKEN=1' }, {}, {}, []],
    ['no import that links out of the folder', { 'c.ts': '->/etc/c.ts', '/etc/c.ts': 'c' }, {}, {}, []],
    [
      'no open document that links to a secret',
      { 'a.ts': '->.env', '.env': 'TOKEN=1' },
      { 'a.ts': 'TOKEN=1' },
      {},
      [],
    ],
  ]
  for (const [name, disk, open, options, documents] of rows) {
    it(name, async () => {
      const { open: openOne, documents: known } = bench(disk, options)
      for (const [path, text] of Object.entries(open)) openOne(path, text)
      openOne('main.ts', "import { c } from './c'\n")
      assert.deepEqual(await known('main.ts'), documents)
    })
  }

  it('nothing outside the folder is imported, nothing at all is read without trust, and no secret ever', async () => {
    const disk = { '/code/out.ts': 'x', '.env': 'TOKEN=1', 'c.ts': 'c', '.env.ts': 'y', '.git/HEAD': 'x' }
    const text = "import '../out'\nimport './c'\nimport './.env'\n"
    const trusting = bench(disk)
    trusting.open('main.ts', text)
    await trusting.documents('main.ts')
    assert.deepEqual(new Set(trusting.read), new Set(['.git/HEAD', 'c.ts']))
    const wary = bench(disk, { trusted: false })
    wary.open('main.ts', text)
    await wary.documents('main.ts')
    await wary.files.declared(`${folder}/main.ts`, [{ name: 'c', uri: `${folder}/c.ts`, line: 0 }])
    assert.deepEqual(wary.read, [])
  })

  it('a closed file is remembered, an untitled text is not', async () => {
    const { files, open, documents } = bench({})
    const closed = open('a.ts', 'a')
    const untitled = TextDocument.create('untitled:Untitled-1', 'typescript', 1, 'u')
    files.opened(untitled)
    open('main.ts', '')
    assert.deepEqual(await documents('main.ts'), ['Untitled-1', 'a.ts'])
    files.closed(closed)
    files.closed(untitled)
    assert.deepEqual(await documents('main.ts'), ['a.ts'])
  })

  it('edits of other documents are told with the text that stands there now', async () => {
    const { files, open, documents } = bench({})
    const other = open('a.ts', 'one\ntwo\nthree\n')
    files.changed(other, [{ firstLine: 1, lastLine: 1, newLines: 1 }])
    const main = open('main.ts', 'x\n')
    files.changed(main, [{ firstLine: 0, lastLine: 0, newLines: 1 }])
    await documents('main.ts')
    assert.deepEqual(files.surroundings(main.uri)?.edits, [
      { path: 'a.ts', languageId: 'typescript', text: 'two' },
    ])
  })

  // [where an editor says a name is declared, what a prompt is given of it]
  const declared: [name: string, uri: string, line: number, text: string[]][] = [
    ['a file of the folder', `${folder}/c.ts`, 1, ['function c() {\n}\n']],
    ['a secret', `${folder}/.env`, 0, []],
    ['a file elsewhere', 'file:///lib/lib.d.ts', 0, []],
    ['a file that Git ignores', `${folder}/node_modules/d.ts`, 0, []],
    ['a line that is not there', `${folder}/c.ts`, 9, []],
    ['the document itself', `${folder}/main.ts`, 0, []],
  ]
  for (const [name, uri, line, text] of declared) {
    it(`a declaration in ${name}`, async () => {
      const { files, open, documents } = bench({
        'c.ts': 'let a\nfunction c() {\n}\n',
        '.env': 'TOKEN=1',
        'node_modules/d.ts': 'd',
        '.gitignore': 'node_modules',
        '.git/HEAD': 'x',
        '/lib/lib.d.ts': 'lib',
      })
      open('main.ts', 'c()')
      await files.declared(`${folder}/main.ts`, [{ name: 'c', uri, line }])
      await documents('main.ts')
      assert.deepEqual(
        files.surroundings(`${folder}/main.ts`)?.declarations.map((one) => one.text),
        text,
      )
    })
  }
})
