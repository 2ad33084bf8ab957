// Whatever is typed, cancelled and forgotten in whatever order: a suggestion continues the text that it was asked for.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { breathe } from '../../../engine/base/signal'
import { silentLog } from '../../../engine/base/log'
import { createCompleter } from '../../../engine/complete/complete'
import { parseSettings } from '../../../engine/protocol/settings'
import { scriptedProvider } from './scripted-provider'

const start = 'const first = second\n'
const after = '\nthird()\n'

interface Stroke {
  /** A character, the next one of the ghost, or one less. */
  key: 'a' | 'b' | ' ' | '(' | '\n' | 'ghost' | 'backspace'
  /** Turns of the event loop until the next stroke; the scripted model says a piece in each. */
  turns: number
  /** Whether the editor cancels the request when the next stroke comes. */
  cancels: boolean
}

const stroke: fc.Arbitrary<Stroke> = fc.record({
  key: fc.constantFrom('a', 'b', ' ', '(', '\n', 'ghost', 'ghost', 'ghost', 'backspace'),
  turns: fc.nat(12),
  cancels: fc.boolean(),
})

/** Some words that depend on the end of the prompt only. */
function says(prompt: string): string {
  let state = [...prompt.slice(-5)].reduce((sum, char) => (sum * 31 + char.charCodeAt(0)) >>> 0, 7)
  const next = (): string => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    return 'ab (a b)'.charAt((state >>> 16) % 8)
  }
  return Array.from({ length: 10 }, next).join('')
}

const unblank = (text: string): string => text.replaceAll(/\s/g, '')

describe('completion while typing', () => {
  it('shows nothing that the model did not write for the text at the cursor', async () => {
    let shown = 0
    await fc.assert(
      fc.asyncProperty(fc.array(stroke, { minLength: 5, maxLength: 40 }), async (strokes) => {
        const provider = scriptedProvider({ says, pieceChars: 2 })
        const completer = createCompleter({
          provider: () => provider,
          settings: () => ({ ...parseSettings({}).completion, debounceMs: 0 }),
          log: silentLog,
          graceMs: 1,
        })
        let before = start
        let ghost = ''
        const answers: Promise<void>[] = []
        const wrong: string[] = []
        for (const { key, turns, cancels } of strokes) {
          if (key === 'backspace') before = before.slice(0, Math.max(start.length, before.length - 1))
          else before += key === 'ghost' ? ghost.charAt(0) || 'a' : key
          ghost = ''
          const now = before
          const typing = new AbortController()
          const answer = completer
            .complete(
              {
                uri: 'file:///a.ts',
                path: 'a.ts',
                languageId: 'typescript',
                text: now + after,
                offset: now.length,
                trigger: 'automatic',
              },
              typing.signal,
            )
            .then((suggestion) => {
              if (!suggestion) return
              const { text } = suggestion
              shown++
              if (now === before) ghost = text
              // Filters set blanks right.
              const wanted = unblank(now + text)
              const written = provider.asked.flatMap(({ request }) =>
                'prefix' in request ? [request.prefix + request.typed] : [],
              )
              const fits = written.some((prompt) => unblank(prompt + says(prompt)).includes(wanted))
              if (!fits) wrong.push(`${now}┃${text}`)
            })
          for (let turn = 0; turn < turns; turn++) await breathe()
          if (cancels) typing.abort()
          answers.push(answer)
          if (turns === 12) await answer
        }
        await Promise.all(answers)
        assert.deepEqual(wrong, [])
      }),
      { numRuns: 400 },
    )
    assert.ok(shown > 1000, `${shown} shown`)
  })
})
