// The rule without a model: documents with a cursor, and what it copies.
import assert from 'node:assert/strict'
import { copyRule } from '../../quality/copy-rule'

const rows: readonly { name: string; document: string; copied: string | undefined }[] = [
  { name: 'after three tokens', document: 'if (a) b()\nx\nif (a┃', copied: ') b()' },
  { name: 'three before two', document: 'a.b(1)\nc.b(2)\na.b┃', copied: '(1)' },
  { name: 'the nearest of several', document: 'log(1)\nlog(2)\nlog(┃', copied: '2)' },
  { name: 'after one token', document: 'return done\nfail\nreturn┃', copied: ' done' },
  { name: 'blanks are written once', document: 'return done\nfail\nreturn ┃', copied: 'done' },
  { name: 'on an empty line, the line that followed', document: 'open()\n  one\nopen()\n  ┃', copied: 'one' },
  { name: 'nothing from behind the cursor', document: 'x = ┃\nx = 1', copied: undefined },
  { name: 'nothing new', document: 'a b c ┃', copied: undefined },
]

describe('copy rule', () => {
  for (const { name, document, copied } of rows)
    it(name, () => {
      const offset = document.indexOf('┃')
      assert.equal(copyRule(document.replace('┃', ''), offset), copied)
    })
})
