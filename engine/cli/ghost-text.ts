// One ghost text for a place in a file, and its picture: the suggestion dimmed where it would appear, with a few lines around it.
import path from 'node:path'
import { createCompleter } from '../complete/complete'
import { parseSettings } from '../protocol/settings'
import type { Usage } from '../protocol/chat'
import type { Provider } from '../provider/provider'
import type { CommandContext } from './commands'
import { languageOf } from './language'
import { printable, type Terminal } from './terminal'

export interface Place {
  file: string
  text: string
  /** UTF-16 units into the text. */
  offset: number
}

export interface Ghost {
  /** What is inserted, instead of the text from `start` to `end`; empty when the model has nothing to add. */
  text: string
  start: number
  end: number
  usage: Usage | undefined
}

// Nobody types meanwhile, so the budget of an editor would only cut short what a slow machine can do.
const patienceMs = 60_000

/** The same ghost text an editor would show when asked by hand. */
export async function suggest(
  { terminal, signal }: CommandContext,
  provider: Provider,
  { file, text, offset }: Place,
  maxTokens: number,
): Promise<Ghost> {
  const settings = { ...parseSettings({}).completion, maxTokens, timeBudgetMs: patienceMs }
  let usage: Usage | undefined
  const completer = createCompleter({
    provider: () => provider,
    settings: () => settings,
    log: terminal.log,
    record: (entry) => {
      usage = entry.usage
      terminal.log.debug(`${entry.outcome}: ${JSON.stringify(entry.text)}`)
    },
  })
  const input = {
    uri: `file://${path.resolve(file)}`,
    path: path.basename(file),
    languageId: languageOf(file),
    text,
    offset,
    trigger: 'invoked',
  } as const
  const found = await completer.complete(input, signal)
  signal.throwIfAborted()
  return { text: found?.text ?? '', start: found?.start ?? offset, end: found?.end ?? offset, usage }
}

const linesAround = 2

/** Two lines before, the line with its ghost, two after. Where styles are not shown, the ghost stands between ⟦ and ⟧. */
export function drawGhost(terminal: Terminal, { text, offset }: Place, ghost: Ghost): string {
  const before = text.slice(0, offset).split(/\r?\n/)
  const after = text.slice(ghost.end).split(/\r?\n/)
  const firstLine = Math.max(0, before.length - 1 - linesAround)
  const shown = printable(ghost.text.replaceAll('\r\n', '\n'))
  const marked = terminal.styled ? terminal.style('dim', shown) : `⟦${shown}⟧`
  const lines = [
    printable(before.slice(firstLine).join('\n')),
    ghost.text === '' ? '' : marked,
    printable(after.slice(0, linesAround + 1).join('\n')),
  ]
  const numbered = lines.join('').split('\n')
  const ghostLines = shown.split('\n').length - 1
  return numbered
    .map((line, i) => {
      const number = firstLine + i + 1
      const isNew = number > before.length && number <= before.length + ghostLines
      const label = isNew ? '+' : String(number > before.length ? number - ghostLines : number)
      return `${terminal.style('dim', label.padStart(5))}  ${line}\n`
    })
    .join('')
}
