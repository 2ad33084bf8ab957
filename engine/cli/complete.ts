// `hearth complete FILE:LINE:COL`: the ghost text an editor would show there.
import { EngineError } from '../protocol/errors'
import type { Run } from './commands'
import { exitCodes } from './exit-codes'
import { drawGhost, suggest, type Place } from './ghost-text'
import { modelOptionNames, withModel } from './open-model'
import { parseOptions } from './options'
import { readText } from './read-text'
import { describeSpeed } from './speed'

export const complete: Run = async (context, args, raw) => {
  const options = parseOptions(['maxTokens', 'json', ...modelOptionNames], raw)
  const place = await readPlace(args[0] ?? '')
  const { terminal } = context
  return withModel(context, options, async (provider) => {
    const ghost = await suggest(context, provider, place, options.maxTokens)
    const { text, start, end, usage } = ghost
    if (options.json) {
      await terminal.out(`${JSON.stringify({ text, start, end, usage, ...provider.info })}\n`)
    } else {
      await terminal.out(drawGhost(terminal, place, ghost))
      if (text === '') terminal.note('The model has nothing to add here.')
      if (usage) terminal.note(describeSpeed(usage))
    }
    return exitCodes.ok.code
  })
}

/** Line and column count from 1, as editors show them. Throws `bad-request`. */
export async function readPlace(given: string): Promise<Place> {
  const match = /^(.+):(\d+):(\d+)$/.exec(given)
  if (!match) {
    throw new EngineError('bad-request', `"${given}" is not FILE:LINE:COL.`, {
      hint: 'Give a place such as src/app.ts:12:8.',
    })
  }
  const [, file = '', line, column] = match
  const text = await readText(file)
  return { file, text, offset: offsetAt(text, Number(line), Number(column), file) }
}

function offsetAt(text: string, line: number, column: number, file: string): number {
  const lines = text.split('\n')
  const content = lines[line - 1]?.replace(/\r$/, '')
  if (content === undefined) throw outside(`${file} has ${lines.length} lines, but not line ${line}.`)
  if (column < 1 || column > content.length + 1) {
    throw outside(`Line ${line} of ${file} has columns 1 to ${content.length + 1}, but not ${column}.`)
  }
  const start = lines.slice(0, line - 1).reduce((sum, before) => sum + before.length + 1, 0)
  return start + column - 1
}

function outside(message: string): EngineError {
  return new EngineError('bad-request', message, { hint: 'Lines and columns count from 1.' })
}
