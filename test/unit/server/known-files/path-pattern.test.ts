// Patterns as Git reads them.
import assert from 'node:assert/strict'
import { matchesPath, parsePattern } from '../../../../engine/server/known-files/path-pattern'

describe('path patterns', () => {
  const rows: [pattern: string, yes: string[], no: string[]][] = [
    ['a.ts', ['a.ts', 'b/a.ts', 'b/c/a.ts'], ['a.tsx', 'ba.ts', 'a.ts/b']],
    ['/a.ts', ['a.ts'], ['b/a.ts']],
    ['b/a.ts', ['b/a.ts'], ['a.ts', 'c/b/a.ts']],
    ['*.log', ['x.log', 'a/x.log', '.log'], ['x.logs']],
    ['a*c*e', ['abcde', 'ace', 'accce'], ['abcd', 'a/c/e']],
    ['**/a', ['a', 'b/a', 'b/c/a'], ['ab']],
    ['a/**', ['a/b', 'a/b/c'], ['a']],
    ['a/**/b', ['a/b', 'a/x/b', 'a/x/y/b'], ['ab', 'a/xb']],
    ['?.ts', ['a.ts'], ['ab.ts', '.ts']],
    ['[a-c]1', ['a1', 'c1'], ['d1', 'a2']],
    ['[!a-c]1', ['d1'], ['a1', 'c1']],
    ['\\#a', ['#a'], ['a']],
    ['a\\*', ['a*'], ['ab']],
    ['a ', ['a'], ['a ']],
  ]
  for (const [pattern, yes, no] of rows) {
    it(JSON.stringify(pattern), () => {
      const rule = parsePattern(pattern)
      assert.ok(rule)
      assert.deepEqual(
        [...yes, ...no].filter((path) => matchesPath(rule, path)),
        yes,
      )
    })
  }

  for (const line of ['', '   ', '# a', '/', '!'])
    it(`${JSON.stringify(line)} is no pattern`, () => assert.equal(parsePattern(line), undefined))

  it('a pattern of many stars ends soon', () => {
    const rule = parsePattern(`${'*a'.repeat(200)}b`)
    assert.ok(rule)
    assert.equal(matchesPath(rule, 'a'.repeat(2000)), false)
    const deep = parsePattern(`${'**/a/'.repeat(100)}b`)
    assert.ok(deep)
    assert.equal(matchesPath(deep, 'a/'.repeat(500) + 'c'), false)
  })
})
