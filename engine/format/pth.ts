// Reads PyTorch checkpoints (.pth, .bin): a zip archive with a pickle that names tensors and a file of bytes for each storage.
// Layout: `torch/serialization.py`. RWKV's original checkpoints come like this.
import { quote } from '../base/quote'
import { EngineError } from '../protocol/errors'
import { openFile, type ByteSource } from './byte-source'
import { byteLength, type TensorType } from './ggml-types'
import { readTensor, type PlacedTensor, type TensorFile } from './read-tensor'
import {
  PickleDict,
  PickleGlobal,
  PickleObject,
  PickleTuple,
  unpickle,
  type PickleRules,
  type PickleValue,
} from './unpickle'
import { readZipDirectory, zipDataStart, type ZipEntry } from './zip'

const limits = {
  // Some 300 bytes for each tensor.
  pickleBytes: 64_000_000,
  // The same as for GGUF and safetensors.
  tensors: 131_072,
  rank: 8,
  // 2^40 values are a thousand times the largest tensor known, and stay exact in a double when turned into bytes.
  elements: 2 ** 40,
} as const

/**
 * Opens a checkpoint; data is read when asked for, and nothing in the file is ever run. Throws EngineError `model-missing` or `disk`,
 * `bad-file` for anything that is not a flat dictionary of whole tensors, `unsupported-arch` for tensors that are not float32, float16
 * or bfloat16 in C order, and for the format of before PyTorch 1.6.
 */
export async function openPth(path: string, signal?: AbortSignal): Promise<TensorFile> {
  const source = await openFile(path)
  try {
    const tensors = await readPth(source, signal)
    return {
      tensors,
      read: (name, ...part) => readTensor(path, tensors, name, ...part),
      close: () => source.close(),
    }
  } catch (error) {
    await source.close()
    throw error
  }
}

/** Parses archive and pickle; tensor data is not read. Throws as `openPth` does. */
export async function readPth(
  source: ByteSource,
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, PlacedTensor>> {
  await refuseLegacy(source, signal)
  const refuse = (problem: string): EngineError => bad(source.name, problem)
  const damaged = (how: string): EngineError => refuse(`the archive cannot be read: ${how}`)
  const entries = await readZipDirectory(source, damaged, signal)
  const pickles = [...entries.values()].filter(({ name }) => name.endsWith('/data.pkl'))
  const [pickle] = pickles
  if (pickle === undefined || pickles.length > 1) {
    throw refuse(`the archive has ${pickles.length} entries called data.pkl, and a checkpoint has one`)
  }
  if (pickle.bytes > limits.pickleBytes) {
    throw refuse(`its pickle has ${pickle.bytes} bytes, more than the possible ${limits.pickleBytes}`)
  }
  const root = pickle.name.slice(0, -'data.pkl'.length)
  const byteOrder = entries.get(`${root}byteorder`)
  if (byteOrder !== undefined && byteOrder.bytes < 64) {
    const order = Buffer.from(await readEntry(source, byteOrder, refuse, signal))
      .toString('latin1')
      .trim()
    if (order !== 'little') throw refuse(`its numbers are ${order}-endian, made on another kind of machine`)
  }

  const value = unpickle(await readEntry(source, pickle, refuse, signal), rules(source.name))
  if (!(value instanceof PickleDict)) throw refuse('it does not hold a dictionary of tensors')
  if (value.entries.size > limits.tensors) {
    throw refuse(`it has ${value.entries.size} tensors, more than the possible ${limits.tensors}`)
  }
  const starts = new Map<string, number>()
  const tensors = new Map<string, PlacedTensor>()
  for (const [name, tensor] of value.entries) {
    if (!(tensor instanceof TensorView)) throw refuse(`the entry ${quote(name)} is not a tensor`)
    const placed = placeTensor(source, name, tensor, refuse)
    const { key, elements, type } = tensor.storage
    const entry = entries.get(`${root}data/${key}`)
    if (entry === undefined)
      throw refuse(`the archive lacks the storage ${quote(key)} of tensor ${quote(name)}`)
    if (entry.bytes < byteLength(type, elements)) {
      throw refuse(
        `the storage ${quote(key)} has ${entry.bytes} bytes, but the pickle promises ${byteLength(type, elements)}`,
      )
    }
    const start = starts.get(key) ?? (await storedStart(source, entry, refuse, signal))
    starts.set(key, start)
    placed.offset += start
    tensors.set(name, placed)
  }
  return tensors
}

/** Values of a storage; nothing of it is read. */
class Storage extends PickleObject {
  readonly kind = 'storage'
  constructor(
    readonly key: string,
    readonly type: TensorType,
    /** Number of values. */
    readonly elements: number,
  ) {
    super()
  }
}

/** A tensor as a view of a storage; offset and strides count values. */
class TensorView extends PickleObject {
  readonly kind = 'tensor'
  constructor(
    readonly storage: Storage,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {
    super()
  }
}

/** Storages that weights come in, and others that exist. */
const storageTypes: Readonly<Record<string, TensorType | undefined>> = {
  'torch.FloatStorage': 'f32',
  'torch.HalfStorage': 'f16',
  'torch.BFloat16Storage': 'bf16',
  'torch.DoubleStorage': undefined,
  'torch.LongStorage': undefined,
  'torch.IntStorage': undefined,
  'torch.ShortStorage': undefined,
  'torch.CharStorage': undefined,
  'torch.ByteStorage': undefined,
  'torch.BoolStorage': undefined,
}

type Refuse = (problem: string) => EngineError

function rules(file: string): PickleRules {
  const refuse: Refuse = (problem) => bad(file, problem)
  return {
    refuse,
    persistent: (id) => readStorage(file, id, refuse),
    globals: new Map<string, ((items: readonly PickleValue[]) => PickleValue) | undefined>([
      [
        'collections.OrderedDict',
        (items) => {
          if (items.length > 0) throw refuse('its pickle makes an OrderedDict out of something')
          return new PickleDict()
        },
      ],
      ['torch._utils._rebuild_tensor_v2', (items) => rebuildTensor(items, refuse)],
      [
        'torch._utils._rebuild_parameter',
        ([data]) => {
          if (!(data instanceof TensorView))
            throw refuse('its pickle makes a parameter out of something that is not a tensor')
          return data
        },
      ],
      ...Object.keys(storageTypes).map((name) => [name, undefined] as const),
    ]),
  }
}

/** ('storage', type, key, device, number of values) */
function readStorage(file: string, id: PickleValue, refuse: Refuse): Storage {
  const [word, type, key, , elements] = id instanceof PickleTuple ? id.items : []
  if (
    word !== 'storage' ||
    !(type instanceof PickleGlobal) ||
    typeof key !== 'string' ||
    !isCount(elements)
  ) {
    throw refuse('its pickle has a persistent id that is not a storage')
  }
  if (!Object.hasOwn(storageTypes, type.name)) throw refuse(`its pickle has a storage of ${quote(type.name)}`)
  const known = storageTypes[type.name]
  if (known === undefined) {
    throw unsupported(file, `it has a tensor in a ${type.name}; known: Float, Half, BFloat16`)
  }
  if (elements > limits.elements)
    throw refuse(`its storage ${quote(key)} has the impossible number of ${elements} values`)
  return new Storage(key, known, elements)
}

/** (storage, offset, shape, strides, requires_grad, hooks) */
function rebuildTensor(items: readonly PickleValue[], refuse: Refuse): TensorView {
  const [storage, offset, shape, strides] = items
  const lists = [shape, strides].map((list) =>
    list instanceof PickleTuple && list.items.every(isCount) ? list.items : undefined,
  )
  const [extents, steps] = lists
  if (
    !(storage instanceof Storage) ||
    !isCount(offset) ||
    extents === undefined ||
    steps?.length !== extents.length
  ) {
    throw refuse('its pickle describes a tensor in a way that PyTorch does not')
  }
  return new TensorView(storage, offset, extents, steps)
}

/** `offset` is from the start of the storage. */
function placeTensor(source: ByteSource, name: string, tensor: TensorView, refuse: Refuse): PlacedTensor {
  const { storage, shape, strides, offset } = tensor
  if (shape.length > limits.rank)
    throw refuse(
      `tensor ${quote(name)} has ${shape.length} dimensions, more than the possible ${limits.rank}`,
    )
  let elements = 1
  let inOrder = true
  for (let i = shape.length - 1; i >= 0; i--) {
    const extent = shape[i] ?? 0
    // The stride of a single row means nothing.
    if (extent !== 1 && strides[i] !== elements) inOrder = false
    elements *= extent
    if (extent < 1 || elements > limits.elements)
      throw refuse(`tensor ${quote(name)} has the impossible shape ${shape.join(' x ')}`)
  }
  if (!inOrder) {
    throw unsupported(
      source.name,
      `the tensor ${quote(name)} is not stored row by row (strides ${strides.join(', ')})`,
    )
  }
  if (offset + elements > storage.elements) {
    throw refuse(
      `the tensor ${quote(name)} needs values ${offset} to ${offset + elements} of a storage that has ${storage.elements}`,
    )
  }
  const bytes = byteLength(storage.type, elements)
  return { name, type: storage.type, shape, bytes, offset: byteLength(storage.type, offset), source }
}

async function readEntry(
  source: ByteSource,
  entry: ZipEntry,
  refuse: Refuse,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  return source.read(await storedStart(source, entry, refuse, signal), entry.bytes, signal)
}

/** PyTorch never packs what it stores, so that tensors can be read in place. */
async function storedStart(
  source: ByteSource,
  entry: ZipEntry,
  refuse: Refuse,
  signal?: AbortSignal,
): Promise<number> {
  if (entry.method !== 0 || entry.encrypted || entry.packedBytes !== entry.bytes) {
    throw refuse(
      `the entry ${quote(entry.name)} of the archive is packed, and PyTorch stores entries as they are`,
    )
  }
  return zipDataStart(source, entry, (how) => refuse(`the archive cannot be read: ${how}`), signal)
}

// PROTO 2, LONG1 of ten bytes: the magic number 0x1950a86a20f9469cfc6c follows.
const legacyStart = Buffer.from('80028a0a6cfc9c46f9206aa85019', 'hex')

async function refuseLegacy(source: ByteSource, signal?: AbortSignal): Promise<void> {
  if (source.size < legacyStart.length) throw bad(source.name, 'the file is too short to be a checkpoint')
  if (!legacyStart.equals(await source.read(0, legacyStart.length, signal))) return
  throw unsupported(source.name, 'it has the format of before PyTorch 1.6')
}

function isCount(value: PickleValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function bad(file: string, problem: string): EngineError {
  return new EngineError('bad-file', `${file}: ${problem}.`, {
    hint: 'The file is damaged, or not a checkpoint that can be trusted. Download it again from its author.',
  })
}

function unsupported(file: string, problem: string): EngineError {
  return new EngineError('unsupported-arch', `${file}: ${problem}.`, {
    hint: 'Load it once with PyTorch and save it again with torch.save, as contiguous float16 or bfloat16 tensors.',
  })
}
