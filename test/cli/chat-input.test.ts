// `hearth chat` with an input that ends before the answers do, on a Node.js that minds.
import assert from 'node:assert/strict'
import path from 'node:path'
import { hearth } from './engine-command'

it('chat answers what is left of its input, and prompts for no more', async () => {
  const model = ['--model', 'test/fixtures/tiny/tiny-llama-chat.gguf', '--backend', 'cpu']
  const strict = path.resolve('test', 'cli', 'strict-readline.cjs')
  const found = await hearth(['chat', ...model, '--max-tokens', '4'], {
    input: 'hello\n/stats\n',
    env: { NODE_OPTIONS: `--require ${JSON.stringify(strict)}` },
  })
  assert.equal(found.code, 0, found.stderr)
  assert.match(found.stderr, /last answer: read/)
})
