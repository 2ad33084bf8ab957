// Who may import whom: the floors of ARCHITECTURE.md, read off the sources and checked against what the bundler saw.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

interface Floor {
  floor: number
  /** Folders of the same floor that it may see. */
  sees?: readonly string[]
  /** When given, nothing else below: these are written against one interface. */
  only?: readonly string[]
}

const provider = ['engine/protocol', 'engine/base', 'engine/provider']
const floors: Readonly<Record<string, Floor>> = {
  'engine/protocol': { floor: 0 },
  'engine/base': { floor: 0 },
  'engine/format': { floor: 1 },
  'engine/tokenizer': { floor: 1, sees: ['engine/format'] },
  'engine/graph': { floor: 1 },
  'engine/arch': { floor: 1, sees: ['engine/format', 'engine/graph'] },
  'engine/backend': { floor: 2 },
  'engine/model': { floor: 3 },
  'engine/generate': { floor: 4 },
  'engine/provider': { floor: 5 },
  'engine/complete': { floor: 6, only: provider },
  'engine/chat': { floor: 6, only: provider },
  'engine/server': { floor: 7, only: [...provider, 'engine/complete', 'engine/chat'] },
  'engine/cli': { floor: 7 },
  'engine/main.ts': { floor: 8 },
  extension: { floor: 9, only: ['engine/protocol', 'engine/base'] },
  webview: { floor: 9, only: ['engine/protocol'] },
  'package.json': { floor: -1 },
}

/** A package or built-in module, and the files that may import it; what no row names may be imported nowhere. */
const outside: readonly { name: RegExp; places: readonly string[]; why: string }[] = [
  {
    name: /^webgpu$/,
    places: ['engine/backend/webgpu/dawn.ts'],
    why: 'native code is loaded in one file, when asked for',
  },
  {
    name: /^node:fs(\/promises)?$/,
    places: [
      'engine/format/byte-source.ts',
      'engine/provider/',
      'engine/server/known-files/file-reader.ts',
      'engine/cli/',
      'extension/launch.ts',
    ],
    why: 'the rest works on bytes and text it is given, and so can be tested without a disk',
  },
  {
    name: /^node:(v8|vm)$/,
    places: ['engine/main.ts', 'engine/cli/bench-positions.ts', 'engine/tokenizer/bounded-template.ts'],
    why: 'when garbage is collected is decided once for the process, and by whoever measures its memory; and one program is stopped',
  },
  {
    name: /^node:worker_threads$/,
    places: ['engine/backend/cpu-simd/threads.ts'],
    why: 'products are shared in one place, and nothing else runs beside the loop of events',
  },
  {
    name: /^node:(child_process|net|http|https)$/,
    places: [
      'engine/provider/',
      'engine/cli/bench-llama-cpp.ts',
      'extension/launch.ts',
      'extension/client.ts',
    ],
    why: 'only downloads, the launcher and a comparison with another program reach outside the process',
  },
  {
    name: /^node:(crypto|zlib|os|path|readline|stream|util|url|events|timers\/promises)$/,
    places: ['engine/', 'extension/'],
    why: 'the webview is a browser',
  },
  { name: /^vscode$/, places: ['extension/'], why: 'the engine serves any editor' },
  {
    name: /^vscode-languageclient(\/|$)/,
    places: ['extension/'],
    why: 'the engine is the other side of the wire',
  },
  {
    name: /^vscode-languageserver-protocol(\/|$)/,
    places: ['engine/protocol/', 'extension/'],
    why: 'messages are declared once, in engine/protocol',
  },
  {
    name: /^(vscode-languageserver(\/node)?|vscode-languageserver-textdocument|vscode-uri)$/,
    places: ['engine/server/'],
    why: 'LSP stops at the server',
  },
  { name: /^cac$/, places: ['engine/cli/'], why: 'arguments are parsed once' },
  {
    name: /^valibot$/,
    places: ['engine/protocol/', 'engine/server/', 'engine/cli/', 'extension/'],
    why: 'values are parsed at the border and trusted inside',
  },
  {
    name: /^@huggingface\/jinja$/,
    places: ['engine/tokenizer/bounded-template.ts'],
    why: 'a template is a program by a stranger: one door for it',
  },
  {
    name: /^@vscode\/webview-ui-toolkit$/,
    places: ['webview/toolkit.ts'],
    why: 'it is archived, and must be replaceable in one file',
  },
  { name: /^dompurify$/, places: ['webview/markdown.ts'], why: 'one place decides what HTML is safe' },
  { name: /^(markdown-it|highlight\.js)(\/|$)/, places: ['webview/'], why: 'only the webview draws' },
]

interface Edge {
  from: string
  /** A path from the root without extension, or the name of a package. */
  to: string
}

// Prettier writes every source, so an import statement has one of few spellings.
const importPattern = /^(?:import|export)\b[^'";]*?\bfrom '([^']+)'|^import '([^']+)'|\bimport\('([^']+)'\)/gm

describe('floors', () => {
  const files = sourceFiles()
  const edges = files.flatMap((file) => importsOf(file))

  it('every folder has a floor', () => {
    const homeless = files.filter((file) => floors[folderOf(file)] === undefined)
    assert.deepEqual(homeless, [], 'give its folder a row in `floors`, and a line in ARCHITECTURE.md')
  })

  it('imports go down', () => {
    assert.deepEqual(edges.map(broken).filter(isText), [])
  })

  it('packages are imported where they belong', () => {
    assert.deepEqual(edges.map(misplaced).filter(isText), [])
  })

  it('the bundler sees no import that this test does not', () => {
    // Types are erased before the bundler looks, so the sources are read; this says that they are read right.
    const seen = new Set(edges.map(({ from, to }) => `${from} imports ${to}`))
    const missed = bundlerEdges()
      .map(({ from, to }) => `${from} imports ${to}`)
      .filter((edge) => !seen.has(edge))
    assert.deepEqual(missed, [])
  })

  it('tells what a broken edge breaks', () => {
    assert.equal(
      broken({ from: 'engine/chat/budget.ts', to: 'engine/server/lsp' }),
      'engine/chat/budget.ts (6) imports engine/server/lsp (7): imports go down; pass the value in instead',
    )
    assert.equal(
      broken({ from: 'engine/format/gguf.ts', to: 'engine/graph/graph' }),
      'engine/format/gguf.ts (1) imports engine/graph/graph (1): engine/format may not see its neighbor engine/graph',
    )
    assert.equal(
      broken({ from: 'webview/main.ts', to: 'engine/base/log' }),
      'webview/main.ts (9) imports engine/base/log (0): webview may see engine/protocol only',
    )
    assert.match(misplaced({ from: 'engine/cli/bench.ts', to: 'webgpu' }) ?? '', /dawn\.ts only/)
    assert.equal(broken({ from: 'engine/cli/bench.ts', to: 'engine/format/gguf' }), undefined)
  })
})

function broken({ from, to }: Edge): string | undefined {
  const home = folderOf(from)
  const target = folderOf(to)
  const here = floors[home]
  const there = floors[target]
  // Packages are the other rule's business.
  if (here === undefined || there === undefined || home === target) return undefined
  const edge = `${from} (${here.floor}) imports ${to} (${there.floor})`
  if (there.floor === -1) return undefined
  if (here.only !== undefined && !here.only.includes(target))
    return there.floor > here.floor
      ? `${edge}: imports go down; pass the value in instead`
      : `${edge}: ${home} may see ${here.only.join(', ')} only`
  if (there.floor > here.floor) return `${edge}: imports go down; pass the value in instead`
  if (there.floor === here.floor && !(here.sees ?? []).includes(target))
    return `${edge}: ${home} may not see its neighbor ${target}`
  return undefined
}

function misplaced({ from, to }: Edge): string | undefined {
  if (to.includes('/') && floors[folderOf(to)] !== undefined) return undefined
  if (to === 'package.json') return undefined
  const row = outside.find(({ name }) => name.test(to))
  if (row === undefined) return `${from} imports ${to}: no row of \`outside\` says who may`
  if (row.places.some((place) => from.startsWith(place))) return undefined
  return `${from} imports ${to}: ${row.places.join(', ')} only, because ${row.why}`
}

function sourceFiles(): string[] {
  return ['engine', 'extension', 'webview']
    .flatMap((folder) =>
      readdirSync(folder, { recursive: true })
        .map(String)
        .map((file) => [folder, ...file.split(path.sep)].join('/')),
    )
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))
}

function importsOf(file: string): Edge[] {
  return [...readFileSync(file, 'utf8').matchAll(importPattern)].map((match) => {
    const named = match[1] ?? match[2] ?? match[3] ?? ''
    return { from: file, to: named.startsWith('.') ? resolve(file, named) : named }
  })
}

function resolve(file: string, relative: string): string {
  return withoutExtension(path.posix.join(path.posix.dirname(file), relative))
}

interface BundlerInput {
  imports: { path: string; external?: boolean; original?: string }[]
}

/** Written by esbuild.mjs. */
function bundlerEdges(): Edge[] {
  const inputs = JSON.parse(readFileSync('dist/imports.json', 'utf8')) as Record<string, BundlerInput>
  return Object.entries(inputs)
    .filter(([from]) => floors[folderOf(from)] !== undefined && from.endsWith('.ts'))
    .flatMap(([from, { imports }]) =>
      imports
        // Helpers that the bundler adds by itself have no spelling in the source.
        .filter((entry) => entry.external === true || entry.original !== undefined)
        .filter((entry) => !entry.path.startsWith('<'))
        .map((entry) => ({ from, to: target(entry) })),
    )
}

function target(entry: { path: string; original?: string }): string {
  const { original = entry.path } = entry
  return original.startsWith('.') ? withoutExtension(entry.path) : original
}

function withoutExtension(file: string): string {
  return file.replace(/\.ts$/, '')
}

function folderOf(file: string): string {
  const parts = file.split('/')
  if (file === 'engine/main') return 'engine/main.ts'
  return parts[0] === 'engine' ? parts.slice(0, 2).join('/') : (parts[0] ?? '')
}

function isText(value: string | undefined): value is string {
  return value !== undefined
}
