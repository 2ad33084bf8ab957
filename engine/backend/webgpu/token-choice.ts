// How a step's token is chosen on the GPU: the launches after those of the plan, and the places where chosen tokens wait.
import { EngineError } from '../../protocol/errors'
import type { ChosenToken } from '../backend'
import { furthestBelow, notNumbers, type ChoiceResult, type TokenChoice } from '../choose-token'
import { chooseBlock, noShape } from './kernels/table'
import type { Launch, Operand } from './lowering'
import { padded } from './tensors'
import { bufferUsage, mapModeRead } from './usage'

/** Steps in flight and chosen tokens that nobody has read yet: two for each sequence. */
const places = 64

/** A place's bytes: a token, and the key of its score or, where that is wanted, its log-probability. */
const placeBytes = 8

/** The key of logits that are not numbers, see choose-best.wgsl; no log-probability has these bits. */
const notNumbersKey = 0xffffffff

/** Words that follow a step's number of tokens, position and prefix, see step.wgsl. */
export function choiceWords(choice: TokenChoice, place: number): Uint32Array {
  const words = new Uint32Array(7)
  const floats = new Float32Array(words.buffer)
  words.set([place, choice.vocabulary, choice.seed])
  floats[3] = choice.temperature
  words[4] = choice.topK
  floats[5] = choice.topP
  floats[6] = furthestBelow(choice)
  return words
}

/** Buffers that one executable's choice needs, besides the places. */
export interface ChoiceBuffers {
  /** The least and the highest logit that may be chosen. */
  readonly kept: GPUBuffer
  /** The best token of each block of logits. */
  readonly best: GPUBuffer
  /** The highest of each block of logits, and its sum of exponentials. */
  readonly sums: GPUBuffer
}

export function createChoiceBuffers(device: GPUDevice, cols: number): ChoiceBuffers {
  const create = (label: string, size: number): GPUBuffer =>
    device.createBuffer({ label, size: padded(size), usage: bufferUsage.storage })
  const blocks = Math.ceil(cols / chooseBlock)
  return { kept: create('kept', 8), best: create('best', blocks * 8), sums: create('sums', blocks * 8) }
}

/**
 * The launches that choose by the logits in `result`, [cols]; the first is for draws only, and the last two for those who want to know
 * how likely the token was.
 */
export function choiceLaunches(
  result: Operand,
  cols: number,
  buffers: ChoiceBuffers,
  chosen: GPUBuffer,
): Launch[] {
  const operand = (buffer: GPUBuffer): Operand => ({ kind: 'buffer', buffer })
  const [kept, best, sums] = [operand(buffers.kept), operand(buffers.best), operand(buffers.sums)]
  const places = operand(chosen)
  const blocks = Math.ceil(cols / chooseBlock)
  const launch = (op: Launch['op'], param: number, operands: readonly Operand[]): Launch => ({
    op,
    type: 'f32',
    perSequence: false,
    single: true,
    params: new Uint32Array([param]),
    operands,
    shape: { ...noShape, maxTokens: 1, cols },
  })
  return [
    launch('choose-least', cols, [result, kept]),
    launch('choose-best', cols, [result, kept, best]),
    launch('choose-token', blocks, [best, places]),
    launch('sum-exponentials', cols, [result, sums]),
    launch('log-probability', blocks, [result, sums, places]),
  ]
}

/** The places, and the buffers that tokens are read through. */
export class ChosenTokens {
  readonly buffer: GPUBuffer
  readonly #free = [...Array(places).keys()]
  readonly #idle: GPUBuffer[] = []

  constructor(private readonly device: GPUDevice) {
    const { storage, copySrc } = bufferUsage
    this.buffer = device.createBuffer({
      label: 'chosen',
      size: places * placeBytes,
      usage: storage | copySrc,
    })
  }

  /** A place for the token of the step that is submitted next; `until` waits for that step before it maps. */
  take(tellsProbability: boolean, until: (map: () => Promise<void>) => Promise<void>): GpuChosenToken {
    const place = this.#free.pop()
    if (place === undefined) throw new EngineError('internal', 'too many chosen tokens were left unread')
    const { mapRead, copyDst } = bufferUsage
    const staging =
      this.#idle.pop() ??
      this.device.createBuffer({ label: 'read token', size: placeBytes, usage: mapRead | copyDst })
    return new GpuChosenToken(place, staging, tellsProbability, until, () => {
      this.#free.push(place)
      this.#idle.push(staging)
    })
  }

  /** Has the GPU write the token in the first word of `tokens`. */
  copyTo(encoder: GPUCommandEncoder, token: ChosenToken, tokens: GPUBuffer, offset: number): void {
    if (!(token instanceof GpuChosenToken) || token.isGone) {
      throw new EngineError('internal', 'a step takes a token that is not there')
    }
    encoder.copyBufferToBuffer(this.buffer, token.place * placeBytes, tokens, offset, 4)
  }

  /** Has the GPU write what was chosen where the host reads it. */
  copyBack(encoder: GPUCommandEncoder, token: GpuChosenToken): void {
    encoder.copyBufferToBuffer(this.buffer, token.place * placeBytes, token.staging, 0, placeBytes)
  }

  dispose(): void {
    for (const buffer of [this.buffer, ...this.#idle]) buffer.destroy()
  }
}

export class GpuChosenToken implements ChosenToken {
  isGone = false

  constructor(
    readonly place: number,
    readonly staging: GPUBuffer,
    private readonly tellsProbability: boolean,
    private readonly until: (map: () => Promise<void>) => Promise<void>,
    private readonly giveBack: () => void,
  ) {}

  async read(): Promise<ChoiceResult> {
    await this.until(() => this.staging.mapAsync(mapModeRead))
    const words = new Uint32Array(this.staging.getMappedRange().slice(0))
    this.staging.unmap()
    this.forget()
    const [token = 0, key] = words
    if (key === notNumbersKey) throw notNumbers()
    return { token, logProbability: this.tellsProbability ? new Float32Array(words.buffer)[1] : undefined }
  }

  forget(): void {
    if (this.isGone) return
    this.isGone = true
    this.giveBack()
  }
}
