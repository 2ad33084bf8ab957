// Shows how a model's tokenizer cuts a text.
import { tokenizerFromMetadata } from '../tokenizer/from-gguf'
import { userText, type Tokenizer } from '../tokenizer/tokenizer'
import type { Run } from './commands'
import { exitCodes } from './exit-codes'
import { withCheckpoint } from './open-file'
import { parseOptions } from './options'
import { readText } from './read-text'
import { printable } from './terminal'

export const tokenize: Run = async (context, _args, raw) => {
  const { model, textFile, json } = parseOptions(['model', 'textFile', 'json'], raw)
  const text = await readText(textFile)
  return withCheckpoint(context, model, async ({ metadata }) => {
    const { tokenizer, warnings } = tokenizerFromMetadata(metadata)
    for (const warning of warnings) context.terminal.log.warn(warning)
    const tokens = tokenizer.encode([userText(text)])
    const pieces = tokens.map((token) => tokenizer.pieceOf(token))
    const { terminal } = context
    if (json) {
      await terminal.out(`${JSON.stringify({ tokens, pieces, text: decode(tokenizer, tokens) })}\n`)
    } else {
      const lines = tokens.map((token, i) => `${String(token).padStart(7)}  ${printable(pieces[i] ?? '')}\n`)
      await terminal.out(lines.join(''))
      terminal.note(`${tokens.length} tokens`)
    }
    return exitCodes.ok.code
  })
}

function decode(tokenizer: Tokenizer, tokens: readonly number[]): string {
  return Buffer.concat(tokens.map((token) => tokenizer.bytesOf(token))).toString('utf8')
}
