// `hearth demo`, which `npm start` runs: from nothing to a real ghost text and a real answer, saying what is used and how fast it is.
import { answer, chatOptions } from '../chat/chat'
import { parseSettings } from '../protocol/settings'
import type { Usage } from '../protocol/chat'
import type { LocalProvider } from '../provider/local'
import type { CommandContext, Run } from './commands'
import { exitCodes } from './exit-codes'
import { drawGhost, suggest } from './ghost-text'
import { modelOptionNames, withModel } from './open-model'
import { parseOptions } from './options'
import { describeSpeed } from './speed'
import { printable } from './terminal'

export const demo: Run = async (context, _args, raw) => {
  const options = parseOptions(modelOptionNames, raw)
  return withModel(context, options, async (provider) => {
    const { out, style } = context.terminal
    const { model, device } = provider.info
    // Why this device, the log has said.
    await out(`${style('bold', 'Model')}   ${model}\n${style('bold', 'Device')}  ${device}\n\n`)
    await showGhost(context, provider)
    await showAnswer(context, provider)
    await out('Next: `node dist/engine.js chat`, or `node dist/engine.js help` for everything else.\n')
    return exitCodes.ok.code
  })
}

const mark = '┃'
const sample = `/** Returns the sum of all numbers in a list. */
export function sum(values: number[]): number {
  let total = 0
  for (const value of values) {
    ${mark}
  }
  return total
}
`

async function showGhost(context: CommandContext, provider: LocalProvider): Promise<void> {
  const { out, style } = context.terminal
  const place = { file: 'sum.ts', text: sample.replace(mark, ''), offset: sample.indexOf(mark) }
  await out(`${style('bold', 'Ghost text')} in sum.ts, as an editor shows it\n`)
  const ghost = await suggest(context, provider, place, 48)
  await out(drawGhost(context.terminal, place, ghost))
  await tellSpeed(context, ghost.usage)
}

const question = 'What does the TypeScript keyword "const" do? Answer in two sentences.'

async function showAnswer(context: CommandContext, provider: LocalProvider): Promise<void> {
  const { out, style } = context.terminal
  await out(`${style('bold', 'Chat')}  ${question}\n`)
  const settings = { ...parseSettings({}).chat, maxTokens: 120, temperature: 0 }
  const request = chatOptions([{ role: 'user', content: question }], settings)
  const { usage } = await answer(provider, request, (text) => void out(printable(text)), context.signal)
  context.signal.throwIfAborted()
  await out('\n')
  await tellSpeed(context, usage)
}

async function tellSpeed({ terminal }: CommandContext, usage: Usage | undefined): Promise<void> {
  await terminal.out(`${terminal.style('dim', usage ? describeSpeed(usage) : 'no answer')}\n\n`)
}
