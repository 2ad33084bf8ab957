// The family that CONTRIBUTING.md shows whole is the one that runs.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'

describe('the worked example of CONTRIBUTING.md', () => {
  it('is engine/arch/phi3.ts', () => {
    const guide = readFileSync('CONTRIBUTING.md', 'utf8')
    const [, shown] = /```ts\n\/\/ engine\/arch\/phi3\.ts\n([^]*?)```/.exec(guide) ?? []
    assert.equal(shown, readFileSync('engine/arch/phi3.ts', 'utf8'))
  })
})
