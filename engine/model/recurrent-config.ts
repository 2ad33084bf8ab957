// The numbers of a recurrent model: few stand in its metadata, the rest are shapes of its tensors.
import type { RecurrentLayout, RecurrentSpec } from '../arch/rwkv-spec'
import type { Checkpoint, TensorInfo } from '../format/checkpoint'
import { numberOf, optionalStringOf } from '../format/metadata'
import { EngineError } from '../protocol/errors'
import { missingTensor } from './config'

export interface RecurrentConfig {
  readonly architecture: string
  readonly name: string
  readonly layers: number
  /** Width of the residual stream. */
  readonly hidden: number
  /** Width of the recurrence; `hidden` in nearly all models. */
  readonly width: number
  /** Heads of the recurrence, and their columns. RWKV-4 has one column in each. */
  readonly heads: number
  readonly headSize: number
  /** Width inside channel mixing. */
  readonly ffn: number
  /** Rows of the token embedding, padding included. */
  readonly vocabulary: number
  readonly normEps: number
  /** Of the norm of each head. */
  readonly headNormEps: number
  /** The matrices that add to the residual stream are divided by two to the power of floor(layer / this); 0 when they are not. */
  readonly rescaleEvery: number
}

/** Training code divides by 8 before it norms with 1e-5, which is this without dividing. */
const usualHeadNormEps = 64e-5

/** Throws `bad-file` when a number is missing or impossible. */
export function readRecurrentConfig(
  spec: RecurrentSpec,
  layout: RecurrentLayout,
  checkpoint: Checkpoint,
): RecurrentConfig {
  const { metadata } = checkpoint
  const architecture = optionalStringOf(metadata, 'general.architecture') ?? ''
  const key = (name: string): string => `${architecture}.${name}`
  const number = (name: string, fallback?: number): number => numberOf(metadata, key(name), fallback)
  const tensor = (name: string): TensorInfo => {
    const inFirstLayer = name.replace('{n}', '0')
    const info = checkpoint.tensors.get(inFirstLayer)
    if (!info) throw missingTensor(inFirstLayer)
    return info
  }
  const { tensors } = layout
  const [vocabulary = 0, hidden = 0] = tensor(tensors.embedding).shape
  const [width = 0] = tensor(tensors.time.key).shape
  const [ffn = 0] = tensor(tensors.channel.key).shape
  const headSize = spec.timeMix.recurrence === 'wkv-4' ? 1 : number('wkv.head_size')
  const config: RecurrentConfig = {
    architecture,
    name: optionalStringOf(metadata, 'general.name') ?? architecture,
    layers: number('block_count'),
    hidden,
    width,
    heads: width / headSize,
    headSize,
    ffn,
    vocabulary,
    normEps: number('attention.layer_norm_epsilon'),
    headNormEps: number('attention.group_norm_epsilon', usualHeadNormEps),
    rescaleEvery: number('rescale_every_n_layers', 0),
  }
  const wrong = (['layers', 'hidden', 'heads', 'headSize', 'ffn', 'vocabulary'] as const).find(
    (name) => !Number.isSafeInteger(config[name]) || config[name] <= 0,
  )
  if (wrong !== undefined) throw impossible(wrong, config[wrong])
  if (!(Number.isSafeInteger(config.rescaleEvery) && config.rescaleEvery >= 0)) {
    throw impossible('rescaleEvery', config.rescaleEvery)
  }
  const eps = (['normEps', 'headNormEps'] as const).find(
    (name) => !(config[name] > 0 && Number.isFinite(config[name])),
  )
  if (eps !== undefined) throw impossible(eps, config[eps])
  return config
}

function impossible(name: string, value: number): EngineError {
  return new EngineError('bad-file', `The model's ${name} comes to ${value}.`, {
    hint: 'The file is damaged or was converted by a faulty tool. Download it again.',
  })
}
