// `hearth explain FILE[:A-B]`: the same explanation "Explain Code" gives in an editor.
import path from 'node:path'
import { answer, chatOptions, explainMessages } from '../chat/chat'
import { EngineError } from '../protocol/errors'
import { parseSettings } from '../protocol/settings'
import type { Run } from './commands'
import { exitCodes } from './exit-codes'
import { languageOf } from './language'
import { modelOptionNames, withModel } from './open-model'
import { parseOptions } from './options'
import { readText } from './read-text'
import { describeSpeed } from './speed'
import { printable } from './terminal'

export const explain: Run = async (context, args, raw) => {
  const options = parseOptions(['maxTokens', 'temperature', 'seed', ...modelOptionNames], raw)
  const { file, code } = await readCode(args[0] ?? '')
  const messages = explainMessages({ code, languageId: languageOf(file), path: path.basename(file) })
  const { maxTokens, temperature, seed } = options
  const settings = { ...parseSettings({}).chat, maxTokens, temperature }
  const { terminal, signal } = context
  return withModel(context, options, async (provider) => {
    const request = { ...chatOptions(messages, settings), ...(seed === undefined ? {} : { seed }) }
    const result = await answer(provider, request, (text) => void terminal.out(printable(text)), signal)
    await terminal.out('\n')
    terminal.note(describeSpeed(result.usage))
    return result.finishReason === 'cancelled' ? exitCodes.interrupted.code : exitCodes.ok.code
  })
}

/** Throws `bad-request`. */
async function readCode(given: string): Promise<{ file: string; code: string }> {
  const [, file = given, from, to = from] = /^(.+?):(\d+)(?:-(\d+))?$/.exec(given) ?? []
  const text = await readText(file)
  if (from === undefined) return { file, code: text }
  const lines = text.split('\n')
  const [first, last] = [Number(from), Number(to)]
  if (first < 1 || last < first || first > lines.length) {
    throw new EngineError(
      'bad-request',
      `${file} has lines 1 to ${lines.length}, but not ${first}-${last}.`,
      {
        hint: 'Give lines such as src/app.ts:10-40.',
      },
    )
  }
  return { file, code: lines.slice(first - 1, last).join('\n') }
}
