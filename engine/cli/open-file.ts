// Opens a model file for reading only: no device, no weights.
import type { Checkpoint } from '../format/checkpoint'
import { openCheckpoint } from '../format/open-checkpoint'
import { ensureModel } from '../provider/hub'
import type { CommandContext } from './commands'

/** Runs `work` with the opened file and closes it whatever happens. Throws what getting or reading a model throws. */
export async function withCheckpoint<T>(
  { terminal, signal }: CommandContext,
  model: string,
  work: (checkpoint: Checkpoint) => Promise<T>,
): Promise<T> {
  const path = await ensureModel(model, terminal, signal)
  terminal.endProgress()
  const checkpoint = await openCheckpoint(path, signal)
  try {
    return await work(checkpoint)
  } finally {
    await checkpoint.close()
  }
}
