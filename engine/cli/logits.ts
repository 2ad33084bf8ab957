// Prints the raw output of the model: what other implementations are compared with.
import { openBackend } from '../backend/open-backend'
import { loadModel, type Model } from '../model/model'
import type { CommandContext, Run } from './commands'
import { exitCodes } from './exit-codes'
import { withCheckpoint } from './open-file'
import { modelOptionNames } from './open-model'
import { chosenDevice, parseOptions } from './options'
import { printable, type Terminal } from './terminal'

export const logits: Run = async (context, _args, raw) => {
  const options = parseOptions(['tokens', 'all', 'json', ...modelOptionNames], raw)
  const { terminal, signal } = context
  return withCheckpoint(context, options.model, async (checkpoint) => {
    const { backend } = await openBackend(chosenDevice(options), terminal.log)
    try {
      const { log, progress } = terminal
      const load = {
        checkpoint,
        backend,
        contextLength: options.context,
        quantize: options.quantize,
        kvCache: options.kv,
        log,
        progress,
      }
      using model = await loadModel(load, signal)
      terminal.endProgress()
      const rows = await forward(context, model, options.tokens, options.all)
      if (options.json) await printJson(terminal, model, rows, options.all)
      else await printLikeliest(terminal, model, rows)
      return exitCodes.ok.code
    } finally {
      backend.dispose()
    }
  })
}

/** One row of [vocabulary] for the last token, or for every token. */
async function forward(
  { signal }: CommandContext,
  model: Model,
  tokens: readonly number[],
  all: boolean,
): Promise<Float32Array[]> {
  using state = model.createState(tokens.length)
  const values = await model.forward(state, tokens, { outputs: all ? 'all' : 'last' }, signal)
  const width = model.config.vocabulary
  return Array.from({ length: values.length / width }, (_, row) =>
    values.subarray(row * width, (row + 1) * width),
  )
}

// Row by row: all rows of a long text as one string would not fit.
async function printJson(
  { out }: Terminal,
  model: Model,
  rows: readonly Float32Array[],
  all: boolean,
): Promise<void> {
  const { architecture } = model.config
  const head = JSON.stringify({ architecture, backend: model.backend.kind }).slice(0, -1)
  await out(`${head},"logits":${all ? '[' : ''}`)
  for (const [index, row] of rows.entries()) await out(`${index > 0 ? ',' : ''}${JSON.stringify([...row])}`)
  await out(`${all ? ']' : ''}}\n`)
}

const shown = 10

async function printLikeliest(
  { out }: Terminal,
  { tokenizer }: Model,
  rows: readonly Float32Array[],
): Promise<void> {
  for (const [index, row] of rows.entries()) {
    if (rows.length > 1) await out(`after token ${index + 1}:\n`)
    const best = [...row.keys()].sort((a, b) => (row[b] ?? 0) - (row[a] ?? 0)).slice(0, shown)
    for (const token of best) {
      const piece = token < tokenizer.size ? JSON.stringify(tokenizer.pieceOf(token)) : '(padding)'
      await out(
        `${(row[token] ?? 0).toFixed(4).padStart(10)} ${String(token).padStart(7)}  ${printable(piece)}\n`,
      )
    }
  }
}
