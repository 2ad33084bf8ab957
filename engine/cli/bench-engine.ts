// This engine as a subject of `hearth bench`: the session that answers requests, without text around it.
import type { Backend } from '../backend/backend'
import { openBackend, type DeviceChoice } from '../backend/open-backend'
import type { Profile } from '../backend/profile'
import type { Log } from '../base/log'
import type { Progress } from '../base/progress'
import type { Checkpoint } from '../format/checkpoint'
import { greedy } from '../generate/sampler'
import { Scheduler } from '../generate/scheduler'
import { Session } from '../generate/session'
import { loadModel, type Model } from '../model/model'
import { kernelMemory } from '../provider/kernel-memory'
import type { KvCacheChoice, QuantizeChoice } from '../protocol/settings'
import type { Subject } from './bench-subject'

export interface EngineOptions {
  device: DeviceChoice
  /** Most tokens of a prompt and its answer. */
  capacity: number
  quantize: QuantizeChoice
  kvCache: KvCacheChoice
  log: Log
  progress: Progress
  /** Gets the times of kernels. */
  profile?: Profile
}

export interface EngineSubject extends Subject {
  readonly architecture: string
  readonly kind: 'webgpu' | 'cpu'
  /** A software adapter. */
  readonly software: boolean
  readonly vocabulary: number
  /** As `Backend.copyBandwidth`. */
  copyBandwidth(): Promise<number>
}

export interface BenchModel {
  readonly model: Model
  readonly backend: Backend
  readonly close: () => void
}

/** Throws what opening a device or loading a model throws. */
export async function openBenchModel(
  openCheckpoint: () => Promise<Checkpoint>,
  options: EngineOptions,
  signal: AbortSignal,
): Promise<BenchModel> {
  const checkpoint = await openCheckpoint()
  try {
    const { backend } = await openBackend(options.device, options.log, {
      profile: options.profile,
      kernelMemory: kernelMemory(options.log),
    })
    try {
      const model = await loadModel(
        { ...options, checkpoint, backend, contextLength: options.capacity },
        signal,
      )
      const close = (): void => {
        model[Symbol.dispose]()
        backend.dispose()
      }
      return { model, backend, close }
    } catch (error) {
      backend.dispose()
      throw error
    }
  } finally {
    await checkpoint.close()
  }
}

/** Loads the model as for a request. Throws as `openBenchModel`. */
export async function openEngine(
  openCheckpoint: () => Promise<Checkpoint>,
  options: EngineOptions,
  signal: AbortSignal,
): Promise<EngineSubject> {
  const start = performance.now()
  const { model, backend, close } = await openBenchModel(openCheckpoint, options, signal)
  try {
    const session = new Session(model, options.capacity)
    if (backend.kind === 'webgpu') await session.warmUp(signal)
    const loadMs = performance.now() - start
    const kernels = backend.device.kernels && { kernels: backend.device.kernels }
    return {
      facts: { name: 'Hearth', backend: backend.kind, device: backend.device.name, loadMs, ...kernels },
      architecture: model.config.architecture,
      kind: backend.kind,
      software: backend.device.software,
      vocabulary: model.tokenizer.size,
      copyBandwidth: () => backend.copyBandwidth(),
      run: (prompt, gen, abort) => runOnce(session, prompt, gen, abort),
      // In KiB on every system.
      peakRssBytes: () => process.resourceUsage().maxRSS * 1024,
      close: () => {
        session[Symbol.dispose]()
        close()
        return Promise.resolve()
      },
    }
  } catch (error) {
    close()
    throw error
  }
}

async function runOnce(
  session: Session,
  prompt: readonly number[],
  gen: number,
  signal: AbortSignal,
): ReturnType<Subject['run']> {
  await session.reset(signal)
  // The first token comes of the prompt's own logits.
  const options = { maxTokens: gen + 1, sampler: greedy, stop: [], speculation: 'off' as const }
  const answer = session.generate(prompt, options, new Scheduler().enter('typing', signal))
  for (;;) {
    const next = await answer.next()
    if (!next.done) continue
    signal.throwIfAborted()
    const { prefillMs, decodeMs, completionTokens } = next.value.usage
    return { prefillMs, decodeMs, decoded: Math.min(gen, completionTokens) }
  }
}
