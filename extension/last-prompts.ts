// The last prompts as a document: reading the prompt is the first step in understanding an answer.
import * as vscode from 'vscode'
import { RequestLogRequest } from '../engine/protocol/messages'
import type { Engine } from './client'
import { fromWire } from './wire-error'

/** Opens an unsaved Markdown document with what the engine keeps in memory. */
export async function showLastPrompts(engine: Engine): Promise<void> {
  const client = await engine.client()
  const entries = await client.sendRequest(RequestLogRequest.type).catch((error: unknown) => {
    throw fromWire(error)
  })
  const content = ['# Last prompts, newest first', ...entries.map(section)].join('\n\n')
  const document = await vscode.workspace.openTextDocument({ language: 'markdown', content: `${content}\n` })
  await vscode.window.showTextDocument(document, { preview: true })
}

function section({ at, kind, prompt, text, outcome, usage }: RequestLogRequest.Entry): string {
  const numbers =
    usage === undefined
      ? ''
      : `, ${usage.promptTokens} prompt tokens (${usage.reusedTokens} from cache) in ${Math.round(usage.prefillMs)} ms, ` +
        `${usage.completionTokens} tokens in ${Math.round(usage.decodeMs)} ms`
  return `## ${at} ${kind}: ${outcome}${numbers}\n\nPrompt:\n\n${indent(prompt)}\n\nAnswer:\n\n${indent(text)}`
}

function indent(text: string): string {
  return text.replace(/^/gm, '    ')
}
