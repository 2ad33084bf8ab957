// Every command on tiny models: what lands on stdout, what on stderr, and the exit code.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import type { PositionCosts } from '../../engine/cli/bench-positions'
import type { DeviceProfile } from '../../engine/cli/bench-profile'
import type { Speed } from '../../engine/cli/bench-rounds'
import { commands } from '../../engine/cli/commands'
import { exitCodes } from '../../engine/cli/exit-codes'
import { relativeDifference, tinyModels } from '../arch/tiny-models'
import { enginePath, hearth } from './engine-command'

const tinyName = 'llama-q8_0'
const tinyFile = `test/fixtures/tiny/${tinyName}.gguf`
const tiny = tinyModels().find(({ name }) => name === tinyName)
if (!tiny) throw new Error(`test/fixtures/tiny has no ${tinyName}`)
const model = ['--model', tinyFile, '--backend', 'cpu']

interface Generated {
  text: string
  tokens: number[]
  finishReason: string
  timings: Record<'loadMs' | 'prefillTokens' | 'prefillMs' | 'decodeTokens' | 'decodeMs', number>
}

describe('commands', function () {
  this.timeout(60_000)
  let folder: string
  before(async () => (folder = await mkdtemp(path.join(os.tmpdir(), 'hearth-cli-'))))
  after(() => rm(folder, { recursive: true, force: true }))

  const file = async (name: string, text: string): Promise<string> => {
    const at = path.join(folder, name)
    await writeFile(at, text)
    return at
  }
  const json = async <T>(...args: string[]): Promise<T> => {
    const ended = await hearth([...args, '--json'])
    assert.equal(ended.code, 0, ended.stderr)
    return JSON.parse(ended.stdout) as T
  }

  it('help names every command, and every exit code', async () => {
    const { code, stdout } = await hearth(['help'])
    assert.equal(code, 0)
    for (const { usage } of commands) assert.ok(stdout.includes(`  ${usage} `), usage)
    for (const { code, meaning } of Object.values(exitCodes)) {
      assert.match(stdout, new RegExp(`^ +${code} +${meaning.replace(/[()+]/g, '\\$&')}$`, 'm'))
    }
    assert.equal((await hearth([])).stdout, stdout)
    assert.equal((await hearth(['--help'])).stdout, stdout)
  })

  for (const { usage } of commands) {
    const [name = ''] = usage.split(' ')
    it(`help ${name}`, async () => {
      const { code, stdout } = await hearth(['help', name])
      assert.equal(code, 0)
      assert.match(stdout, new RegExp(`\\$ hearth ${name}`))
    })
  }

  it('version', async () => {
    assert.match((await hearth(['version'])).stdout, /^hearth\/\d+\.\d+\.\d+ /)
    assert.match((await hearth(['--version'])).stdout, /^hearth\/\d+\.\d+\.\d+ /)
  })

  it('generate --json', async () => {
    const prompt = await file('prompt.txt', 'the rain in')
    const found = await json<Generated>('generate', ...model, '--prompt-file', prompt, '--max-tokens', '6')
    assert.equal(found.tokens.length, 6)
    assert.equal(found.finishReason, 'length')
    assert.equal(found.timings.decodeTokens, 6)
    assert.ok(found.timings.prefillTokens > 0 && found.timings.loadMs >= 0 && found.timings.prefillMs > 0)
    const plain = await hearth(['generate', ...model, '--prompt-file', prompt, '--max-tokens', '6'])
    assert.equal(plain.stdout.replace(/[\p{Cc}\ufffd]/gu, ''), found.text.replace(/[\p{Cc}\ufffd]/gu, ''))
  })

  it('generate takes a prompt that looks like a number as it is', async () => {
    const typed = await json<Generated>('generate', ...model, '--prompt', '007', '--max-tokens', '1')
    const read = await json<Generated>('generate', ...model, '--prompt=7', '--max-tokens', '1')
    assert.ok(typed.timings.prefillTokens > read.timings.prefillTokens)
  })

  it('a seed gives the same text again, another seed another', async () => {
    const hot = ['--prompt', 'the', '--max-tokens', '24', '--temperature', '2', '--seed']
    const first = await json<Generated>('generate', ...model, ...hot, '1')
    const again = await json<Generated>('generate', ...model, ...hot, '1')
    const other = await json<Generated>('generate', ...model, ...hot, '2')
    assert.deepEqual(again.tokens, first.tokens)
    assert.notDeepEqual(other.tokens, first.tokens)
  })

  it('logits of the last token, and of all', async () => {
    const tokens = ['--tokens', tiny.tokens.join(',')]
    const last = await json<{ architecture: string; backend: string; logits: number[] }>(
      'logits',
      ...model,
      ...tokens,
    )
    const all = await json<{ logits: number[][] }>('logits', ...model, ...tokens, '--all')
    assert.deepEqual(
      { ...last, logits: last.logits.length },
      { architecture: 'llama', backend: 'cpu', logits: tiny.vocabulary },
    )
    assert.equal(all.logits.length, tiny.tokens.length)
    assert.ok(relativeDifference(all.logits.flat(), tiny.logits) < 2e-2)
    assert.ok(relativeDifference(last.logits, all.logits.at(-1) ?? []) < 1e-5)
    const { stdout } = await hearth(['logits', ...model, ...tokens])
    assert.equal(stdout.trimEnd().split('\n').length, 10)
  })

  it('tokenize gives the text back', async () => {
    const text = 'the rain\tin Spain: 雨 <|im_start|>\r\n'
    const at = await file('text.txt', text)
    const found = await json<{ tokens: number[]; pieces: string[]; text: string }>(
      'tokenize',
      '--model',
      tinyFile,
      '--text-file',
      at,
    )
    assert.equal(found.text, text)
    assert.equal(found.pieces.length, found.tokens.length)
  })

  it('perplexity', async () => {
    const text = await file('long.txt', 'The rain in Spain falls mainly on the plain. '.repeat(8))
    const args = ['perplexity', '--model', tinyFile, '--backend', 'cpu', '--ctx', '32', text]
    const { stdout } = await hearth(args)
    const [, shown, count] =
      /^perplexity (\d+\.\d{4}) ± \d+\.\d{4}\n(\d+) tokens, \d+ of them scored in \d+ windows of 32\n$/.exec(
        stdout,
      ) ?? []
    const found = await json<{ perplexity: number; tokens: number; ctx: number }>(...args)
    assert.equal(found.perplexity.toFixed(4), shown)
    assert.equal(String(found.tokens), count)
    assert.equal(found.ctx, 32)
  })

  it('inspect', async () => {
    const found = await json<{
      architecture: string
      metadata: Record<string, unknown>
      tensors: { name: string; shape: number[] }[]
      memory: { weights: number; state: number; contextLength: number }
    }>('inspect', tinyFile)
    assert.equal(found.architecture, 'llama')
    assert.equal(found.metadata['general.architecture'], 'llama')
    assert.ok(found.tensors.some(({ name, shape }) => name === 'token_embd.weight' && shape.length === 2))
    const { 'llama.context_length': trained } = found.metadata
    assert.equal(found.memory.contextLength, trained)
    assert.ok(found.memory.weights > 0 && found.memory.state > 0)
    assert.match(
      (await hearth(['inspect', tinyFile])).stdout,
      /^metadata\n {2}general\.architecture = "llama"$/m,
    )
  })

  it('inspect counts all parts of a model in parts, whichever is named', async () => {
    interface Counted {
      parameters: number
      tensors: unknown[]
      memory: { weights: number }
    }
    const whole = await json<Counted>('inspect', 'test/fixtures/tiny/llama-q4_0.gguf')
    const parts = await json<Counted>('inspect', 'test/fixtures/split/llama-q4_0-00002-of-00003.gguf')
    assert.equal(parts.parameters, whole.parameters)
    assert.equal(parts.tensors.length, whole.tensors.length)
    assert.equal(parts.memory.weights, whole.memory.weights)
  })

  it('inspect tells what quantizing while loading saves', async () => {
    const file = 'test/fixtures/tiny/llama-f16-blocks.gguf'
    const weights = async (...args: string[]): Promise<number> =>
      (await json<{ memory: { weights: number } }>('inspect', file, ...args)).memory.weights
    const [whole, bytes, nibbles] = [
      await weights(),
      await weights('--quantize', 'q8_0'),
      await weights('--quantize', 'q4_0'),
    ]
    assert.ok(nibbles < bytes && bytes < 0.6 * whole, `${whole}, ${bytes}, ${nibbles}`)
  })

  it('inspect tells what smaller keys and values save', async () => {
    const file = 'test/fixtures/tiny/llama-q4_0-wide-heads.gguf'
    const state = async (...args: string[]): Promise<number> =>
      (await json<{ memory: { state: number } }>('inspect', file, '--context', '16', ...args)).memory.state
    // 16 tokens of two times 32 values.
    assert.equal(await state(), 16 * 64 * 4)
    assert.equal(await state('--kv', 'f16'), 16 * 64 * 2)
    assert.equal(await state('--kv', 'q8_0'), 16 * 2 * 34)
    assert.match(
      (await hearth(['inspect', file, '--kv', 'q4_0'])).stderr,
      /--kv must be auto, f32, f16 or q8_0/,
    )
  })

  it('models are quantized while they are loaded when that is asked for', async () => {
    const file = 'test/fixtures/tiny/llama-f16-blocks.gguf'
    const run = ['logits', '--model', file, '--backend', 'cpu', '--tokens', '1,2,3']
    const plain = await json<{ logits: number[] }>(...run)
    const quantized = await json<{ logits: number[] }>(...run, '--quantize', 'q8_0')
    const difference = relativeDifference(quantized.logits, plain.logits)
    assert.ok(difference > 1e-4 && difference < 0.1, String(difference))
    assert.match(
      (await hearth([...run, '--quantize', 'q4_0'])).stderr,
      /Quantized 8 matrices to q4_0 and q8_0: /,
    )
    const wrong = await hearth([...run, '--quantize', 'q5_0'])
    assert.equal(wrong.code, exitCodes.usage.code)
    assert.match(wrong.stderr, /--quantize must be none, q8_0 or q4_0/)
  })

  it('complete draws the ghost in place', async () => {
    const at = await file('place.ts', 'one\ntwo\nlet three = \nfour\nfive\nsix\n')
    const found = await json<{ text: string; start: number; end: number }>('complete', `${at}:3:13`, ...model)
    assert.equal(found.start, 20)
    const plain = await hearth(['complete', `${at}:3:13`, ...model])
    assert.equal(plain.code, 0)
    assert.match(plain.stdout, / {4}1 {2}one\n {4}2 {2}two\n {4}3 {2}let three = /)
    assert.match(plain.stdout, / {4}4 {2}four\n {4}5 {2}five\n$/)
    assert.ok(!plain.stdout.includes('\x1b'))
    if (found.text !== '') assert.match(plain.stdout, /⟦[^]*⟧/)
    const styled = await hearth(['complete', `${at}:3:13`, ...model], { env: { FORCE_COLOR: '1' } })
    assert.ok(styled.stdout.includes('\x1b[2m'))
    const bare = await hearth(['complete', `${at}:3:13`, ...model], {
      env: { FORCE_COLOR: '1', NO_COLOR: '1' },
    })
    assert.equal(bare.stdout, plain.stdout)
  })

  it('explain streams to stdout', async () => {
    const at = await file('explain.ts', 'let a = 1\nlet b = 2\n')
    const found = await hearth(['explain', `${at}:1-1`, ...model, '--max-tokens', '8'])
    assert.equal(found.code, 0, found.stderr)
    assert.notEqual(found.stdout.trim(), '')
    assert.match(found.stderr, /wrote \d+ in .* tokens\/s/)
  })

  it('chat answers lines of a pipe, and its commands', async () => {
    const input = 'hello\n/stats\n/reset\n/sing\n\nagain\n/exit\nnever asked\n'
    const ended = await hearth(['chat', ...model, '--max-tokens', '4', '--seed', '1'], { input })
    assert.equal(ended.code, 0, ended.stderr)
    assert.match(
      ended.stderr,
      /window of \d+ tokens, 2 messages, \d+ tokens in use\nlast answer: read \d+ tokens/,
    )
    assert.match(ended.stderr, /The conversation starts anew\./)
    assert.match(ended.stderr, /There is no command \/sing; there are \/reset, \/stats and \/exit\./)
    assert.doesNotMatch(ended.stdout, /stats|anew|sing/)
  })

  it('chat outlives a message that is too long, and ends with its input', async () => {
    const ended = await hearth(['chat', ...model, '--max-tokens', '4'], {
      input: `${'word '.repeat(2000)}\nhello`,
    })
    assert.match(ended.stderr, /The message is \d+ tokens; the model's window has room for \d+\./)
    assert.equal(ended.code, 0)
    assert.notEqual(ended.stdout.trim(), '')
  })

  it('bench of a file', async () => {
    const found = await json<{ repeat: number; gen: number; speeds: readonly Speed[] }>(
      'bench',
      ...model,
      '--prompt',
      '8,16',
      '--gen',
      '4',
      '--repeat',
      '2',
    )
    assert.deepEqual([found.repeat, found.gen, found.speeds.map(({ tokens }) => tokens)], [2, 4, [8, 16]])
    for (const { prefill, decode } of found.speeds) {
      for (const { median, min, max } of [prefill, decode])
        assert.ok(0 < min && min <= median && median <= max)
    }
  })

  it('bench --profile of a file', async () => {
    const args = ['--prompt', '8', '--gen', '4', '--repeat', '1', '--profile']
    const { backend, copyGBps, phases } = await json<DeviceProfile>('bench', ...model, ...args)
    assert.equal(backend, 'cpu')
    assert.ok(copyGBps > 0)
    assert.deepEqual(
      phases.map(({ phase, promptTokens }) => [phase, promptTokens]),
      [
        ['prefill', 8],
        ['decode', 8],
      ],
    )
    for (const { kernels, kernelMs, profiledMs } of phases) {
      const product = kernels.find(({ kernel }) => kernel.startsWith('matmul'))
      assert.ok(product && product.weightGBps > 0 && product.launches > 1)
      assert.ok(Math.abs(kernels.reduce((sum, { share }) => sum + share, 0) - 1) < 0.01)
      assert.ok(kernelMs <= profiledMs.max)
    }
  })

  for (const [kind, file] of [
    ['a KV cache', tinyFile],
    ['a recurrent state', 'test/fixtures/tiny-rwkv/pth-5.2-bf16'],
  ] as const) {
    it(`bench --at, with ${kind}`, async () => {
      const args = ['--at', '4,40', '--gen', '3', '--repeat', '2']
      const found = await json<PositionCosts>('bench', '--model', file, '--backend', 'cpu', ...args)
      assert.deepEqual([found.rounds, found.gen], [2, 3])
      assert.deepEqual(
        found.positions.map(({ position }) => position),
        [4, 40],
      )
      for (const { msPerToken } of found.positions) assert.ok(msPerToken.min > 0)
      const { median, min, max } = found.ratio
      assert.ok(0 < min && min <= median && median <= max)
      assert.ok(found.stateBytes > 0)
      assert.equal(found.stateGrowthBytes, 0)
    })
  }

  it('doctor', async () => {
    const found = await json<{
      runtime: { node: string }
      webgpu: string
      advice: string[]
      cache: { folder: string }
    }>('doctor')
    assert.equal(found.runtime.node, process.versions.node)
    assert.equal(found.advice.length === 0, found.webgpu === 'ok')
    assert.match((await hearth(['doctor'])).stdout, /^Hearth [^]*\nWebGPU\n[^]*\nModels\n/)
  })

  it('doctor says what to install where no driver is', async () => {
    const env = { VK_DRIVER_FILES: '/none.json', VK_ICD_FILENAMES: '/none.json' }
    const { code, stdout } = await hearth(['doctor'], { env })
    assert.equal(code, 0)
    assert.match(stdout, /No WebGPU adapter was found/)
    assert.match(stdout, /What to do\n[^]*Meanwhile everything works on the processor/)
  })

  it('probe prints one JSON line', async () => {
    const { code, stdout } = await hearth(['probe'])
    assert.equal(code, 0)
    const found = JSON.parse(stdout) as { node: string; webgpu: string }
    assert.equal(found.node, process.versions.node)
    assert.equal(typeof found.webgpu, 'string')
    const env = { VK_DRIVER_FILES: '/none.json', VK_ICD_FILENAMES: '/none.json' }
    const without = JSON.parse((await hearth(['probe'], { env })).stdout) as { webgpu: string }
    assert.match(without.webgpu, /No WebGPU adapter was found/)
  })

  describe('models', () => {
    let cache: string
    beforeEach(async () => {
      cache = await mkdtemp(path.join(folder, 'cache-'))
      await mkdir(path.join(cache, 'models'))
    })

    it('list, and remove', async () => {
      const env = { HEARTH_CACHE: cache }
      await writeFile(path.join(cache, 'models', 'smollm2-135m-instruct.gguf.part'), '12345')
      const list = JSON.parse((await hearth(['models', '--json'], { env })).stdout) as {
        folder: string
        models: { id: string; installed: boolean }[]
      }
      assert.equal(list.folder, path.join(cache, 'models'))
      assert.ok(list.models.some(({ id, installed }) => id === 'smollm2-135m-instruct' && !installed))
      assert.match(
        (await hearth(['models', 'list'], { env })).stdout,
        /^○ smollm2-135m-instruct\n.*, the default\n/,
      )
      const removed = await hearth(['models', 'remove', 'smollm2-135m-instruct', '--json'], { env })
      assert.deepEqual(JSON.parse(removed.stdout), { id: 'smollm2-135m-instruct', freed: 5 })
      assert.deepEqual(await readdir(path.join(cache, 'models')), [])
    })

    it('Ctrl+C while downloading keeps the part and says nothing', async () => {
      let arrived = (): void => undefined
      const part = new Promise<void>((resolve) => (arrived = resolve))
      const { server, url } = await stallingHub(1_000_000)
      const at = path.join(cache, 'models', 'smollm2-135m-instruct.gguf.part')
      const poll = setInterval(() => {
        stat(at).then(
          ({ size }) => (size === 1_000_000 ? arrived() : undefined),
          () => undefined,
        )
      }, 50)
      try {
        const ended = await hearth(['models', 'get', 'smollm2-135m-instruct'], {
          env: { HEARTH_CACHE: cache, HF_ENDPOINT: url, PATH: '' },
          started: (kill) => void part.then(() => kill('SIGINT')),
        })
        assert.deepEqual(ended, { code: 130, stdout: '', stderr: '' })
        assert.deepEqual(await readdir(path.dirname(at)), ['smollm2-135m-instruct.gguf.part'])
        assert.equal((await stat(at)).size, 1_000_000)
      } finally {
        clearInterval(poll)
        server.closeAllConnections()
        server.close()
      }
    })
  })

  it('a pipe that closes early is no error', async () => {
    const { code, stderr } = await new Promise<{ code: number | null; stderr: string }>((resolve) => {
      const tokens = Array.from({ length: 200 }, (_, i) => i).join(',')
      const args = [enginePath, 'logits', ...model, '--tokens', tokens, '--all', '--json']
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
      let told = ''
      child.stderr.setEncoding('utf8').on('data', (text: string) => (told += text))
      child.stdout.once('data', () => child.stdout.destroy())
      child.on('close', (ended) => resolve({ code: ended, stderr: told }))
    })
    assert.equal(code, 0)
    assert.doesNotMatch(stderr, /EPIPE|hearth:/)
  })
})

async function stallingHub(bytes: number): Promise<{ server: Server; url: string }> {
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-length': 98_362_432 })
    response.write(Buffer.alloc(bytes))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}
