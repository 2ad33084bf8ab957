// llama.cpp with the same model, asked and trimmed as llama.vscode does it; a process of its own in test/peer/.
import { spawn } from 'node:child_process'
import path from 'node:path'
import { createInterface } from 'node:readline'
import * as v from 'valibot'
import { ghostOf, infillRequest } from './llama-vscode'
import type { OpenOptions, Subject } from './subject'

// `--ctx-size` and `-b` of the servers that llama.vscode starts by itself are at least these.
const contextTokens = 4096
const batchTokens = 1024

const opened = v.object({ version: v.string(), fim: v.boolean() })
const answered = v.object({
  text: v.string(),
  promptTokens: v.number(),
  generatedTokens: v.number(),
  promptMs: v.number(),
  predictMs: v.number(),
})

export const infillScript = path.join('test', 'peer', 'llama-cpp-infill.mjs')

export async function openLlamaCpp({ model, device }: OpenOptions): Promise<Subject> {
  const gpu = device === 'cpu' ? 'none' : process.platform === 'darwin' ? 'metal' : 'vulkan'
  const child = spawn(
    process.execPath,
    [infillScript, model, gpu, String(contextTokens), String(batchTokens)],
    // Unless devices are named, llama.cpp passes over software adapters.
    { stdio: ['pipe', 'pipe', 'inherit'], env: { GGML_VK_VISIBLE_DEVICES: '0', ...process.env } },
  )
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async (): Promise<unknown> => {
    const line = await lines.next()
    if (line.done === true)
      throw new Error('llama.cpp ended; is it installed? npm ci --ignore-scripts --prefix test/peer')
    return JSON.parse(line.value)
  }
  v.parse(opened, await next())
  return {
    answer: async ({ document, start: offset }) => {
      const request = infillRequest(document, offset)
      if (!request) return { tokens: 0, outcome: 'too much follows on the line' }
      child.stdin.write(`${JSON.stringify({ ...request, seed: offset })}\n`)
      const { text, promptTokens, generatedTokens } = v.parse(answered, await next())
      const ghost = ghostOf(document, offset, text)
      return {
        ...(ghost && { ghost }),
        raw: text,
        tokens: promptTokens + generatedTokens,
        outcome: ghost ? 'suggested' : text === '' ? 'the model ended at once' : 'repeats what follows',
      }
    },
    close: async () => {
      child.stdin.end()
      await new Promise((resolve) => child.once('close', resolve))
    },
  }
}
