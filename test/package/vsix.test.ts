// What users download: the VSIX holds what runs here and nothing else.
import assert from 'node:assert/strict'
import { readFileSync, statSync } from 'node:fs'

const largestBytes = 40e6

describe('vsix', () => {
  const file = process.env['HEARTH_TEST_VSIX'] ?? ''
  const library = `extension/node_modules/webgpu/dist/${process.platform === 'darwin' ? 'darwin-universal' : `${process.platform}-${process.arch}`}/`
  let names: string[]

  before(() => {
    names = zipNames(readFileSync(file))
  })

  it('has all that runs', () => {
    for (const wanted of [
      'extension/package.json',
      'extension/readme.md',
      'extension/changelog.md',
      'extension/LICENSE.txt',
      'extension/dist/engine.js',
      'extension/dist/extension.js',
      'extension/dist/webview.js',
      'extension/dist/webview.css',
      'extension/media/icon.png',
      'extension/node_modules/webgpu/index.js',
      'extension/node_modules/webgpu/package.json',
      'extension/node_modules/webgpu/LICENSE.md',
      `${library}dawn.node`,
    ])
      assert.ok(names.includes(wanted), `${wanted} is missing`)
  })

  it('has nothing else', () => {
    const allowed = [
      /^extension\.vsixmanifest$/,
      /^\[Content_Types\]\.xml$/,
      /^extension\/(package\.json|readme\.md|changelog\.md|LICENSE\.txt)$/,
      /^extension\/dist\/(engine|extension|webview)\.(js|css)$/,
      /^extension\/media\//,
      /^extension\/node_modules\/webgpu\/(index\.js|package\.json|LICENSE\.md)$/,
    ]
    const extra = names.filter(
      (name) => !name.startsWith(library) && !allowed.some((pattern) => pattern.test(name)),
    )
    assert.deepEqual(extra, [])
  })

  it('has every file that the manifest names', () => {
    const manifest = readFileSync('package.json', 'utf8')
    const named = [...manifest.matchAll(/"(?:\.\/)?((?:media|dist)\/[^"]+)"/g)].map(([, name = '']) => name)
    assert.ok(named.length >= 4, `only ${named.length} files named`)
    assert.deepEqual(
      named.filter((name) => !names.includes(`extension/${name}`)),
      [],
    )
  })

  it(`is smaller than ${largestBytes / 1e6} MB`, () => {
    const { size } = statSync(file)
    assert.ok(size < largestBytes, `${(size / 1e6).toFixed(1)} MB`)
  })
})

/** Names in a ZIP file's central directory (APPNOTE.TXT 4.3.12 and 4.3.16); our archives are far from needing ZIP64. */
function zipNames(zip: Buffer): string[] {
  const end = zip.lastIndexOf(Buffer.from('PK\x05\x06', 'latin1'))
  const count = zip.readUInt16LE(end + 10)
  let at = zip.readUInt32LE(end + 16)
  return Array.from({ length: count }, () => {
    assert.equal(zip.readUInt32LE(at), 0x02014b50)
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((field) =>
      zip.readUInt16LE(at + field),
    ) as [number, number, number]
    const name = zip.toString('utf8', at + 46, at + 46 + nameLength)
    at += 46 + nameLength + extraLength + commentLength
    return name
  })
}
