// What stays the same in prompts while somebody types, and what makes them begin anew.
import assert from 'node:assert/strict'
import { PromptLayout, type Layout } from '../../../engine/complete/prompt-layout'
import type { Window } from '../../../engine/complete/window-size'

const window: Window = { before: 512, after: 64 }
const numbered = Array.from({ length: 400 }, (_, at) => `const line${at} = ${at * 7}`)
const long = numbered.join('\n')

/** The layouts of documents with a `┃`, each asked with before the next. */
function layouts(documents: readonly string[], uri = 'file:///a'): Layout[] {
  const prompts = new PromptLayout()
  return documents.map((document) => {
    const layout = prompts.next(
      { uri, text: document.replace('┃', ''), offset: document.indexOf('┃') },
      window,
    )
    prompts.note(uri, layout)
    return layout
  })
}

describe('prompt layout', () => {
  const kept: [name: string, before: string, now: string, typed: string][] = [
    ['typing', 'a\nb = ┃\nc', 'a\nb = d┃\nc', 'b = d'],
    ['typing back', 'a\nb = ┃\nc', 'a\nb┃\nc', 'b'],
    ['a closer that an editor adds', 'a\nf┃\nc', 'a\nf(┃)\nc', 'f('],
    ['closers in lines of their own', 'a\nf(┃\nc', 'a\nf({\n  ┃\n})\nc', 'f({\n  '],
    ['a new line', 'a\nb┃\nc', 'a\nb\n┃\nc', 'b\n'],
    ['typing at the end', 'a\nb┃', 'a\nb = ┃', 'b = '],
    ['a closer at the end', 'a\nf┃', 'a\nf(┃)', 'f('],
    ['the end of a document in Windows', 'a\r\nb┃\r\n', 'a\r\nbc┃\r\n', 'bc'],
  ]
  for (const [name, before, now, typed] of kept) {
    it(`${name} leaves all but the end alone`, () => {
      const [first, second] = layouts([before, now])
      assert.deepEqual({ ...second, typed: '' }, { ...first, typed: '' })
      assert.equal(second?.typed, typed)
    })
  }

  const anew: [name: string, before: string, now: string, prefix: string, suffix: string][] = [
    ['an edit above', 'a\nb┃\nc', 'A\nb┃\nc', 'A\n', '\nc'],
    ['a line above', 'a\nb┃\nc', 'import\na\nb┃\nc', 'import\na\n', '\nc'],
    ['an edit below', 'a\nb┃\nc', 'a\nb┃\nd', 'a\n', '\nd'],
    ['a jump up', 'a\nb┃\nc', 'a┃\nb\nc', '', '\nb\nc'],
    ['a jump down', 'a\nb┃\nc\nd', 'a\nb\nc┃\nd', 'a\nb\n', '\nd'],
    ['a jump within the line', 'a\nb + c┃\nd', 'a\nb┃ + c\nd', 'a\n', ' + c\nd'],
    ['a word after the cursor', 'a\nb┃\nc', 'a\nb┃d\nc', 'a\n', 'd\nc'],
    ['text where the document ended', 'a\nb┃', 'a\nb┃\nc', 'a\n', '\nc'],
    ['much that was typed', 'a\n┃\nc', `a\n${'b\n'.repeat(300)}┃\nc`, `a\n${'b\n'.repeat(300)}`, '\nc'],
  ]
  for (const [name, before, now, prefix, suffix] of anew) {
    it(`${name} is read`, () => {
      const [, second] = layouts([before, now])
      assert.equal(second?.prefix, prefix)
      assert.equal(second.suffix, suffix)
    })
  }

  it('another document begins where it begins', () => {
    const prompts = new PromptLayout()
    const ask = (uri: string, text: string): Layout => {
      const layout = prompts.next({ uri, text, offset: text.length }, window)
      prompts.note(uri, layout)
      return layout
    }
    ask('file:///a', long)
    assert.equal(ask('file:///b', 'x\ny').prefix, 'x\n')
  })

  it('the window moves in jumps of a third of it, and starts at a line', () => {
    const prompts = new PromptLayout()
    let jumps = 0
    let last = ''
    for (let offset = 1000; offset < 3000; offset++) {
      const layout = prompts.next({ uri: 'file:///a', text: long.slice(0, offset), offset }, window)
      prompts.note('file:///a', layout)
      const before = layout.prefix + layout.typed
      assert.ok(before.length <= 768)
      assert.ok(before.length > 480, `${before.length} characters at ${offset}`)
      assert.match(before, /^const line/)
      if (!before.startsWith(last)) jumps++
      last = before
    }
    assert.ok(jumps <= 2000 / 230, `${jumps} jumps in 2000 characters`)
  })

  const at = (line: number, lines = numbered): string =>
    [...lines.slice(0, line), `${lines[line]}┃`, ...lines.slice(line + 1)].join('\n')
  const sameStart: [name: string, before: string, now: string, same: boolean][] = [
    ['the next line', at(200), at(201), true],
    ['some lines up', at(200), at(192), true],
    ['some lines down', at(200), at(208), true],
    ['far up', at(200), at(100), false],
    ['so far up that little is left', at(200), at(182), false],
    ['far down', at(200), at(300), false],
    ['an edit above the window', at(200), at(201, ['import', ...numbered]), true],
  ]
  for (const [name, before, now, same] of sameStart) {
    it(`the window ${same ? 'stays' : 'moves'}: ${name}`, () => {
      const [first, second] = layouts([before, now])
      assert.ok(first && second)
      assert.equal(second.prefix.slice(0, 100) === first.prefix.slice(0, 100), same)
    })
  }

  it('the suffix ends at a line', () => {
    const [layout] = layouts([`┃${'line\n'.repeat(100)}`])
    assert.equal(layout?.suffix.length, 64)
    assert.match(layout.suffix, /line$/)
  })

  it('a line that is too long to be typed stands before the suffix', () => {
    const text = `a\n${'x'.repeat(600)}`
    const place = { uri: 'file:///a', text, offset: text.length }
    const layout = new PromptLayout().next(place, { before: 1024, after: 64 })
    assert.deepEqual(layout, { start: 0, prefix: text, typed: '', suffix: '' })
  })
})
