// The same model in llama.cpp: same tokens in, same tokens out, or a difference where the model itself is undecided.
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { maxDifference, tie } from './compare'

const prompts: Readonly<Record<string, string>> = {
  python: 'def is_prime(n):\n    """Return True when n is a prime number."""\n',
  typescript: 'export function clamp(value: number, low: number, high: number): number {\n',
  html: '<!DOCTYPE html>\n<html>\n  <head>\n    <title>My page</title>\n',
  prose: 'The lighthouse keeper climbed the stairs every evening, and',
  'not ASCII': 'Zürich, São Paulo and 東京 are cities. The largest of them is',
}
const maxTokens = 64
const undecided = 1e-2
const backends = ['cpu', 'webgpu'] as const
/**
 * llama.cpp's two ways to compute with the same file. On the processor it rounds the activations of a quantized product to
 * 8 bits; on a Vulkan device without packed dot products it multiplies in f32, as we do.
 */
const peerSettings = {
  processor: { gpu: false, env: {} },
  // By itself it passes over devices that are processors, and takes halves where the device has them.
  vulkan: { gpu: 'vulkan', env: { GGML_VK_VISIBLE_DEVICES: '0', GGML_VK_DISABLE_F16: '1' } },
} as const
type PeerName = keyof typeof peerSettings
type BackendName = (typeof backends)[number]

interface PeerRow {
  tokens: number[]
  generated: number[]
}

interface Comparison {
  /** Tokens before the first difference. */
  same: number
  of: number
  /** Between the logits of our two likeliest tokens at the first difference; undefined when there is none. */
  gap?: number
}

describe('parity with llama.cpp', function () {
  this.timeout(1_200_000)
  const model = process.env['HEARTH_TEST_MODEL'] ?? ''
  const table: string[] = []
  const notes: string[] = []
  let folder: string
  let peers: Record<PeerName, ReadonlyMap<string, PeerRow>>

  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'hearth-peer-'))
    for (const [name, text] of Object.entries(prompts)) writeFileSync(path.join(folder, `${name}.txt`), text)
    peers = { processor: askPeer('processor'), vulkan: askPeer('vulkan') }
  })
  after(() => {
    rmSync(folder, { recursive: true, force: true })
    const text = [
      `Greedy continuation, ${maxTokens} tokens, against llama.cpp with the same file: on Vulkan, which computes in f32, and on the processor, which rounds activations to 8 bits.`,
      '',
      '| prompt | prompt tokens | backend | llama.cpp Vulkan | llama.cpp processor |',
      '| --- | --- | --- | --- | --- |',
      ...table,
      '',
      ...notes,
      '',
    ].join('\n')
    mkdirSync('test/screenshots', { recursive: true })
    writeFileSync('test/screenshots/parity.md', text)
    process.stderr.write(`${text}\n`)
  })

  for (const name of Object.keys(prompts)) {
    const file = (): string => path.join(folder, `${name}.txt`)
    const row = (peer: PeerName): PeerRow => peers[peer].get(name) ?? { tokens: [], generated: [] }

    it(`${name}: the prompt is the same tokens`, () => {
      const { tokens } = engine(['tokenize', '--text-file', file()]) as { tokens: number[] }
      assert.deepEqual(tokens, row('vulkan').tokens)
    })

    for (const backend of backends) {
      it(`${name}: ${backend} writes what llama.cpp writes`, () => {
        const ours = engine([
          ...['generate', '--prompt-file', file(), '--max-tokens', String(maxTokens)],
          ...['--temperature', '0', '--backend', backend, '--kv', 'f32'],
        ]) as { tokens: number[]; backend: string }
        assert.equal(ours.backend, backend)
        const exact = compare(row('vulkan'), ours.tokens, backend)
        const rounded = compare(row('processor'), ours.tokens, backend)
        const count = row('vulkan').tokens.length
        table.push(
          `| ${name} | ${count} | ${backend} | ${describeFound(exact)} | ${describeFound(rounded)} |`,
        )

        assert.ok(isTie(exact), `Vulkan: ${describeFound(exact)}`)
        // Where rounding makes llama.cpp leave its own f32 answer, it is no measure for ours, as long as ours is that answer.
        assert.ok(isTie(rounded) || exact.same > rounded.same, `processor: ${describeFound(rounded)}`)
      })
    }
  }

  it('webgpu and cpu agree on every logit of every prompt', () => {
    const worst = Object.keys(prompts).map((name) => {
      const { tokens } = peers.vulkan.get(name) ?? { tokens: [] }
      const [cpu, webgpu] = backends.map((backend) =>
        (logits(tokens, backend, ['--all']) as { logits: number[][] }).logits.flat(),
      )
      return maxDifference(cpu ?? [], webgpu ?? [])
    })
    const { difference: largest, scale } = worst.reduce((a, b) => (a.difference > b.difference ? a : b))
    const text = `Largest |webgpu - cpu| of a logit over all positions of the prompts: ${largest.toExponential(2)}, where the largest logit is ${scale.toFixed(1)}.`
    notes.push(text)
    assert.ok(largest <= 5e-3 * scale, text)
  })

  function engine(args: readonly string[]): unknown {
    const output = execFileSync(process.execPath, ['dist/engine.js', ...args, '--model', model, '--json'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      maxBuffer: 1 << 29,
    })
    return JSON.parse(output)
  }

  function logits(tokens: readonly number[], backend: BackendName, more: readonly string[] = []): unknown {
    return engine(['logits', '--tokens', tokens.join(','), '--backend', backend, '--kv', 'f32', ...more])
  }

  /** How far we agree, and how sure our model is where it first says something else. */
  function compare(theirs: PeerRow, ours: readonly number[], backend: BackendName): Comparison {
    const { tokens, generated } = theirs
    assert.ok(generated.length > 0)
    const same = generated.findIndex((token, index) => token !== ours[index])
    if (same === -1) return { same: generated.length, of: generated.length }
    const { logits: last } = logits([...tokens, ...ours.slice(0, same)], backend) as { logits: number[] }
    const { best, gap } = tie(last)
    assert.ok(best.includes(generated[same] ?? -1), 'llama.cpp chose neither of our best two')
    return { same, of: generated.length, gap }
  }

  function askPeer(name: PeerName): Map<string, PeerRow> {
    const { gpu, env } = peerSettings[name]
    const texts = Object.values(prompts).map((text) => ({ text }))
    const { status, stdout, stderr } = spawnSync(process.execPath, ['test/peer/llama-cpp.mjs'], {
      input: JSON.stringify({ model, gpu, maxTokens, prompts: texts }),
      encoding: 'utf8',
      timeout: 900_000,
      env: { ...process.env, ...env },
    })
    assert.equal(status, 0, stderr)
    const rows = JSON.parse(stdout) as PeerRow[]
    return new Map(
      Object.keys(prompts).map((name, index) => [name, rows[index] ?? { tokens: [], generated: [] }]),
    )
  }
})

function isTie({ gap = 0 }: Comparison): boolean {
  return gap < undecided
}

function describeFound({ same, of, gap }: Comparison): string {
  return gap === undefined
    ? `${same} of ${of}`
    : `${same} of ${of}, then our best two are ${gap.toFixed(4)} apart`
}
