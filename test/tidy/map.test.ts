// ARCHITECTURE.md and CONTRIBUTING.md talk about files that exist, and the map leaves no folder out.
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'

describe('map', () => {
  const map = readFileSync('ARCHITECTURE.md', 'utf8')

  it('names every folder of the product', () => {
    const folders = [
      ...readdirSync('engine', { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map(({ name }) => `engine/${name}/`),
      'extension/',
      'webview/',
      'media/',
      'test/',
    ]
    const [, codeMap = ''] = map.split('## Code map')
    assert.deepEqual(
      folders.filter((folder) => !codeMap.includes(`\`${folder}\``)),
      [],
    )
  })

  for (const document of ['ARCHITECTURE.md', 'CONTRIBUTING.md', 'README.md']) {
    it(`${document} names no file that is missing`, () => {
      // The last section of the map tells of names that were given up.
      const [text = ''] = readFileSync(document, 'utf8').split('## Where this differs')
      const named = [...text.matchAll(/`((?:engine|extension|webview|test|media|\.ci)\/[\w./*-]*)`/g)].map(
        ([, file = '']) => file,
      )
      assert.ok(document === 'README.md' || named.length > 10, `only ${named.length} files named`)
      assert.deepEqual(named.filter(isMissing), [])
    })
  }
})

function isMissing(file: string): boolean {
  // Pictures are written by the suites themselves, so a fresh clone has none.
  return file !== 'test/screenshots/' && !existsSync(file)
}
