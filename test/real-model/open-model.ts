// Opens the real model for a suite, and knows what transformers said about it.
import type { Backend } from '../../engine/backend/backend'
import { openBackend, type DeviceChoice } from '../../engine/backend/open-backend'
import { silentLog } from '../../engine/base/log'
import { noProgress } from '../../engine/base/progress'
import { openCheckpoint } from '../../engine/format/open-checkpoint'
import { loadModel, type Model } from '../../engine/model/model'
import fixture from '../fixtures/real-logits.json'

const live = new AbortController().signal

interface ExpectedPrompt {
  text: string
  tokens: number[]
  /** The largest logits of the last position, [token, logit], largest first. */
  top: [number, number][]
  /** Logits of `sampleIds`. */
  sample: number[]
}

/** Made by test/fixtures/make-real-logits.py. */
export const expected = fixture as unknown as {
  sha256: string
  vocabulary: number
  sampleIds: number[]
  prompts: ExpectedPrompt[]
}

export interface OpenModel {
  backend: Backend
  model: Model
  close(): void
}

/** The file that HEARTH_TEST_MODEL names; the runner leaves these suites out where it is not set. */
export function modelPath(): string {
  const path = process.env['HEARTH_TEST_MODEL']
  if (!path) throw new Error('HEARTH_TEST_MODEL is the path of the default model')
  return path
}

export async function openModel(choice: DeviceChoice): Promise<OpenModel> {
  const { backend } = await openBackend(choice, silentLog)
  const checkpoint = await openCheckpoint(modelPath())
  try {
    const model = await loadModel(
      { checkpoint, backend, contextLength: 256, kvCache: 'f32', log: silentLog, progress: noProgress },
      live,
    )
    return {
      backend,
      model,
      close: () => {
        model[Symbol.dispose]()
        backend.dispose()
      },
    }
  } catch (error) {
    backend.dispose()
    throw error
  } finally {
    await checkpoint.close()
  }
}

/** Logits of the last token of a sequence in a state of its own. */
export async function lastLogits(model: Model, tokens: readonly number[]): Promise<Float32Array> {
  using state = model.createState(tokens.length)
  return await model.forward(state, tokens, { outputs: 'last' }, live)
}
