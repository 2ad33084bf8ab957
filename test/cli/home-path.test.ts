// A model below the home folder, named as no shell has expanded it.
import assert from 'node:assert/strict'
import path from 'node:path'
import { hearth } from './engine-command'

it('--model takes a path with ~', async () => {
  const args = ['tokenize', '--model=~/tiny-llama-chat.gguf', '--text-file', 'package.json', '--json']
  const found = await hearth(args, { env: { HOME: path.resolve('test', 'fixtures', 'tiny') } })
  assert.equal(found.code, 0, found.stderr)
})
