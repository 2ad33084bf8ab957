// Where text was changed last, while more changes move it.
import assert from 'node:assert/strict'
import { EditHistory } from '../../../../engine/complete/other-files/edit-history'

// [uri, first line, last line, lines that stand there now]
type Change = [uri: string, first: number, last: number, lines: number]

describe('edit history', () => {
  // Edits as URI, first line and the line after the last, the newest first.
  const rows: [name: string, changes: Change[], edits: [string, number, number][]][] = [
    [
      'typing in a line',
      [
        ['a', 5, 5, 1],
        ['a', 5, 5, 1],
      ],
      [['a', 5, 6]],
    ],
    [
      'a line and the next',
      [
        ['a', 5, 5, 2],
        ['a', 6, 6, 1],
      ],
      [['a', 5, 7]],
    ],
    [
      'two places',
      [
        ['a', 5, 5, 1],
        ['a', 50, 50, 1],
      ],
      [
        ['a', 50, 51],
        ['a', 5, 6],
      ],
    ],
    [
      'lines above push it down',
      [
        ['a', 50, 50, 1],
        ['a', 5, 5, 4],
      ],
      [
        ['a', 5, 9],
        ['a', 53, 54],
      ],
    ],
    [
      'lines taken away above pull it up',
      [
        ['a', 50, 50, 1],
        ['a', 5, 9, 1],
      ],
      [
        ['a', 5, 6],
        ['a', 46, 47],
      ],
    ],
    [
      'lines below leave it alone',
      [
        ['a', 5, 5, 1],
        ['a', 50, 50, 9],
      ],
      [
        ['a', 50, 59],
        ['a', 5, 6],
      ],
    ],
    [
      'two documents',
      [
        ['a', 5, 5, 1],
        ['b', 5, 5, 3],
      ],
      [
        ['b', 5, 8],
        ['a', 5, 6],
      ],
    ],
    [
      'places that grow together',
      [
        ['a', 5, 5, 1],
        ['a', 10, 10, 1],
        ['a', 7, 7, 1],
      ],
      [['a', 5, 11]],
    ],
    [
      'the whole document',
      [
        ['a', 5, 5, 1],
        ['a', 0, Number.MAX_SAFE_INTEGER, 9],
      ],
      [['a', 0, 9]],
    ],
    [
      'a place that is deleted with what is around it',
      [
        ['a', 5, 5, 3],
        ['a', 0, 20, 1],
      ],
      [['a', 0, 1]],
    ],
  ]
  for (const [name, changes, edits] of rows) {
    it(name, () => {
      const history = new EditHistory()
      for (const [uri, firstLine, lastLine, newLines] of changes)
        history.note(uri, { firstLine, lastLine, newLines })
      assert.deepEqual(
        history.edits().map(({ uri, startLine, endLine }) => [uri, startLine, endLine]),
        edits,
      )
    })
  }

  it('the oldest are forgotten, and those of a closed document', () => {
    const history = new EditHistory()
    for (let line = 0; line < 100; line += 5)
      history.note('a', { firstLine: line, lastLine: line, newLines: 1 })
    assert.equal(history.edits().length, 16)
    assert.equal(history.edits()[0]?.startLine, 95)
    history.forget('a')
    assert.deepEqual(history.edits(), [])
  })
})
