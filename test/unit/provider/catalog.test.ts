// The catalog's rows, and where their files go on each platform.
import assert from 'node:assert/strict'
import { cacheFolder } from '../../../engine/provider/cache-folder'
import { catalog, defaultModel, findModel } from '../../../engine/provider/catalog'
import { parseSettings } from '../../../engine/protocol/settings'

describe('catalog', () => {
  it('has the default of the settings', () => {
    assert.equal(parseSettings({}).model, defaultModel)
    assert.ok(findModel(defaultModel))
  })

  it('gives the default model a source where no model hub is in reach', () => {
    assert.deepEqual(
      findModel(defaultModel)?.sources.map((source) => source.kind),
      ['hub', 'wheel'],
    )
  })

  for (const model of catalog) {
    it(`${model.id} is a usable row`, () => {
      assert.equal(catalog.filter((other) => other.id === model.id).length, 1)
      // Ids become file names, and removing a model removes every name that begins with its id and a dot.
      assert.match(model.id, /^[a-z0-9][a-z0-9.-]*$/)
      assert.ok(!catalog.some((other) => other.id.startsWith(`${model.id}.`)))
      assert.match(model.sha256 ?? '0'.repeat(64), /^[0-9a-f]{64}$/)
      assert.ok(Number.isSafeInteger(model.bytes) && model.bytes > 1e6)
      assert.ok(model.title && model.license && model.description)
      assert.ok(model.sources.length > 0)
      for (const source of model.sources) {
        if (source.kind !== 'wheel') continue
        const bytes = source.parts.reduce((sum, part) => sum + part.bytes, 0)
        assert.equal(bytes, model.bytes)
        for (const { requirement } of source.parts) assert.match(requirement, /^[a-z0-9-]+==[0-9.]+$/)
      }
    })
  }
})

describe('cache folder', () => {
  const check = (
    name: string,
    env: NodeJS.ProcessEnv,
    platform: NodeJS.Platform,
    home: string,
    expected: string,
  ): void => {
    it(name, () => assert.equal(cacheFolder(env, platform, home), expected))
  }
  check('Linux', {}, 'linux', '/home/me', '/home/me/.cache/hearth')
  check('Linux with XDG', { XDG_CACHE_HOME: '/fast' }, 'linux', '/home/me', '/fast/hearth')
  check(
    'a relative XDG path is ignored',
    { XDG_CACHE_HOME: 'fast' },
    'linux',
    '/home/me',
    '/home/me/.cache/hearth',
  )
  check('macOS', {}, 'darwin', '/Users/me', '/Users/me/Library/Caches/hearth')
  check('Windows', { LOCALAPPDATA: 'D:\\Local' }, 'win32', 'C:\\Users\\me', 'D:\\Local\\hearth')
  check('Windows without variables', {}, 'win32', 'C:\\Users\\me', 'C:\\Users\\me\\AppData\\Local\\hearth')
  check('HEARTH_CACHE wins', { HEARTH_CACHE: '/mine', XDG_CACHE_HOME: '/fast' }, 'linux', '/home/me', '/mine')
})
