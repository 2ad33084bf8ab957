// Opens a model on this machine: the file, the device, the weights, and a provider around them.
import type { Backend } from '../backend/backend'
import { openBackend, type DeviceChoice } from '../backend/open-backend'
import type { Log } from '../base/log'
import type { Progress } from '../base/progress'
import { openCheckpoint } from '../format/open-checkpoint'
import { checkSameVocabulary } from '../generate/draft-model'
import { loadModel, type Model } from '../model/model'
import type { KvCacheChoice, QuantizeChoice } from '../protocol/settings'
import { chatTemplate } from '../tokenizer/chat-template'
import { findFim } from '../tokenizer/fim'
import { requireVocabulary } from '../tokenizer/no-vocabulary'
import { kernelMemory } from './kernel-memory'
import { LocalProvider } from './local'

export interface OpenLocalOptions {
  /** The file of a model; `ensureModel` in hub.ts turns an id into one. */
  path: string
  /** The file of a smaller model of the same vocabulary, which guesses tokens of answers. */
  draftPath?: string
  /** What to call it in status and messages. */
  model: string
  device: DeviceChoice
  contextLength: number
  quantize: QuantizeChoice
  kvCache: KvCacheChoice
  log: Log
  progress: Progress
}

/** Throws `bad-file`, `unsupported-arch`, `model-missing` for one without a vocabulary, `bad-request` for a draft model of another, `no-gpu` or `out-of-memory`; nothing stays open then. */
export async function openLocal(options: OpenLocalOptions, signal: AbortSignal): Promise<LocalProvider> {
  const start = performance.now()
  const checkpoint = await openCheckpoint(options.path)
  try {
    requireVocabulary(checkpoint.metadata)
    const { backend, reason } = await openBackend(options.device, options.log, {
      kernelMemory: kernelMemory(options.log),
    })
    try {
      const model = await loadModel({ ...options, checkpoint, backend }, signal)
      const draftModel = await loadDraft(options, backend, model, signal)
      const device = `${backend.kind}: ${backend.device.name}${backend.device.software ? ' (software)' : ''}`
      const info = {
        model: options.model,
        architecture: model.config.architecture,
        backend: backend.kind,
        device,
        deviceReason: reason,
        contextLength: model.contextLength,
        loadMs: 0,
      }
      const provider = new LocalProvider({
        model,
        ...(draftModel && { draftModel }),
        backend,
        fim: findFim(model.tokenizer, checkpoint.metadata),
        chatTemplate: chatTemplate(checkpoint.metadata, model.tokenizer),
        info,
      })
      await provider.warmUp(signal)
      info.loadMs = performance.now() - start
      options.log.info(
        `Loaded ${options.model} (${info.architecture}) on ${device} in ${Math.round(info.loadMs)} ms.`,
      )
      return provider
    } catch (error) {
      backend.dispose()
      throw error
    }
  } finally {
    await checkpoint.close()
  }
}

async function loadDraft(
  { draftPath, ...options }: OpenLocalOptions,
  backend: Backend,
  model: Model,
  signal: AbortSignal,
): Promise<Model | undefined> {
  if (draftPath === undefined) return undefined
  const checkpoint = await openCheckpoint(draftPath)
  try {
    const draftModel = await loadModel({ ...options, checkpoint, backend }, signal)
    checkSameVocabulary(model.tokenizer, draftModel.tokenizer)
    return draftModel
  } finally {
    await checkpoint.close()
  }
}
