// llama.cpp as a subject of `hearth bench`: a process of its own that answers on a pipe, from the checkout's test/peer folder.
import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import * as v from 'valibot'
import { EngineError } from '../protocol/errors'
import { promptOf, type Sample, type Subject } from './bench-subject'

export interface PeerOptions {
  file: string
  /** Where llama.cpp computes. */
  backend: 'webgpu' | 'cpu'
  /** Most tokens of a prompt and its answer. */
  capacity: number
  vocabulary: number
}

const opened = v.object({ devices: v.array(v.string()), version: v.string(), loadMs: v.number() })
const measured = v.object({
  prefillMs: v.number(),
  decodeMs: v.number(),
  peakRssBytes: v.number(),
})
const failed = v.object({ error: v.string() })

/** Throws `bad-request` where llama.cpp is not installed, `internal` when it fails. */
export async function openLlamaCpp(options: PeerOptions, signal: AbortSignal): Promise<Subject> {
  const folder = peerFolder()
  const gpu = options.backend === 'cpu' ? 'none' : process.platform === 'darwin' ? 'metal' : 'vulkan'
  const child = spawn(
    process.execPath,
    [path.join(folder, 'llama-cpp-bench.mjs'), options.file, gpu, String(options.capacity)],
    {
      stdio: ['pipe', 'pipe', 'pipe'],
      // Unless devices are named, llama.cpp passes over software adapters.
      env: { GGML_VK_VISIBLE_DEVICES: '0', ...process.env },
    },
  )
  const lines = new Lines(child)
  const stop = (): void => void child.kill()
  signal.addEventListener('abort', stop, { once: true })
  try {
    const { devices, version, loadMs } = v.parse(opened, await lines.next())
    let peakRss = 0
    const measure = async (
      prompt: readonly number[],
      gen: number,
      threads: { prefill: number; decode: number },
    ): Promise<Sample> => {
      child.stdin.write(`${JSON.stringify({ tokens: prompt, gen, threads })}\n`)
      const { prefillMs, decodeMs, peakRssBytes } = v.parse(measured, await lines.next())
      peakRss = peakRssBytes
      return { prefillMs, decodeMs, decoded: gen }
    }
    const threads =
      options.backend === 'cpu'
        ? await bestThreads(options, measure, signal)
        : { prefill: availableParallelism(), decode: availableParallelism() }
    return {
      facts: {
        name: `llama.cpp ${version}`,
        backend: gpu === 'none' ? 'cpu' : gpu,
        device: devices[0] ?? 'CPU',
        loadMs,
      },
      threads,
      run: (prompt, gen) => measure(prompt, gen, threads),
      peakRssBytes: () => peakRss,
      close: () => {
        signal.removeEventListener('abort', stop)
        return lines.end()
      },
    }
  } catch (error) {
    child.kill()
    throw error
  }
}

// The bundle lies in dist/ of a checkout; where it is installed without one there is nothing to compare with.
function peerFolder(): string {
  const folder = path.resolve(__dirname, '..', 'test', 'peer')
  if (!existsSync(path.join(folder, 'llama-cpp-bench.mjs'))) {
    throw new EngineError(
      'bad-request',
      '--vs llama.cpp needs a checkout of Hearth, this is only its bundle.',
      {
        hint: 'Run it from the repository: node dist/engine.js bench --vs llama.cpp.',
      },
    )
  }
  if (!existsSync(path.join(folder, 'node_modules', 'node-llama-cpp'))) {
    throw new EngineError('bad-request', 'llama.cpp is not installed.', {
      hint: 'Install it with: npm ci --ignore-scripts --prefix test/peer',
    })
  }
  return folder
}

/** Runs per number of threads while the best is looked for. */
const tries = 3

type Measure = (
  prompt: readonly number[],
  gen: number,
  threads: { prefill: number; decode: number },
) => Promise<Sample>

// More threads are not always faster: where processors are shared, decoding with two may be slower than with one.
async function bestThreads(
  { capacity, vocabulary }: PeerOptions,
  measure: Measure,
  signal: AbortSignal,
): Promise<{ prefill: number; decode: number }> {
  const cores = availableParallelism()
  const counts: number[] = []
  for (let count = 1; count < cores; count *= 2) counts.push(count)
  counts.push(cores)
  const gen = Math.min(16, capacity >> 1)
  const prompt = promptOf(Math.min(128, capacity - gen), vocabulary)
  const best = { prefill: { threads: 1, ms: Infinity }, decode: { threads: 1, ms: Infinity } }
  for (const threads of counts) {
    for (let i = 0; i < tries; i++) {
      signal.throwIfAborted()
      const { prefillMs, decodeMs } = await measure(prompt, gen, { prefill: threads, decode: threads })
      if (prefillMs < best.prefill.ms) best.prefill = { threads, ms: prefillMs }
      if (decodeMs < best.decode.ms) best.decode = { threads, ms: decodeMs }
    }
  }
  return { prefill: best.prefill.threads, decode: best.decode.threads }
}

/** Answers of a process, line by line. */
class Lines {
  readonly #lines: AsyncIterator<string>
  readonly #ended: Promise<void>
  #complaint = ''

  constructor(private readonly child: ChildProcess) {
    const { stdout, stderr } = child
    if (!stdout || !stderr) throw new EngineError('internal', 'a process without pipes')
    this.#lines = createInterface({ input: stdout })[Symbol.asyncIterator]()
    stderr.on('data', (data: Buffer) => (this.#complaint = (this.#complaint + data.toString()).slice(-2000)))
    this.#ended = new Promise((resolve) => {
      child.once('close', () => resolve())
      child.once('error', (error) => {
        this.#complaint = error.message
        resolve()
      })
    })
  }

  async next(): Promise<unknown> {
    const line = await this.#lines.next()
    if (line.done === true) {
      await this.#ended
      throw new EngineError('internal', `llama.cpp ended: ${lastError(this.#complaint)}`, {
        hint: 'Does it know this kind of model, and is there a driver for it?',
      })
    }
    const answer: unknown = JSON.parse(line.value)
    const wrong = v.safeParse(failed, answer)
    if (wrong.success) throw new EngineError('internal', `llama.cpp failed: ${wrong.output.error}`)
    return answer
  }

  async end(): Promise<void> {
    this.child.stdin?.end()
    await this.#ended
  }
}

// Of a stack trace, the line that says what is wrong.
function lastError(text: string): string {
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  return lines.find((line) => /error/i.test(line)) ?? lines.at(-1) ?? 'no reason given'
}
