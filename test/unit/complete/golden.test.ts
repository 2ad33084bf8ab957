// Ghost text in place: a document with its cursor, what the model says, and the document as it would be after accepting.
// `UPDATE=1` rewrites the last part of every case; read the diff.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { silentLog } from '../../../engine/base/log'
import { createCompleter } from '../../../engine/complete/complete'
import { parseSettings } from '../../../engine/protocol/settings'
import { scriptedProvider } from './scripted-provider'

const folder = path.join('test', 'golden', 'complete')

interface Case {
  name: string
  options: Readonly<Record<string, string>>
  document: string
  model: string
  ghost: string
}

describe('ghost text', () => {
  for (const file of readdirSync(folder)) {
    const text = readFileSync(path.join(folder, file), 'utf8')
    const cases = parseCases(text)
    const seen: string[] = []
    describe(path.basename(file, '.txt'), () => {
      for (const row of cases) {
        it(row.name, async () => {
          const at = seen.push(formatCase(row)) - 1
          const ghost = await suggest(row)
          seen[at] = formatCase({ ...row, ghost })
          if (process.env['UPDATE'] !== '1') assert.equal(ghost, row.ghost)
        })
      }
      after(() => {
        if (process.env['UPDATE'] === '1') writeFileSync(path.join(folder, file), seen.join('\n'))
      })
    })
  }
})

async function suggest({ options, document, model }: Case): Promise<string> {
  const offset = document.indexOf('┃')
  assert.ok(offset >= 0, 'the document has no cursor (┃)')
  const text = document.replace('┃', '')
  const provider = scriptedProvider({
    says: () => model,
    fim: options['fim'] !== 'no',
    finishReason: options['ends'] === 'length' ? 'length' : 'stop',
  })
  const completer = createCompleter({
    provider: () => provider,
    settings: () => ({ ...parseSettings({}).completion, debounceMs: 0 }),
    log: silentLog,
  })
  const selected = options['selected']
  const wordStart = offset - (/\w*$/.exec(text.slice(0, offset))?.[0].length ?? 0)
  const suggestion = await completer.complete(
    {
      uri: 'file:///case',
      path: options['path'] ?? '',
      languageId: options['language'] ?? 'typescript',
      text,
      offset,
      trigger: options['trigger'] === 'invoked' ? 'invoked' : 'automatic',
      ...(selected ? { selected: { start: wordStart, end: offset, text: selected } } : {}),
    },
    new AbortController().signal,
  )
  if (!suggestion) return `(nothing${provider.asked.length === 0 ? ', and the model was not asked' : ''})`
  const { start, end } = suggestion
  return `${text.slice(0, start)}├${suggestion.text}┤${text.slice(end)}`
}

function parseCases(text: string): Case[] {
  return text
    .split(/^## /m)
    .slice(1)
    .map((block) => {
      const [head = '', ...sections] = block.split(/^--- /m)
      const [name = '', ...optionLines] = head.trimEnd().split('\n')
      const options = Object.fromEntries(optionLines.map((line) => line.split(': ', 2) as [string, string]))
      const [document = '', model = '', ghost = ''] = ['document', 'model', 'ghost'].map((title) =>
        sections
          .find((section) => section.startsWith(`${title}\n`))
          ?.slice(title.length + 1)
          .replace(/\n$/, ''),
      )
      return { name, options, document, model, ghost: ghost.replace(/\n$/, '') }
    })
}

function formatCase({ name, options, document, model, ghost }: Case): string {
  const lines = Object.entries(options).map(([key, value]) => `${key}: ${value}\n`)
  return `## ${name}\n${lines.join('')}--- document\n${document}\n--- model\n${model}\n--- ghost\n${ghost}\n`
}
