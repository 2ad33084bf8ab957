// What the peer of the completion bench sends, and what it shows: documents with a cursor, answers, ghosts.
import assert from 'node:assert/strict'
import { ghostOf, infillRequest } from '../../quality/llama-vscode'

function placeOf(document: string): [string, number] {
  return [document.replace('┃', ''), document.indexOf('┃')]
}

const requests: readonly { name: string; document: string; sent: object | undefined }[] = [
  {
    name: 'lines around the cursor, and its own',
    document: 'a\n  b┃)\nc',
    sent: { inputPrefix: 'a\n', inputSuffix: ')\nc\n', prompt: '  b', nIndent: 2 },
  },
  {
    name: 'no indentation of a blank line',
    document: 'a\n    ┃\nc',
    sent: { inputPrefix: 'a\n', inputSuffix: '\nc\n', prompt: '', nIndent: 4 },
  },
  { name: 'nothing before more than 8 characters', document: 'a(┃, b, cd, e)', sent: undefined },
]

const answers: readonly { name: string; document: string; answer: string; ghost: string | undefined }[] = [
  { name: 'all of it', document: 'a ┃\nb', answer: '= 1\nc', ghost: '= 1\nc' },
  { name: 'no line breaks at the end', document: 'a ┃\nb', answer: '= 1\n\n', ghost: '= 1' },
  { name: 'nothing', document: 'a ┃\nb', answer: ' ', ghost: undefined },
  { name: 'the rest of the line', document: 'f(┃)\nb', answer: ')', ghost: undefined },
  { name: 'up to the rest of the line', document: 'f(┃)\nb', answer: 'x)', ghost: 'x' },
  { name: 'one line within a line', document: 'f(┃)\nb', answer: 'x\ny', ghost: 'x' },
  { name: 'the next line', document: 'a┃\n\nab\n', answer: 'b', ghost: undefined },
  { name: 'the next two lines', document: 'a┃\nab\ncd\n', answer: 'b\nc', ghost: undefined },
  { name: 'the next line in the end of a file', document: 'ab\na┃', answer: 'b', ghost: 'b' },
  { name: 'the next lines after a break', document: 'a┃\nb\nc\n', answer: '\nb\nc', ghost: undefined },
  { name: 'indentation that is there', document: 'a {\n    ┃\n}', answer: '    b', ghost: 'b' },
  { name: 'more indentation than is there', document: 'a {\n  ┃\n}', answer: '    b', ghost: '  b' },
]

describe('llama.vscode as the peer', () => {
  for (const { name, document, sent } of requests)
    it(`asks: ${name}`, () => {
      const request = infillRequest(...placeOf(document))
      assert.deepEqual(request, sent && { ...sent, nPredict: 128, tMaxPredictMs: 500 })
    })
  for (const { name, document, answer, ghost } of answers)
    it(`shows or discards: ${name}`, () => {
      const [text, offset] = placeOf(document)
      const expected = ghost === undefined ? undefined : { text: ghost, start: offset, end: offset }
      assert.deepEqual(ghostOf(text, offset, answer), expected)
    })
})
