// The last step of every format: bytes of one tensor, inside its bounds.
import { quote } from '../base/quote'
import { EngineError } from '../protocol/errors'
import type { ByteSource } from './byte-source'
import type { TensorInfo } from './checkpoint'

/** A tensor and where its bytes are: `offset` is from the start of `source`. */
export interface PlacedTensor extends TensorInfo {
  source: ByteSource
  offset: number
}

/** Tensors of a model without a word about the model. */
export interface TensorFile {
  readonly tensors: ReadonlyMap<string, TensorInfo>
  /** As in Checkpoint. */
  read(tensor: string, offset: number, length: number, into?: Uint8Array): Promise<Uint8Array>
  close(): Promise<void>
}

/** Throws EngineError `bad-file` when there is no such tensor or it has no such bytes. `file` names the model in messages. */
export async function readTensor(
  file: string,
  tensors: ReadonlyMap<string, PlacedTensor>,
  name: string,
  offset: number,
  length: number,
  into?: Uint8Array,
): Promise<Uint8Array> {
  const tensor = tensors.get(name)
  if (tensor === undefined) {
    throw new EngineError('bad-file', `${file} has no tensor ${quote(name)}.`, {
      hint: 'The file is not a complete model of its kind. Choose another file.',
    })
  }
  if (offset < 0 || length < 0 || offset + length > tensor.bytes) {
    throw new EngineError(
      'bad-file',
      `${file}: bytes ${offset} to ${offset + length} are outside tensor ${quote(name)}, which has ${tensor.bytes}.`,
      { hint: 'The file does not fit its own metadata. Download it again: hearth models get <model>.' },
    )
  }
  return tensor.source.read(tensor.offset + offset, length, undefined, into)
}
