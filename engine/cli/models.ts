// `hearth models`: the catalog and the cache.
import { EngineError } from '../protocol/errors'
import type { ModelInfo } from '../protocol/messages'
import { modelsFolder } from '../provider/cache-folder'
import { defaultModel, findModel } from '../provider/catalog'
import { describeBytes } from '../provider/disk-error'
import { ensureModel, listModels, removeModel } from '../provider/hub'
import type { CommandContext, Run } from './commands'
import { exitCodes } from './exit-codes'
import { parseOptions } from './options'

export const models: Run = async (context, [action = 'list', id], raw) => {
  const { json } = parseOptions(['json'], raw)
  const run = actions[action]
  if (!run) {
    throw new EngineError('bad-request', `There is no action "${action}".`, {
      hint: `There are ${Object.keys(actions).join(', ')}.`,
    })
  }
  const result = await run(context, id)
  if (json) await context.terminal.out(`${JSON.stringify(result.value)}\n`)
  else await context.terminal.out(result.text)
  return exitCodes.ok.code
}

interface Result {
  value: unknown
  text: string
}

const actions: Record<string, (context: CommandContext, id: string | undefined) => Promise<Result>> = {
  list: async () => {
    const found = await listModels()
    const folder = modelsFolder()
    return { value: { folder, models: found }, text: `${found.map(describe).join('')}\nin ${folder}\n` }
  },
  get: async ({ terminal, signal }, given) => {
    const id = known(given)
    const path = await ensureModel(id, terminal, signal)
    return { value: { id, path }, text: `${path}\n` }
  },
  remove: async (_context, given) => {
    const id = known(given)
    const freed = await removeModel(id)
    const text = freed > 0 ? `removed ${id}, ${describeBytes(freed)} are free now\n` : `${id} was not here\n`
    return { value: { id, freed }, text }
  },
}

function describe({ id, title, bytes, license, installed, description }: ModelInfo): string {
  const mark = installed ? '●' : '○'
  const isDefault = id === defaultModel ? ', the default' : ''
  const here = installed ? ', on this machine' : ''
  return `${mark} ${id}\n    ${title}, ${describeBytes(bytes)}, ${license}${isDefault}${here}\n    ${description}\n`
}

function known(id: string | undefined): string {
  if (id !== undefined && findModel(id)) return id
  throw new EngineError(
    'bad-request',
    id === undefined ? 'Which model?' : `The catalog has no model "${id}".`,
    { hint: 'See `hearth models list`.' },
  )
}
