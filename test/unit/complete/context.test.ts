// What the model sees: windows that stay put while typing, and the prompt's small print.
import assert from 'node:assert/strict'
import { readContext, type CompletionInput } from '../../../engine/complete/context'
import { WindowSize, type Window } from '../../../engine/complete/window-size'

function input(document: string, languageId = 'typescript'): CompletionInput {
  const offset = document.indexOf('┃')
  const text = document.replace('┃', '')
  return { uri: 'file:///a', path: 'a.ts', languageId, text, offset, trigger: 'automatic' }
}

const window: Window = { before: 512, after: 128 }

describe('completion context', () => {
  const prompts: [name: string, document: string, language: string, prefix: string][] = [
    ['the file is named in a comment', 'f(┃', 'typescript', '// a.ts\nf('],
    ['in the comment of its language', 'f(┃', 'python', '# a.ts\nf('],
    ['a language without comments goes without', '{┃', 'json', '{'],
    ['spaces stay', 'f:\n    ┃', 'json', 'f:\n    '],
    ['tabs stay', 'f:\n\t\t┃', 'json', 'f:\n\t\t'],
    ['line breaks are one character', 'a\r\nb┃', 'json', 'a\nb'],
  ]
  for (const [name, document, language, prefix] of prompts) {
    it(name, () => {
      const { prompt } = readContext(input(document, language), window)
      assert.equal(prompt.prefix + prompt.typed, prefix)
    })
  }

  const modes: [document: string, mode: 'line' | 'block'][] = [
    ['a = ┃', 'line'],
    ['f(┃)', 'line'],
    ['f(┃) + 1', 'line'],
    ['if (a) {┃', 'block'],
    ['if (a) {┃}', 'line'],
    ['def f():┃', 'block'],
    ['x => ┃', 'block'],
    ['a\n  ┃', 'block'],
    ['a\n  ┃b', 'line'],
  ]
  for (const [document, mode] of modes) {
    it(`${JSON.stringify(document)} is completed by a ${mode}`, () =>
      assert.equal(readContext(input(document), window).mode, mode))
  }

  it('the model reads less of what follows than filters do', () => {
    const { after, prompt } = readContext(input(`┃${'line\n'.repeat(100)}`), window)
    assert.equal(after.length, 500)
    assert.equal(prompt.suffix.length, 124)
  })

  const paces: [name: string, read: [tokens: number, ms: number][], before: number, after: number][] = [
    ['nothing is known of the machine', [], 1024, 256],
    ['a slow processor', [[300, 6000]], 1024, 256],
    ['a processor', [[300, 1500]], 4096, 256],
    ['a GPU', [[300, 150]], 4096, 1024],
    [
      'a processor that was busy at first, and is again',
      [
        [300, 6000],
        [300, 1500],
        [300, 60_000],
      ],
      4096,
      256,
    ],
    ['a few tokens say nothing', [[3, 1]], 1024, 256],
  ]
  for (const [name, read, before, after] of paces) {
    it(`window: ${name}`, () => {
      const size = new WindowSize()
      for (const [tokens, prefillMs] of read)
        size.note({
          promptTokens: tokens + 50,
          reusedTokens: 50,
          completionTokens: 1,
          decodeMs: 1,
          prefillMs,
        })
      assert.deepEqual(size.chars, { before, after })
    })
  }
})
