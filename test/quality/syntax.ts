// Tree-sitter, as much of it as the bench uses. It is installed in this folder only, so it is loaded when it is needed and typed here.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { languages, type LanguageId } from './languages'

/** Offsets count UTF-16 units. */
export interface SyntaxNode {
  readonly type: string
  readonly text: string
  readonly startIndex: number
  readonly endIndex: number
  readonly isNamed: boolean
  readonly isError: boolean
  readonly isMissing: boolean
  readonly hasError: boolean
  readonly parent: SyntaxNode | null
  readonly nextNamedSibling: SyntaxNode | null
  readonly children: readonly (SyntaxNode | null)[]
  childForFieldName(name: string): SyntaxNode | null
}

interface Tree {
  readonly rootNode: SyntaxNode
  delete(): void
}

interface Parser {
  setLanguage(language: unknown): unknown
  parse(text: string): Tree | null
}

interface TreeSitter {
  Parser: { new (): Parser; init(options: { wasmBinary: Uint8Array }): Promise<void> }
  Language: { load(wasm: Uint8Array): Promise<unknown> }
}

export class Syntax {
  private constructor(private readonly parsers: ReadonlyMap<LanguageId, Parser>) {}

  /** Throws where `npm ci --prefix test/quality` has not run. */
  static async load(): Promise<Syntax> {
    const require = createRequire(path.resolve('test', 'quality', 'package.json'))
    const folder = path.dirname(installed(() => require.resolve('@vscode/tree-sitter-wasm')))
    const { Parser, Language } = require('@vscode/tree-sitter-wasm') as TreeSitter
    const wasm = (name: string): Uint8Array => readFileSync(path.join(folder, `${name}.wasm`))
    await Parser.init({ wasmBinary: wasm('tree-sitter') })
    const parsers = new Map<LanguageId, Parser>()
    for (const [id, { grammar }] of Object.entries(languages)) {
      const parser = new Parser()
      parser.setLanguage(await Language.load(wasm(`tree-sitter-${grammar}`)))
      parsers.set(id as LanguageId, parser)
    }
    return new Syntax(parsers)
  }

  /** The tree lives as long as `use` runs. */
  parse<T>(language: LanguageId, text: string, use: (root: SyntaxNode) => T): T {
    const tree = this.parsers.get(language)?.parse(text)
    if (!tree) throw new Error(`no tree for a text in ${language}`)
    try {
      return use(tree.rootNode)
    } finally {
      tree.delete()
    }
  }

  /** Nodes that the parser could not make sense of, or had to invent. */
  errors(language: LanguageId, text: string): number {
    return this.parse(language, text, countErrors)
  }
}

function installed(resolve: () => string): string {
  try {
    return resolve()
  } catch {
    throw new Error('The parsers are not installed: npm ci --ignore-scripts --prefix test/quality')
  }
}

export function childrenOf(node: SyntaxNode): SyntaxNode[] {
  return node.children.filter((child) => child !== null)
}

/** Every node, parents first; `into` says whether to go below one. */
export function* walk(node: SyntaxNode, into: (node: SyntaxNode) => boolean): Generator<SyntaxNode> {
  yield node
  if (into(node)) for (const child of childrenOf(node)) yield* walk(child, into)
}

function countErrors(node: SyntaxNode): number {
  if (node.isMissing) return 1
  if (!node.hasError) return 0
  return childrenOf(node).reduce((sum, child) => sum + countErrors(child), node.isError ? 1 : 0)
}
