// How each figure is measured: commands of the built engine, in processes of their own.
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { mkdir, rename } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import type { DeviceProfile } from '../../engine/cli/bench-profile'
import type { PositionCosts } from '../../engine/cli/bench-positions'
import { spreadOf, type Measured, type Ratios, type Speed, type Spread } from '../../engine/cli/bench-rounds'
import { syntheticCheckpoint } from '../../engine/cli/synthetic'
import { writeGgufFile } from '../../engine/cli/synthetic-file'
import { gpu, lavapipe } from './drivers'
import type { Found } from './gates'
import { idleShare } from './idle'

export interface JobResult {
  found: Found
  runs: number
  /** By figure, absolute numbers; what all figures share stands under `all`. */
  details: Readonly<Record<string, string>>
}

export interface Job {
  id: string
  /** Roughly, for whoever waits. */
  minutes: number
  /** What this machine lacks for it; undefined when nothing. */
  missing(): string | undefined
  measure(quick: boolean): Promise<JobResult>
}

const none = (): undefined => undefined
const noLavapipe = (): string | undefined => (lavapipe() ? noPeer() : 'no lavapipe')
const noGpu = (): string | undefined => (gpu() ? noPeer() : 'no GPU')
const noPeer = (): string | undefined =>
  existsSync('test/peer/node_modules/node-llama-cpp') ? undefined : 'llama.cpp is not installed in test/peer'

interface VsOptions {
  shape: string
  device: 'webgpu' | 'cpu'
  env: () => NodeJS.ProcessEnv | undefined
  prompt: number
  gen: number
  rounds: number
}

interface Versus {
  ours: Measured
  peer: Measured
  ratio: Ratios
}

function versus(id: string, minutes: number, missing: Job['missing'], options: VsOptions): Job {
  return {
    id,
    minutes,
    missing,
    measure: async (quick) => {
      const { shape, device, env, prompt, gen } = options
      const rounds = quick ? 1 : options.rounds
      const args = [...['--model', await modelFile(shape)], '--device', device, '--vs', 'llama.cpp']
      const sizes = ['--prompt', String(prompt), '--gen', String(gen), '--repeat', String(rounds)]
      const { ours, peer, ratio } = await hearth<Versus>(['bench', ...args, ...sizes], env())
      const speeds = ({ speeds: [first] }: Measured, kind: 'prefill' | 'decode'): Spread =>
        (first as Speed)[kind]
      const both = (kind: 'prefill' | 'decode'): string =>
        `${describe(speeds(ours, kind))} over ${describe(speeds(peer, kind))} tokens/s`
      return {
        found: { decode: ratio.decode, prefill: ratio.prefill, peakRss: spreadOf([ratio.peakRss]) },
        runs: rounds,
        details: {
          decode: both('decode') + threadsOf(peer, 'decode'),
          prefill: both('prefill') + threadsOf(peer, 'prefill'),
          peakRss: `${ours.peakRssMB} over ${peer.peakRssMB} MB`,
        },
      }
    },
  }
}

function threadsOf({ backend, threads }: Measured, kind: 'prefill' | 'decode'): string {
  const count = threads?.[kind]
  return backend === 'cpu' && count !== undefined ? `, ${count} thread${count > 1 ? 's' : ''}` : ''
}

const firstToken: Job = {
  id: 'first-token',
  minutes: 1,
  missing: noLavapipe,
  measure: async (quick) => {
    const runs = quick ? 1 : 5
    const cold: number[] = []
    const again: number[] = []
    const split: string[] = []
    for (let i = 0; i < runs; i++) {
      const folder = mkdtempSync(path.join(os.tmpdir(), 'hearth-shaders-'))
      try {
        const args = ['--model', await modelFile('smollm2-135m'), '--device', 'webgpu']
        const start = async (): Promise<Measured> =>
          hearth<Measured>(['bench', ...args, '--prompt', '16', '--gen', '1', '--repeat', '1'], {
            ...lavapipe(),
            MESA_SHADER_CACHE_DIR: folder,
          })
        const [first, second] = [await start(), await start()]
        const total = ({ loadMs, firstTokenMs }: Measured): number => (loadMs + firstTokenMs) / 1000
        cold.push(total(first))
        again.push(total(second) / total(first))
        split.push(`${first.loadMs} + ${first.firstTokenMs}`)
      } finally {
        rmSync(folder, { recursive: true, force: true })
      }
    }
    const details = { cold: `loading and warming up + first token in ms: ${split.join(', ')}`, again: '' }
    return { found: { cold: spreadOf(cold), again: spreadOf(again) }, runs, details }
  },
}

interface Lookup {
  tokensPerSecond: Record<'off' | 'auto', Spread>
  ratio: Spread
  sameText: boolean
  drafts: { tried: number; accepted: number }
}

function lookup(where: 'cpu' | 'lavapipe', minutes: number): Job {
  return {
    id: `lookup-${where}`,
    minutes,
    missing: where === 'cpu' ? none : noLavapipe,
    measure: async (quick) => {
      const runs = quick ? 1 : 5
      const device = where === 'cpu' ? 'cpu' : 'webgpu'
      const model = ['--model', 'smollm2-135m-instruct', '--device', device, '--context', '8192']
      const texts = [
        '--prompt-file',
        'test/bench/rename-prompt.txt',
        '--answer-file',
        'test/bench/rename-answer.txt',
      ]
      const sizes = ['--gen', quick ? '64' : '256', '--repeat', String(runs)]
      const args = ['bench', ...model, ...texts, ...sizes]
      const found = await hearth<Lookup>(args, where === 'cpu' ? {} : lavapipe())
      const { off, auto } = found.tokensPerSecond
      const { tried, accepted } = found.drafts
      const same = found.sameText ? '' : '; THE TEXTS DIFFER'
      const detail = `${describe(auto)} over ${describe(off)} tokens/s; ${accepted} of ${tried} guesses came true${same}`
      return { found: { ratio: found.ratio }, runs, details: { ratio: detail } }
    },
  }
}

const far: Job = {
  id: 'far',
  minutes: 5,
  missing: none,
  measure: async (quick) => {
    const at = quick ? [100, 1000] : [100, 32000]
    const runs = quick ? 3 : 20
    const args = ['--synthetic', 'rwkv5-0.1b', '--device', 'cpu', '--context', '65536', '--at', at.join(',')]
    const found = await hearth<PositionCosts>(['bench', ...args, '--gen', '32', '--repeat', String(runs)])
    const costs = found.positions.map(
      ({ position, msPerToken }) => `${describe(msPerToken)} ms at ${position}`,
    )
    return {
      found: { ratio: found.ratio, growth: spreadOf([found.stateGrowthBytes]) },
      runs,
      details: {
        ratio: costs.toReversed().join(' over '),
        growth: `of ${found.stateBytes}; the whole process grew by ${found.rssGrowthMB} MB`,
      },
    }
  },
}

function idle(where: 'cpu' | 'lavapipe'): Job {
  return {
    id: `idle-${where}`,
    minutes: 1,
    missing: () => {
      if (process.platform !== 'linux') return 'processor time of another process is only read on Linux'
      return where === 'cpu' ? undefined : noLavapipe()
    },
    measure: async (quick) => {
      const model = await modelFile('smollm2-135m')
      const seconds = quick ? 5 : 30
      const device = where === 'cpu' ? 'cpu' : 'webgpu'
      const share = await idleShare({
        model,
        device,
        seconds,
        env: where === 'cpu' ? {} : (lavapipe() ?? {}),
      })
      return { found: { cpu: spreadOf([share * 100]) }, runs: 1, details: { cpu: `over ${seconds} s` } }
    },
  }
}

const bandwidth: Job = {
  id: 'gpu-bandwidth',
  minutes: 3,
  missing: noGpu,
  measure: async (quick) => {
    const runs = quick ? 1 : 5
    const args = ['--model', await modelFile('qwen2.5-coder-7b'), '--device', 'webgpu', '--profile']
    const sizes = ['--prompt', '128', '--gen', '64', '--repeat', String(runs)]
    const { copyGBps, phases } = await hearth<DeviceProfile>(['bench', ...args, ...sizes], gpu())
    const decode = phases.find(({ phase }) => phase === 'decode')
    if (!decode) throw new Error('nothing was decoded')
    const gigabytes = decode.kernels.reduce((sum, { weightGBps, ms }) => sum + (weightGBps * ms) / 1000, 0)
    const share = (ms: number): number => (gigabytes / (ms / 1000) / copyGBps) * 100
    const { median, min, max } = decode.plainMs
    return {
      found: { ofCopy: { median: share(median), min: share(max), max: share(min) } },
      runs,
      details: { ofCopy: `${gigabytes.toFixed(2)} GB a token, the card copies ${copyGBps} GB/s` },
    }
  },
}

export const jobs: readonly Job[] = [
  ...['smollm2-135m', 'qwen2.5-0.5b'].flatMap((shape, i) => {
    const small = i === 0
    const onLavapipe = { shape, device: 'webgpu', env: lavapipe } as const
    return [
      versus(`lavapipe-${shape}-128`, 2, noLavapipe, { ...onLavapipe, prompt: 128, gen: 16, rounds: 5 }),
      // llama.cpp takes a minute for each 512 tokens of the larger one.
      versus(`lavapipe-${shape}-512`, small ? 3 : 5, noLavapipe, {
        ...onLavapipe,
        prompt: 512,
        gen: 1,
        rounds: small ? 5 : 3,
      }),
      versus(`cpu-${shape}`, 1, noPeer, {
        shape,
        device: 'cpu',
        env: () => ({}),
        prompt: 128,
        gen: 32,
        rounds: 7,
      }),
    ]
  }),
  firstToken,
  lookup('cpu', 1),
  lookup('lavapipe', 3),
  far,
  idle('cpu'),
  idle('lavapipe'),
  ...['qwen2.5-0.5b', 'qwen2.5-1.5b', 'qwen2.5-coder-7b'].map((shape) =>
    versus(`gpu-${shape}`, 1, noGpu, { shape, device: 'webgpu', env: gpu, prompt: 512, gen: 64, rounds: 5 }),
  ),
  bandwidth,
]

/** A file of random weights in a real shape, made once and kept. */
async function modelFile(shape: string): Promise<string> {
  const folder = path.join(os.tmpdir(), 'hearth-bench-models')
  const file = path.join(folder, `${shape}-q4_0.gguf`)
  if (existsSync(file)) return file
  await mkdir(folder, { recursive: true })
  const { signal } = new AbortController()
  await writeGgufFile(syntheticCheckpoint(`${shape}:q4_0`, 4096), `${file}.part`, signal)
  await rename(`${file}.part`, file)
  return file
}

/** The one JSON value that a command prints. Rejects with its last words when it fails. */
function hearth<T>(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<T> {
  const child = spawn(process.execPath, ['dist/engine.js', ...args, '--json'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { XDG_RUNTIME_DIR: os.tmpdir(), ...process.env, ...env },
  })
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => {
      if (code === 0) resolve(JSON.parse(stdout) as T)
      else reject(new Error(`hearth ${args.join(' ')}: ${stderr.trim().split('\n').slice(-2).join(' ')}`))
    })
  })
}

function describe({ median, min, max }: Spread): string {
  return `${median} [${min}-${max}]`
}
