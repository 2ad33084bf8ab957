// Weights and states in WebAssembly memories, and the operations that read them with SIMD. Whatever has no kernel stays plain.
import type { TensorType } from '../../format/ggml-types'
import type { Activation, StateType } from '../../graph/graph'
import { EngineError } from '../../protocol/errors'
import type { ReadBytes, WeightSpec } from '../backend'
import { PartReader } from '../part-reader'
import type { AttentionShape } from '../cpu/attention'
import { append, rowsOf } from '../cpu/cache-rows'
import type { ColumnsOf, Work } from '../cpu/ops'
import { PlainStorage } from '../cpu/plain-storage'
import type { CpuStorage, CpuTensor, Epilogue } from '../cpu/storage'
import { quants, rowBytes } from '../quants/table'
import { activationRecord } from './activations'
import { Arena } from './arena'
import { attention } from './attention'
import { keyGroupRows } from './attention-kernels'
import { panelRecordBytes, tileTokens } from './block-kernels'
import { blockTypes, groupRows } from './block-layout'
import { floatGroupRows, floatTileTokens, floatTypes, type FloatType } from './float-kernels'
import { isSigmoidActivation } from './gated-kernels'
import { compileKernels } from './kernels'
import { BlockRows } from './pack-rows'
import { Threads, type Job, type ThreadOptions } from './threads'

/** How many multiplications take as long as an exponential. */
const costOfExponential = 16

/** Kernels that unpack quants where they multiply them, by their tokens. */
const fewTokens: Readonly<Record<number, 'one' | 'two' | undefined>> = { 1: 'one', 2: 'two' }

interface Place {
  readonly arena: Arena
  readonly at: number
}

/** A tensor in an arena. */
interface SimdTensor extends CpuTensor, Place {
  /** How it is multiplied; undefined for states. */
  readonly matrix: BlockRows | FloatType | undefined
}

export class SimdStorage implements CpuStorage {
  readonly #module = compileKernels('standard')
  readonly #plain = new PlainStorage()
  readonly #reader = new PartReader()
  readonly #threads: Threads
  #arenas: Arena[]

  /** Throws where WebAssembly lacks SIMD or shared memory, or the process address space. */
  constructor(options: ThreadOptions = {}) {
    this.#arenas = [new Arena(this.#module)]
    this.#threads = new Threads(this.#module, options)
  }

  /** Memories in use; a test looks at it. */
  get arenas(): number {
    return this.#arenas.length
  }

  /** Parts of jobs that other threads than this one did; a test looks at it, too. */
  get helped(): number {
    return this.#threads.helped
  }

  async createWeight(spec: WeightSpec, read: ReadBytes): Promise<CpuTensor> {
    const { type, rows, cols } = spec
    const blocks = blockTypes[type]
    if (rows === 1 || (!blocks && (!isFloat(type) || cols % 4 !== 0)))
      return this.#plain.createWeight(spec, read)
    const matrix = blocks ? new BlockRows(type, blocks, rows, cols) : undefined
    const paddedRows = Math.ceil(rows / floatGroupRows) * floatGroupRows
    const bytes = matrix ? matrix.bytes : paddedRows * rowBytes(type, cols)
    const place = this.#allocate(bytes)
    // More than a memory can hold, or than is left.
    if (!place) return this.#plain.createWeight(spec, read)
    const { arena, at } = place
    try {
      const memory = arena.bytes(at, bytes)
      for await (const part of this.#reader.parts(spec, read, { from: 0, to: rows })) {
        if (matrix) matrix.pack(part.bytes, part.firstRow, memory)
        else memory.set(part.bytes, part.firstRow * rowBytes(type, cols))
      }
    } catch (error) {
      arena.free(at)
      throw error
    }
    const values = type === 'f32' ? arena.floats.subarray(at / 4, at / 4 + rows * cols) : undefined
    const tensor: SimdTensor = { ...spec, values, arena, at, matrix: matrix ?? floatType(type) }
    return tensor
  }

  createState(label: string, rows: number, cols: number, type: StateType = 'f32'): CpuTensor {
    const place = type === 'f32' ? this.#allocate((rows + keyGroupRows) * cols * 4) : undefined
    if (!place) return this.#plain.createState(label, rows, cols, type)
    const { arena, at } = place
    const values = arena.floats.subarray(at / 4, at / 4 + rows * cols)
    const tensor: SimdTensor = { label, type: 'f32', rows, cols, values, arena, at, matrix: undefined }
    return tensor
  }

  destroy(tensor: CpuTensor): void {
    if (!isSimd(tensor)) return
    tensor.arena.free(tensor.at)
    if (!tensor.arena.isEmpty) return
    this.#arenas = this.#arenas.filter((arena) => arena !== tensor.arena)
    this.#threads.forget(tensor.arena)
  }

  embed(table: CpuTensor, tokens: readonly number[], scale: number, out: Float32Array): Work {
    if (!isSimd(table)) return this.#plain.embed(table, tokens, scale, out)
    return embed(table, tokens, scale, out)
  }

  matmul(weight: CpuTensor, x: Float32Array, nTokens: number, epilogue: Epilogue, out: Float32Array): Work {
    if (!isSimd(weight)) return this.#plain.matmul(weight, x, nTokens, epilogue, out)
    if (weight.matrix instanceof BlockRows)
      return blockProduct(this.#threads, weight, weight.matrix, x, nTokens, epilogue, out)
    if (weight.matrix) return floatProduct(this.#threads, weight, weight.matrix, x, nTokens, epilogue, out)
    throw new EngineError('internal', `"${weight.label}" is a state, not a matrix`)
  }

  append(x: Float32Array, nTokens: number, position: number, cache: CpuTensor): Work {
    return append(x, nTokens, position, cache)
  }

  activate(activation: Activation, x: Float32Array, count: number, out: Float32Array): Work {
    const arena = this.#anyArena()
    if (!arena || !isSigmoidActivation(activation)) return this.#plain.activate(activation, x, count, out)
    const columns = { x, stride: count, from: 0 }
    return elementwise(this.#threads, arena, `activate.${activation}`, [columns], 1, count, out)
  }

  gated(
    activation: Activation,
    gate: ColumnsOf,
    up: ColumnsOf,
    rows: number,
    cols: number,
    out: Float32Array,
  ): Work {
    const arena = this.#anyArena()
    if (!arena || !isSigmoidActivation(activation))
      return this.#plain.gated(activation, gate, up, rows, cols, out)
    return elementwise(this.#threads, arena, `gated.${activation}`, [gate, up], rows, cols, out)
  }

  attention(
    q: Float32Array,
    k: CpuTensor,
    v: CpuTensor,
    nTokens: number,
    position: number,
    shape: AttentionShape,
    out: Float32Array,
  ): Work {
    const { headDim, valueDim, chunks } = shape
    if (headDim % 4 === 0 && valueDim % 4 === 0 && !chunks) {
      const rows = Math.max(position + nTokens, shape.prefix)
      const [keys, values] = [this.#rowsOf(k, rows, 'keys'), this.#rowsOf(v, rows, 'values')]
      if (keys && keys.arena === values?.arena)
        return attention(this.#threads, q, keys, values, nTokens, position, shape, out)
    }
    return this.#plain.attention(q, k, v, nTokens, position, shape, out)
  }

  dispose(): void {
    this.#threads.dispose()
  }

  // Where the first `rows` rows of a cache are, as float32: what is kept in another type is decoded for one step.
  #rowsOf(cache: CpuTensor, rows: number, name: string): Place | undefined {
    if (isSimd(cache)) return cache
    const [arena] = this.#arenas
    if (!cache.packed || !arena) return undefined
    const at = arena.scratch(name, (rows + keyGroupRows) * cache.cols * 4)
    rowsOf(cache, rows, arena.floats.subarray(at / 4, at / 4 + rows * cache.cols))
    return { arena, at }
  }

  #allocate(bytes: number): Place | undefined {
    for (const arena of this.#arenas) {
      const at = arena.allocate(bytes)
      if (at !== undefined) return { arena, at }
    }
    const arena = this.#openArena()
    const at = arena?.allocate(bytes)
    if (!arena || at === undefined) return undefined
    this.#arenas.push(arena)
    return { arena, at }
  }

  // Where values of a step may lie.
  #anyArena(): Arena | undefined {
    const arena = this.#arenas[0] ?? this.#openArena()
    if (arena && this.#arenas.length === 0) this.#arenas.push(arena)
    return arena
  }

  #openArena(): Arena | undefined {
    try {
      return new Arena(this.#module)
    } catch (error) {
      if (error instanceof RangeError) return undefined
      throw error
    }
  }
}

function* embed(table: SimdTensor, tokens: readonly number[], scale: number, out: Float32Array): Work {
  const { arena, at, matrix, type, rows, cols } = table
  const stride = rowBytes(type, cols)
  const memory = arena.bytes(at, matrix instanceof BlockRows ? matrix.bytes : rows * stride)
  for (const [t, token] of tokens.entries()) {
    const row = out.subarray(t * cols, (t + 1) * cols)
    if (matrix instanceof BlockRows) matrix.unpack(memory, token, scale, row)
    else {
      quants[type].decode(memory, token * stride, cols, row)
      if (scale !== 1) for (let i = 0; i < cols; i++) row[i]! *= scale
    }
    yield
  }
}

function* blockProduct(
  threads: Threads,
  { arena, at, rows, cols }: SimdTensor,
  { layout, groups, records, groupBytes }: BlockRows,
  x: Float32Array,
  nTokens: number,
  epilogue: Epilogue,
  out: Float32Array,
): Work {
  const { activations } = arena.kernels
  const few = fewTokens[nTokens]
  const tile = few ? nTokens : tileTokens
  const tiles = Math.ceil(nTokens / tile)
  const source = arena.scratch('x', tiles * tile * cols * 4)
  const tileBytes = records * activationRecord(tile).bytes
  const rounded = arena.scratch('rounded', tiles * tileBytes)
  const panelBytes = records * panelRecordBytes
  const panel = arena.scratch('panel', threads.most * panelBytes)
  const outStride = groups * groupRows * 4
  const target = arena.scratch('out', tiles * tile * outStride)

  arena.floats.set(x.subarray(0, nTokens * cols), source / 4)
  arena.floats.fill(0, source / 4 + nTokens * cols, source / 4 + tiles * tile * cols)
  const round = activations[few ?? 'tile']
  for (let t = 0; t < tiles * tile; t++) {
    round(source + t * cols * 4, rounded + Math.floor(t / tile) * tileBytes + (t % tile) * 4, records)
  }
  const products = groups * groupRows * cols * tiles * tile
  const groupOut = groupRows * 4
  const job: Job =
    few !== undefined
      ? {
          arena,
          kernel: `${layout}.${few}`,
          args: [at, rounded, target, outStride, records, groups],
          steps: [groupBytes, 0, groupOut],
          own: [],
          count: 5,
          units: groups,
          products,
        }
      : {
          arena,
          kernel: `${layout}.many`,
          args: [at, rounded, target, outStride, records, groups, tiles, panel],
          steps: [groupBytes, 0, groupOut],
          own: [0, 0, 0, 0, 0, 0, 0, panelBytes],
          count: 5,
          units: groups,
          products,
        }
  // The time of two tokens would not compare with that of one.
  yield* threads.run(job, few ? 'one' : 'many', nTokens !== 2)
  finish(arena.floats, target / 4, outStride / 4, rows, nTokens, epilogue, out)
  yield
}

function* floatProduct(
  threads: Threads,
  { arena, at, rows, cols }: SimdTensor,
  type: FloatType,
  x: Float32Array,
  nTokens: number,
  epilogue: Epilogue,
  out: Float32Array,
): Work {
  const tile = nTokens === 1 ? 1 : floatTileTokens
  const tiles = Math.ceil(nTokens / tile)
  const groups = Math.ceil(rows / floatGroupRows)
  const source = arena.scratch('x', tiles * tile * cols * 4)
  const outStride = groups * floatGroupRows * 4
  const target = arena.scratch('out', tiles * tile * outStride)
  arena.floats.set(x.subarray(0, nTokens * cols), source / 4)
  arena.floats.fill(0, source / 4 + nTokens * cols, source / 4 + tiles * tile * cols)
  const job: Job = {
    arena,
    kernel: `${type}.${tile === 1 ? 'one' : 'tile'}`,
    args: [at, source, cols * 4, target, outStride, cols / 4, groups, tiles],
    steps: [floatGroupRows * cols * floatTypes[type].bytes, 0, 0, floatGroupRows * 4],
    own: [],
    count: 6,
    units: groups,
    products: groups * floatGroupRows * cols * tiles * tile,
  }
  yield* threads.run(job, tile === 1 ? 'one' : 'many', true)
  finish(arena.floats, target / 4, outStride / 4, rows, nTokens, epilogue, out)
  yield
}

// A kernel of contiguous values: of every input, then of the result.
function* elementwise(
  threads: Threads,
  arena: Arena,
  kernel: string,
  inputs: readonly ColumnsOf[],
  rows: number,
  cols: number,
  out: Float32Array,
): Work {
  const quarters = Math.ceil((rows * cols) / 4)
  const places = [...inputs, out].map((_, i) => arena.scratch(`values ${i}`, quarters * 16))
  for (const [i, { x, stride, from }] of inputs.entries()) {
    for (let row = 0; row < rows; row++)
      arena.floats.set(
        x.subarray(row * stride + from, row * stride + from + cols),
        places[i]! / 4 + row * cols,
      )
  }
  yield* threads.run(
    {
      arena,
      kernel,
      args: [...places, quarters],
      steps: places.map(() => 16),
      own: [],
      count: places.length,
      units: quarters,
      products: quarters * 4 * costOfExponential,
    },
    rows === 1 ? 'one' : 'many',
    false,
  )
  const target = places.at(-1)! / 4
  out.set(arena.floats.subarray(target, target + rows * cols))
  yield
}

// out[t] = (product[t] + bias) * scale + add[t]
function finish(
  floats: Float32Array,
  at: number,
  stride: number,
  rows: number,
  nTokens: number,
  { bias, scale, add }: Epilogue,
  out: Float32Array,
): void {
  if (!bias && scale === 1 && !add) {
    for (let t = 0; t < nTokens; t++)
      out.set(floats.subarray(at + t * stride, at + t * stride + rows), t * rows)
    return
  }
  for (let t = 0; t < nTokens; t++) {
    const from = at + t * stride
    const to = t * rows
    for (let row = 0; row < rows; row++) {
      const product = floats[from + row]! + (bias ? bias[row]! : 0)
      out[to + row] = product * scale + (add ? add[to + row]! : 0)
    }
  }
}

function isSimd(tensor: CpuTensor): tensor is SimdTensor {
  return 'arena' in tensor
}

function isFloat(type: TensorType): type is FloatType {
  return type in floatTypes
}

function floatType(type: TensorType): FloatType {
  if (isFloat(type)) return type
  throw new EngineError('internal', `${type} has blocks`)
}
