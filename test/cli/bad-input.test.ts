// Everything a user can get wrong: one clear error with the next step, the right exit code, and nothing on stdout.
import assert from 'node:assert/strict'
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { writeGguf } from '../helpers/gguf-writer'
import { hearth, toldError } from './engine-command'

// Dawn prints lines of its own stack, which ends in .cpp.
const stackLine = /^\s+at .*(?:\.js|node:)/m

const tiny = 'test/fixtures/tiny/llama-q4_0.gguf'
const tinyFolder = 'test/fixtures/tiny-hf/qwen3-bf16'

describe('bad input', function () {
  this.timeout(60_000)
  let folder: string
  let server: Server
  let hub: string
  let closed: string

  before(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'hearth-bad-'))
    await makeFiles(folder)
    server = createServer((_request, response) => {
      // The size of the default model, and nothing of its contents.
      response.writeHead(200, { 'content-length': 98_362_432 })
      const zeros = Buffer.alloc(98_362_432 / 64)
      const send = (left: number): void => {
        if (left === 0) response.end()
        else response.write(zeros, (error) => (error ? undefined : send(left - 1)))
      }
      send(64)
    })
    hub = await listen(server)
    const gone = createServer()
    closed = await listen(gone)
    await new Promise((resolve) => gone.close(resolve))
  })
  after(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    await rm(folder, { recursive: true, force: true })
  })

  interface Row {
    name: string
    /** FOLDER, HUB and CLOSED, where nobody listens, stand for the real ones, here and in `env`. */
    args: string
    env?: Record<string, string>
    code: number
    /** Both lines. */
    error: RegExp
  }
  const generate = 'generate --backend cpu --model'

  const rows: Row[] = [
    {
      name: 'a truncated GGUF',
      args: `${generate} FOLDER/truncated.gguf --prompt a`,
      code: 3,
      error: /^hearth: .*truncated\.gguf.*\n {2}.*(again|another)/i,
    },
    {
      name: 'a GGUF cut in its header',
      args: `${generate} FOLDER/header.gguf --prompt a`,
      code: 3,
      error: /^hearth: .*header\.gguf.*\n {2}.*(again|another)/i,
    },
    {
      name: 'a text file renamed .gguf',
      args: `${generate} FOLDER/text.gguf --prompt a`,
      code: 3,
      error: /^hearth: .*text\.gguf.*not a GGUF.*\n {2}\S/i,
    },
    {
      name: 'an empty file renamed .gguf',
      args: `${generate} FOLDER/nothing.gguf --prompt a`,
      code: 3,
      error: /^hearth: .*nothing\.gguf.*\n {2}\S/,
    },
    {
      name: 'a draft model of another vocabulary',
      args: `${generate} ${tiny} --draft test/fixtures/tiny/tiny-qwen2-fim.gguf --prompt a`,
      code: 2,
      error:
        /^hearth: The draft model has another vocabulary than the model: token \d+ is .* in the other\.\n {2}Choose a smaller model of the same family, or none, as --draft\./,
    },
    {
      name: 'an unknown architecture',
      args: `${generate} FOLDER/mamba.gguf --prompt a`,
      code: 3,
      error:
        /^hearth: .*mamba\.gguf: The model's architecture "mamba" is not supported; known: llama, .*\.\n {2}Choose another/,
    },
    {
      name: 'a missing tensor',
      args: `${generate} FOLDER/no-norm.gguf --prompt a`,
      code: 3,
      error: /^hearth: .*no-norm\.gguf: The model file lacks the tensor "blk\.0\.ffn_norm\.weight"\.\n {2}\S/,
    },
    {
      name: 'a tensor of a wrong shape',
      args: `${generate} FOLDER/wide.gguf --prompt a`,
      code: 3,
      error:
        /^hearth: .*wide\.gguf: The tensor "blk\.0\.ffn_gate\.weight" is 96 x 64, but the file's numbers ask for 32 x 64\.\n {2}\S/,
    },
    {
      name: 'a missing key',
      args: `${generate} FOLDER/no-count.gguf --prompt a`,
      code: 3,
      error: /^hearth: .*no-count\.gguf: llama\.block_count is missing; it must be a number\.\n {2}\S/,
    },
    {
      name: 'a tensor twice',
      args: 'inspect FOLDER/twice.gguf',
      code: 3,
      error: /^hearth: .*twice\.gguf: the tensor "blk\.0\.attn_v\.weight" occurs twice\.\n {2}\S/,
    },
    {
      name: 'a tensor twice in safetensors',
      args: 'inspect FOLDER/twice',
      code: 3,
      error: /^hearth: .*twice.model\.safetensors: its header is damaged: "a" occurs twice\.\n {2}\S/,
    },
    {
      name: 'a tokenizer without merges',
      args: `${generate} FOLDER/no-merges.gguf --prompt a`,
      code: 3,
      error:
        /^hearth: .*no-merges\.gguf: it has no merges \(tokenizer\.ggml\.merges\), and without them .*\.\n {2}\S/,
    },
    {
      name: 'a tokenizer.json without merges',
      args: 'inspect FOLDER/no-merges',
      code: 3,
      error: /^hearth: .*no-merges.tokenizer\.json: model\.merges is missing\.\n {2}\S/,
    },
    {
      name: 'a text too short to score',
      args: `perplexity --backend cpu --model ${tiny} FOLDER/text.gguf`,
      code: 2,
      error:
        /^hearth: The text has \d+ tokens; two windows of 512 are needed\.\n {2}Give a longer text or a smaller --ctx\.$/,
    },
    {
      name: 'a name that plays with the terminal',
      args: `${generate} FOLDER/forged.gguf --prompt a`,
      code: 3,
      error:
        /^hearth: .*forged\.gguf: the metadata key "a\\u001b\[2J\\nhearth: all is well" occurs twice\.\n {2}\S/,
    },
    {
      name: 'a model that is nowhere',
      args: `${generate} nonsense --prompt a`,
      code: 3,
      error:
        /^hearth: "nonsense" is neither a file nor a model of the catalog\.\n {2}Give the path of a model, or one of: smollm2-/,
    },
    {
      name: 'a folder without a model',
      args: `${generate} FOLDER/empty --prompt a`,
      code: 3,
      error: /^hearth: The folder .* has no model in it\.\n {2}A model is/,
    },
    {
      name: 'a wrong checksum',
      args: 'models get smollm2-135m-instruct',
      // Without Python there is no second source to fall back to.
      env: { HF_ENDPOINT: 'HUB', PATH: '' },
      code: 5,
      error:
        /^hearth: HUB sent SmolLM2-135M-Instruct\.Q4_1\.gguf with a wrong checksum: SHA-256 [0-9a-f]{12}…, expected b179c9523d0e….*\n {2}The damaged download was removed\./,
    },
    {
      name: 'no network',
      args: 'models get smollm2-135m-instruct',
      env: { HF_ENDPOINT: 'CLOSED', PATH: '' },
      code: 5,
      error:
        /^hearth: SmolLM2 135M Instruct \(Q4_1\) could not be downloaded: the connection to CLOSED failed \(\w+\); there is no Python with pip.*\n {2}Check the network and try again/,
    },
    {
      name: 'no network behind a proxy',
      args: 'models get smollm2-360m-instruct',
      env: { HF_ENDPOINT: 'CLOSED', HTTPS_PROXY: 'CLOSED' },
      code: 5,
      error: /\n {2}.*HTTPS_PROXY is used by pip but not for the hub\./,
    },
    {
      name: 'a cache folder that cannot be',
      args: 'models get smollm2-135m-instruct',
      env: { HF_ENDPOINT: 'HUB', HEARTH_CACHE: 'FOLDER/text.gguf' },
      code: 5,
      error: /^hearth: .* cannot be created: .*\n {2}.*set HEARTH_CACHE to another folder\./,
    },
    {
      name: 'a 0-byte prompt',
      args: `${generate} ${tiny} --prompt-file FOLDER/nothing.gguf`,
      code: 2,
      error: /^hearth: The prompt is empty\.\n {2}Give the model at least one character to go on\.$/,
    },
    {
      name: 'a 200 KB prompt',
      args: `${generate} ${tiny} --prompt-file FOLDER/long.txt`,
      code: 2,
      error: /^hearth: The prompt is \d{5,6} tokens; the window holds 512\.\n {2}Shorten it/,
    },
    {
      name: 'a prompt that is not text',
      args: `${generate} ${tiny} --prompt-file FOLDER/truncated.gguf`,
      code: 2,
      error: /^hearth: .*truncated\.gguf is not UTF-8 text\.\n {2}\S/,
    },
    {
      name: 'a prompt file that is nowhere',
      args: `${generate} ${tiny} --prompt-file FOLDER/none.txt`,
      code: 2,
      error: /^hearth: .*none\.txt cannot be read: there is no such file\.\n {2}Check the path\.$/,
    },
    {
      name: 'no prompt',
      args: `${generate} ${tiny}`,
      code: 2,
      error: /^hearth: There is no prompt\.\n {2}Give --prompt-file FILE or --prompt TEXT\.$/,
    },
    {
      name: 'a token outside the vocabulary',
      args: `logits --backend cpu --model ${tiny} --tokens 1,999999`,
      code: 2,
      error: /^hearth: Token 999999 is not in the vocabulary of \d+\.\n {2}\S/,
    },
    {
      name: 'a place outside the file',
      args: `complete --model ${tiny} FOLDER/text.gguf:99:1`,
      code: 2,
      error: /^hearth: .* has \d+ lines, but not line 99\.\n {2}Lines and columns count from 1\.$/,
    },
    {
      name: 'a place that is none',
      args: `complete --model ${tiny} FOLDER/text.gguf`,
      code: 2,
      error: /^hearth: .* is not FILE:LINE:COL\.\n {2}Give a place such as src\/app\.ts:12:8\.$/,
    },
    {
      name: 'no code to explain',
      args: `explain --model ${tiny} FOLDER/nothing.gguf`,
      code: 2,
      error: /^hearth: There is no code to explain\.\n {2}\S/,
    },
    {
      name: 'a shape that is none',
      args: 'bench --synthetic huge',
      code: 2,
      error: /^hearth: "huge" is not a shape\.\n {2}Give one of smollm2-135m, /,
    },
    {
      name: 'kernels of two programs',
      args: `bench --model ${tiny} --profile --vs llama.cpp`,
      code: 2,
      error: /^hearth: --profile and --vs do not go together\.\n {2}\S/,
    },
    {
      name: 'an unknown command',
      args: 'sing',
      code: 2,
      error: /^hearth: There is no command "sing"\.\n {2}See/,
    },
    {
      name: 'an unknown option',
      args: 'doctor --loud',
      code: 2,
      error: /^hearth: Unknown option `--loud`\.\n {2}See/,
    },
    {
      name: 'a missing argument',
      args: 'inspect',
      code: 2,
      error: /^hearth: Missing required args .*\n {2}See/,
    },
    {
      name: 'a number that is none',
      args: `${generate} ${tiny} --prompt a --max-tokens many`,
      code: 2,
      error: /^hearth: --max-tokens must be a whole number.*\.\n {2}See/,
    },
    {
      name: 'an option given twice',
      args: `${generate} ${tiny} --prompt a --seed 1 --seed 2`,
      code: 2,
      error: /^hearth: --seed must be given once\.\n {2}See/,
    },
    {
      name: 'a device that is none',
      args: `generate --model ${tiny} --prompt a --device gpu`,
      code: 2,
      error: /^hearth: --device must be auto, webgpu or cpu\.\n {2}See/,
    },
    {
      name: 'WebGPU by name where there is no driver',
      args: `generate --model ${tiny} --prompt a --device webgpu`,
      env: { VK_DRIVER_FILES: '/none.json', VK_ICD_FILENAMES: '/none.json' },
      code: 4,
      error: /^hearth: No WebGPU adapter was found.*\n {2}Install a graphics driver/,
    },
  ]

  for (const { name, args, env = {}, code, error } of rows) {
    it(name, async () => {
      const fill = (text: string): string =>
        text.replaceAll('FOLDER', folder).replaceAll('HUB', hub).replaceAll('CLOSED', closed)
      const filled = Object.fromEntries(Object.entries(env).map(([key, value]) => [key, fill(value)]))
      const ended = await hearth(args.split(' ').map(fill), {
        env: { HEARTH_CACHE: path.join(folder, 'cache'), ...filled },
      })
      assert.match(
        toldError(ended).replaceAll(hub.slice(7), 'HUB').replaceAll(closed.slice(7), 'CLOSED'),
        error,
      )
      assert.equal(ended.code, code)
      assert.equal(ended.stdout, '')
      assert.doesNotMatch(ended.stderr, stackLine)
    })
  }

  it('with --json the error is machine output too', async () => {
    const ended = await hearth(['generate', '--model', tiny, '--prompt', '', '--json'])
    assert.deepEqual(JSON.parse(ended.stdout), {
      error: {
        code: 'bad-request',
        message: 'The prompt is empty.',
        hint: 'Give the model at least one character to go on.',
      },
    })
    assert.equal(ended.code, 2)
  })

  it('HEARTH_DEBUG=1 adds where it happened', async () => {
    const ended = await hearth(['inspect', 'nonsense'], { env: { HEARTH_DEBUG: '1' } })
    assert.match(ended.stderr, stackLine)
    assert.equal(ended.code, 3)
  })
})

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function makeFiles(folder: string): Promise<void> {
  const at = (name: string): string => path.join(folder, name)
  await mkdir(at('empty'))
  const whole = await readFile(tiny)
  await writeFile(at('truncated.gguf'), whole.subarray(0, whole.length - 1000))
  await writeFile(at('header.gguf'), whole.subarray(0, 500))
  await writeFile(at('text.gguf'), 'This is a text.\nIt has two lines.\n')
  await writeFile(at('nothing.gguf'), '')
  const changed = (from: string, to: string): Buffer => replaced(whole, from, to)
  await writeFile(at('no-norm.gguf'), changed('blk.0.ffn_norm.weight', 'blk.0.ffn_nine.weight'))
  await writeFile(at('no-count.gguf'), changed('llama.block_count', 'llama.block_cound'))
  await writeFile(at('no-merges.gguf'), changed('tokenizer.ggml.merges', 'tokenizer.ggml.mergez'))
  await writeFile(at('twice.gguf'), changed('blk.0.attn_k.weight', 'blk.0.attn_v.weight'))
  const width = 'llama.feed_forward_length\x04\0\0\0'
  await writeFile(at('wide.gguf'), changed(`${width}\x60`, `${width}\x20`))
  const forged = 'a\x1b[2J\nhearth: all is well'
  await writeFile(at('forged.gguf'), writeGguf({ metadata: { [forged]: 1 }, entries: [[forged, 2]] }))
  for (const name of ['twice', 'no-merges']) await cp(tinyFolder, at(name), { recursive: true })
  const entry = '"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}'
  await writeFile(at('twice/model.safetensors'), safetensors(`{${entry},${entry}}`, 4))
  const tokenizer = await readFile(at('no-merges/tokenizer.json'))
  await writeFile(at('no-merges/tokenizer.json'), replaced(tokenizer, '"merges"', '"mergez"'))
  await writeFile(at('mamba.gguf'), writeGguf({ metadata: { 'general.architecture': 'mamba' } }))
  await writeFile(at('long.txt'), 'The quick brown fox jumps over the lazy dog.\n'.repeat(4551))
}

/** A copy in which the first `from` is `to`, of the same length. */
function replaced(bytes: Buffer, from: string, to: string): Buffer {
  const start = bytes.indexOf(from, 0, 'latin1')
  assert.ok(start >= 0 && from.length === to.length, from)
  const copy = Buffer.from(bytes)
  copy.write(to, start, 'latin1')
  return copy
}

function safetensors(header: string, dataBytes: number): Buffer {
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(header.length))
  return Buffer.concat([length, Buffer.from(header), Buffer.alloc(dataBytes)])
}
