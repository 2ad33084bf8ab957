// Markdown by blocks, so that a growing answer costs only its last block. Knows no DOM.
import MarkdownIt from 'markdown-it'
import { highlight } from './highlight'

/** A paragraph, list, code block… at the top level of a text. */
export interface Block {
  /** Lines of the source, end exclusive. */
  lines: [number, number]
  /** Source text: equal sources look equal. */
  source: string
  /** For code blocks, the language as the model wrote it; may be empty. */
  language: string | undefined
}

// Raw HTML stays text. The sanitizer behind it is a second lock, not the first.
const parser = new MarkdownIt({ html: false, linkify: false, breaks: false })
// `[name]: url` lines would let a later block change an earlier one, and blocks are drawn only once.
parser.disable(['reference'])
parser.validateLink = (url) => /^https?:\/\//i.test(url.trim())
// A picture would tell its server that the answer was read; the content policy would not load it anyway.
parser.renderer.rules.image = (tokens, index) => {
  const token = tokens[index]
  return `<span class="picture">[picture: ${parser.utils.escapeHtml(token?.content ?? '')}]</span>`
}
parser.renderer.rules.fence = (tokens, index) =>
  codeHtml(tokens[index]?.content ?? '', tokens[index]?.info ?? '')
parser.renderer.rules.code_block = (tokens, index) => codeHtml(tokens[index]?.content ?? '', '')

/** Splits a text at its top-level blocks. */
export function splitBlocks(text: string): Block[] {
  const lines = text.split('\n')
  const blocks: Block[] = []
  for (const token of parser.parse(text, {})) {
    if (token.level !== 0 || token.map === null || token.nesting < 0) continue
    const isCode = token.type === 'fence' || token.type === 'code_block'
    blocks.push({
      lines: token.map,
      source: lines.slice(...token.map).join('\n'),
      language: isCode ? languageOf(token.info) : undefined,
    })
  }
  return blocks
}

/**
 * Like `splitBlocks`, reusing the blocks of an earlier, shorter version of the text. Its last two blocks can still change:
 * the last one grows, and a paragraph `1` below a list becomes the list's next item with `1.`.
 */
export function growBlocks(previous: readonly Block[], text: string): Block[] {
  const kept = previous.slice(0, -2)
  const from = previous[kept.length]?.lines[0] ?? 0
  const tail = text.split('\n').slice(from).join('\n')
  const fresh = splitBlocks(tail).map((block) => ({
    ...block,
    lines: [block.lines[0] + from, block.lines[1] + from] satisfies [number, number],
  }))
  return [...kept, ...fresh]
}

/** HTML of a block; raw HTML in the source is text in the result. */
export function blockHtml(block: Block): string {
  return parser.render(block.source)
}

function codeHtml(code: string, info: string): string {
  const colored = highlight(code, languageOf(info).toLowerCase()) ?? parser.utils.escapeHtml(code)
  return `<pre><code class="hljs">${colored}</code></pre>\n`
}

function languageOf(info: string): string {
  return info.trim().split(/[\s,:{]/)[0] ?? ''
}
