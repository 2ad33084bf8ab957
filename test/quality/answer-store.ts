// Answers of earlier runs of other programs, so that a bench that was stopped goes on where it was: one line of JSON each, in the cache
// folder.
import { createHash } from 'node:crypto'
import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import * as v from 'valibot'
import { cacheFolder } from '../../engine/provider/cache-folder'
import type { Answer } from './subject'

const line = v.object({
  id: v.string(),
  answer: v.object({
    ghost: v.optional(v.object({ text: v.string(), start: v.number(), end: v.number() })),
    tokens: v.number(),
    outcome: v.string(),
    raw: v.optional(v.string()),
  }),
})

export class AnswerStore {
  readonly #file: string
  readonly #answers = new Map<string, Answer>()

  /** Answers count as the same as long as `key` is the same. */
  constructor(key: string) {
    const folder = path.join(cacheFolder(), 'bench-completion')
    mkdirSync(folder, { recursive: true })
    this.#file = path.join(folder, `${createHash('sha256').update(key).digest('hex').slice(0, 16)}.jsonl`)
    if (!existsSync(this.#file)) return
    for (const text of readFileSync(this.#file, 'utf8').split('\n')) {
      const read = v.safeParse(v.pipe(v.string(), v.parseJson(), line), text)
      // A line that was torn when a run ended is a case to do again.
      if (!read.success) continue
      const { ghost, raw, ...rest } = read.output.answer
      this.#answers.set(read.output.id, {
        ...rest,
        ...(ghost && { ghost }),
        ...(raw !== undefined && { raw }),
      })
    }
  }

  get(id: string): Answer | undefined {
    return this.#answers.get(id)
  }

  put(id: string, answer: Answer): void {
    this.#answers.set(id, answer)
    appendFileSync(this.#file, `${JSON.stringify({ id, answer })}\n`)
  }
}
