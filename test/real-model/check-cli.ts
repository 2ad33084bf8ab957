// The command line on the real model: the same checks on each device.
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { hearth } from '../cli/engine-command'
import { modelPath } from './open-model'

const prompt = 'def fibonacci(n):\n'
const continuation = '\ndef fibonacci(n):\n    if n <= 1:\n        return n\n'

/** Adds the tests to the suite around it. */
export function checkCli(backend: 'cpu' | 'webgpu'): void {
  let folder: string
  before(async () => (folder = await mkdtemp(path.join(os.tmpdir(), 'hearth-real-'))))
  after(() => rm(folder, { recursive: true, force: true }))
  const model = (): string[] => ['--model', modelPath(), '--backend', backend]

  it('demo ends with a ghost text and an answer, and names device and speed', async () => {
    const { code, stdout, stderr } = await hearth(['demo', ...model()])
    assert.equal(code, 0, stderr)
    assert.match(stdout, new RegExp(`^Device  ${backend}: \\S`, 'm'))
    assert.match(stdout, /^ {4}5 {6}⟦total \+= value;?⟧$/m)
    assert.match(stdout, /^Chat {2}What does .*\n[^]*\bconst\b/m)
    assert.equal(stdout.match(/: [\d.]+ tokens\/s$/gm)?.length, 2)
  })

  it('generate continues a function as the model does', async () => {
    const file = path.join(folder, 'prompt.txt')
    await writeFile(file, prompt)
    const args = ['--prompt-file', file, '--max-tokens', '18', '--json']
    const { stdout, stderr } = await hearth(['generate', ...model(), ...args])
    const found = JSON.parse(stdout) as { text: string; backend: string; timings: { prefillTokens: number } }
    assert.ok(found.text.startsWith(continuation), `${found.text}\n${stderr}`)
    assert.equal(found.backend, backend)
    assert.equal(found.timings.prefillTokens, 7)
  })

  it('a prompt longer than the window is refused, and the next one is served', async () => {
    const long = path.join(folder, 'long.txt')
    await writeFile(long, 'The quick brown fox jumps over the lazy dog.\n'.repeat(4551))
    const args = ['--prompt-file', long, '--json']
    const refused = await hearth(['generate', ...model(), ...args])
    assert.equal(refused.code, 2)
    assert.match(
      refused.stderr,
      /^hearth: The prompt is \d+ tokens; the window holds 4096\.\n {2}Shorten it/m,
    )
    const input = `${'word '.repeat(40_000)}\nSay yes.\n`
    const served = await hearth(['chat', ...model(), '--max-tokens', '4', '--temperature', '0'], { input })
    assert.match(served.stderr, /^The message is \d+ tokens; the model's window has room for \d+\./m)
    assert.notEqual(served.stdout.trim(), '')
    assert.equal(served.code, 0)
  })

  it('Ctrl+C ends an answer where it is', async () => {
    const { code, stdout, stderr } = await hearth(
      ['generate', ...model(), '--prompt', 'Once upon a time', '--max-tokens', '2000'],
      { started: (kill, output) => void output.then(() => kill('SIGINT')) },
    )
    assert.equal(code, 130)
    assert.notEqual(stdout.trim(), '')
    assert.doesNotMatch(stderr, /^hearth:/m)
  })
}
