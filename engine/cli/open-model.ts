// Opens the model a command works with: gets the file, opens the device, and says what was chosen.
import { ensureModel } from '../provider/hub'
import type { LocalProvider } from '../provider/local'
import { openLocal } from '../provider/open-local'
import type { CommandContext } from './commands'
import { chosenDevice, type Options } from './options'

export type ModelOptions = Options<(typeof modelOptionNames)[number]>

export const modelOptionNames = ['model', 'device', 'backend', 'context', 'quantize', 'kv', 'draft'] as const

/** The caller disposes it. Throws what getting, reading or loading a model throws. */
export async function openModel(
  { terminal, signal }: CommandContext,
  options: ModelOptions,
): Promise<LocalProvider> {
  const { log, progress } = terminal
  const path = await ensureModel(options.model, terminal, signal)
  const draftPath =
    options.draft === undefined ? undefined : await ensureModel(options.draft, terminal, signal)
  const provider = await openLocal(
    {
      path,
      ...(draftPath !== undefined && { draftPath }),
      model: options.model,
      device: chosenDevice(options),
      contextLength: options.context,
      quantize: options.quantize,
      kvCache: options.kv,
      log,
      progress,
    },
    signal,
  )
  terminal.endProgress()
  return provider
}

/** Runs `work` with an open model and closes it whatever happens. */
export async function withModel<T>(
  context: CommandContext,
  options: ModelOptions,
  work: (provider: LocalProvider) => Promise<T>,
): Promise<T> {
  const provider = await openModel(context, options)
  try {
    return await work(provider)
  } finally {
    await provider.dispose()
  }
}
