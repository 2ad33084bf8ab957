// `hearth perplexity FILE`: one figure for how well a model predicts a text, comparable with llama.cpp's tool of that name.
import { openBackend } from '../backend/open-backend'
import { measurePerplexity } from '../generate/perplexity'
import { loadModel } from '../model/model'
import { userText } from '../tokenizer/tokenizer'
import type { Run } from './commands'
import { exitCodes } from './exit-codes'
import { withCheckpoint } from './open-file'
import { chosenDevice, parseOptions } from './options'
import { readText } from './read-text'

export const perplexity: Run = async (context, [file = ''], raw) => {
  const options = parseOptions(['model', 'device', 'backend', 'quantize', 'kv', 'ctx', 'json'], raw)
  const { terminal, signal } = context
  const text = await readText(file)
  return withCheckpoint(context, options.model, async (checkpoint) => {
    const { backend } = await openBackend(chosenDevice(options), terminal.log)
    try {
      const { log, progress } = terminal
      using model = await loadModel(
        {
          checkpoint,
          backend,
          contextLength: options.ctx,
          quantize: options.quantize,
          kvCache: options.kv,
          log,
          progress,
        },
        signal,
      )
      // No window is longer than what the model was trained for.
      const ctx = Math.min(options.ctx, model.contextLength)
      const tokens = model.tokenizer.encode([userText(text)])
      const found = await measurePerplexity(
        model,
        tokens,
        ctx,
        (sofar, windows) =>
          progress.report(
            sofar.windows / windows,
            `Window ${sofar.windows} of ${windows}: perplexity ${sofar.perplexity.toFixed(4)}`,
          ),
        signal,
      )
      terminal.endProgress()
      if (options.json) {
        const { architecture } = model.config
        const device = { backend: backend.kind, device: backend.device.name }
        const facts = { model: options.model, architecture, ...device, ctx, tokens: tokens.length, ...found }
        await terminal.out(`${JSON.stringify(facts)}\n`)
      } else {
        await terminal.out(
          `perplexity ${found.perplexity.toFixed(4)} ± ${found.error.toFixed(4)}\n` +
            `${tokens.length} tokens, ${found.scored} of them scored in ${found.windows} windows of ${ctx}\n`,
        )
      }
      return exitCodes.ok.code
    } finally {
      backend.dispose()
    }
  })
}
