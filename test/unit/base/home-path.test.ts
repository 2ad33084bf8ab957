// The home folder in a path as people write it.
import assert from 'node:assert/strict'
import os from 'node:os'
import { expandHome } from '../../../engine/base/home-path'

describe('home path', () => {
  const rows: [given: string, expanded: string][] = [
    ['~/a.gguf', `${os.homedir()}/a.gguf`],
    ['~', os.homedir()],
    ['~\\a.gguf', `${os.homedir()}\\a.gguf`],
    ['~somebody/a.gguf', '~somebody/a.gguf'],
    ['a~/b', 'a~/b'],
    ['smollm2-135m-instruct', 'smollm2-135m-instruct'],
  ]
  for (const [given, expanded] of rows) it(given, () => assert.equal(expandHome(given), expanded))
})
