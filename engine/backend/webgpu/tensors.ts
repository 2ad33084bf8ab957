// Weights and states on the GPU: matrices in two aligned planes, cut into bands of rows that a binding can hold.
import { tensorTypes, type TensorType } from '../../format/ggml-types'
import { rowsInTurn, type StateType } from '../../graph/graph'
import { EngineError } from '../../protocol/errors'
import type { ReadBytes, Tensor, WeightSpec } from '../backend'
import type { Part, PartReader } from '../part-reader'
import type { Planes } from '../quants/pack'
import { chunkValues, quants } from '../quants/table'
import { rowsBeside, type DeviceTraits } from './kernels/table'
import { RearrangedRows } from './put-beside'
import { bufferUsage } from './usage'

/** Consecutive rows of a matrix in buffers of their own. */
export interface Band {
  readonly firstRow: number
  readonly rows: number
  readonly quants: GPUBuffer
  /** Undefined for types without blocks. */
  readonly scales: GPUBuffer | undefined
}

export interface GpuTensor extends Tensor {
  readonly id: number
  /** The type on the device: vectors become f32, whatever they are in the file. */
  readonly type: TensorType
  /** Chunks of 32 values per row; the last one is padded with zeros. 0 for states, whose rows are laid out otherwise. */
  readonly chunks: number
  /** At least one. */
  readonly bands: readonly [Band, ...Band[]]
}

/** How matrices lie on a device. */
export interface Layout {
  readonly maxBindingBytes: number
  /** What rows side by side are for: see kernels/rows-beside.wgsl. */
  readonly traits: DeviceTraits
}

/**
 * Rows of one band so that each plane fits `maxBindingBytes`: a gate's rows together with those it belongs to where so many fit, and
 * all that lie side by side; else even, because two rows share a word of half-float scales.
 */
export function rowsPerBand(type: TensorType, cols: number, { maxBindingBytes, traits }: Layout): number {
  const { quantWords, scaleBytes } = quants[type]
  const perRow = Math.ceil(cols / chunkValues) * Math.max(quantWords * 4, scaleBytes)
  const most = Math.floor(maxBindingBytes / perRow)
  const side = rowsBeside(traits, type)
  const step = [side, 2 * rowsInTurn].find((rows) => rows % 2 === 0 && rows <= most) ?? 2
  return most - (most % step)
}

/** Memory that a part passes on its way to the device, the same for every part. */
export class PlaneMemory {
  readonly rearranged = new RearrangedRows()
  #quants = new Uint32Array(0)
  #scales = new Uint32Array(0)

  /** Planes of so many words, with whatever was there before. */
  planes(quantWords: number, scaleWords: number): Planes {
    if (this.#quants.length < quantWords) this.#quants = new Uint32Array(quantWords)
    if (this.#scales.length < scaleWords) this.#scales = new Uint32Array(scaleWords)
    return { quants: this.#quants.subarray(0, quantWords), scales: this.#scales.subarray(0, scaleWords) }
  }
}

/** Uploads a matrix part by part. Throws `out-of-memory`. */
export async function uploadWeight(
  device: GPUDevice,
  id: number,
  spec: WeightSpec,
  layout: Layout,
  read: ReadBytes,
  { reader, memory }: { reader: PartReader; memory: PlaneMemory },
): Promise<GpuTensor> {
  const { label, rows, cols } = spec
  const { type, chunks, bandRows } = bandsOf(spec, layout)
  const bands: Band[] = []
  const { quantWords, scaleBytes } = quants[type]
  const side = rowsBeside(layout.traits, type)
  try {
    for (let firstRow = 0; firstRow < rows; firstRow += bandRows) {
      const count = Math.min(bandRows, rows - firstRow)
      const band = await createBand(device, label, type, chunks, firstRow, count)
      bands.push(band)
      // Two rows may share a word of scales.
      const range = { from: firstRow, to: firstRow + band.rows, step: Math.max(2, side) }
      for await (const part of reader.parts(spec, read, range)) {
        const planes = packRows(spec.type, type, part, cols, memory, side)
        const at = (part.firstRow - firstRow) * chunks
        device.queue.writeBuffer(band.quants, at * quantWords * 4, planes.quants)
        if (band.scales) device.queue.writeBuffer(band.scales, at * scaleBytes, planes.scales)
      }
    }
  } catch (error) {
    bands.forEach(destroyBand)
    throw error
  }
  return { id, label, type, rows, cols, chunks, bands: atLeastOne(bands, label) }
}

/** A weight of these shapes without memory of its own, to choose kernels by. Throws `out-of-memory` as uploading would. */
export function emptyWeight(spec: WeightSpec, layout: Layout, nothing: GPUBuffer): GpuTensor {
  const { label, rows, cols } = spec
  const { type, chunks, bandRows } = bandsOf(spec, layout)
  const bands: Band[] = []
  for (let firstRow = 0; firstRow < rows; firstRow += bandRows) {
    bands.push({ firstRow, rows: Math.min(bandRows, rows - firstRow), quants: nothing, scales: undefined })
  }
  return { id: -1, label, type, rows, cols, chunks, bands: atLeastOne(bands, label) }
}

function bandsOf(spec: WeightSpec, layout: Layout): { type: TensorType; chunks: number; bandRows: number } {
  // Vectors are read value by value by kernels that know f32 only.
  const type = spec.rows === 1 ? 'f32' : spec.type
  const bandRows = rowsPerBand(type, spec.cols, layout)
  if (bandRows > 0) return { type, chunks: Math.ceil(spec.cols / chunkValues), bandRows }
  throw new EngineError(
    'out-of-memory',
    `One row of ${spec.label} is larger than the ${mebibytes(layout.maxBindingBytes)} this GPU can bind at once.`,
    { hint: 'Set hearth.device to "cpu".' },
  )
}

function atLeastOne(bands: readonly Band[], label: string): GpuTensor['bands'] {
  const [first, ...rest] = bands
  if (!first) throw new EngineError('internal', `${label} has no rows`)
  return [first, ...rest]
}

/**
 * Bytes of a state's row, whose layout is that of kernels/cache-<type>.wgsl: f32 and f16 value after value, q8_0 all quants and
 * then a half float for every 32 of them, padded to 16 bytes.
 */
export function stateRowBytes(type: StateType, cols: number): number {
  if (type === 'q8_0') return Math.ceil((cols + (cols / 32) * 2) / 16) * 16
  return cols * (type === 'f16' ? 2 : 4)
}

/** A zero-filled tensor in one binding. Throws `out-of-memory`. */
export function createStateTensor(
  device: GPUDevice,
  id: number,
  { label, type, rows, cols }: { label: string; type: StateType; rows: number; cols: number },
  maxBindingBytes: number,
): GpuTensor {
  const bytes = rows * stateRowBytes(type, cols)
  if (bytes > maxBindingBytes) {
    throw new EngineError(
      'out-of-memory',
      `${label} needs ${mebibytes(bytes)}, this GPU can bind ${mebibytes(maxBindingBytes)} at once.`,
      { hint: 'Choose a smaller context.' },
    )
  }
  const buffer = device.createBuffer({
    label,
    size: padded(bytes),
    usage: bufferUsage.storage | bufferUsage.copySrc | bufferUsage.copyDst,
  })
  const band = { firstRow: 0, rows, quants: buffer, scales: undefined }
  return { id, label, type, rows, cols, chunks: 0, bands: [band] }
}

export function destroyTensor(tensor: GpuTensor): void {
  tensor.bands.forEach(destroyBand)
}

/** Runs `create` and turns the device's out-of-memory error into ours, with the size that was asked for. */
export async function checkMemory<T>(
  device: GPUDevice,
  label: string,
  bytes: number,
  create: () => T,
): Promise<T> {
  device.pushErrorScope('out-of-memory')
  const made = create()
  const error = await device.popErrorScope()
  if (error) throw outOfMemory(label, bytes, error.message)
  return made
}

export function outOfMemory(label: string, bytes: number, detail: string): EngineError {
  return new EngineError('out-of-memory', `The GPU has no ${mebibytes(bytes)} for ${label}: ${detail}`, {
    hint: 'Choose a smaller model, a smaller context, or set hearth.device to "cpu".',
  })
}

/** Buffers are whole vec4s, so that kernels may read the last one. */
export function padded(bytes: number): number {
  return Math.max(16, Math.ceil(bytes / 16) * 16)
}

async function createBand(
  device: GPUDevice,
  label: string,
  type: TensorType,
  chunks: number,
  firstRow: number,
  rows: number,
): Promise<Band> {
  const { quantWords, scaleBytes } = quants[type]
  const quantBytes = padded(rows * chunks * quantWords * 4)
  const scalesBytes = scaleBytes === 0 ? 0 : padded(rows * chunks * scaleBytes)
  const usage = bufferUsage.storage | bufferUsage.copyDst
  return checkMemory(device, label, quantBytes + scalesBytes, () => ({
    firstRow,
    rows,
    quants: device.createBuffer({ label, size: quantBytes, usage }),
    scales:
      scalesBytes === 0
        ? undefined
        : device.createBuffer({ label: `${label} scales`, size: scalesBytes, usage }),
  }))
}

function destroyBand(band: Band): void {
  band.quants.destroy()
  band.scales?.destroy()
}

function packRows(
  fileType: TensorType,
  type: TensorType,
  { bytes, rows }: Part,
  cols: number,
  memory: PlaneMemory,
  side: number,
): Planes {
  const chunks = rows * Math.ceil(cols / chunkValues)
  const { quantWords, scaleBytes, pack } = quants[type]
  const planes = memory.planes(chunks * quantWords, Math.ceil((chunks * scaleBytes) / 4))
  if (type !== fileType) {
    // Only vectors change type, and a vector has one row.
    planes.quants.fill(0, cols)
    quants[fileType].decode(bytes, 0, cols, new Float32Array(planes.quants.buffer, 0, cols))
    return planes
  }
  const { block } = tensorTypes[type]
  const whole = block > 1 ? bytes : padRows(bytes, rows, cols)
  const blocksPerRow = Math.ceil(cols / Math.max(block, chunkValues))
  const blockBytes = whole.length / rows / blocksPerRow
  const placed =
    side > 1 && rows > 1
      ? memory.rearranged.of({ bytes: whole, rows, blocksPerRow, blockBytes }, side)
      : whole
  pack(placed, block > 1 ? rows * blocksPerRow : planes.quants.length, planes)
  return planes
}

// Only f32, f16 and bf16 have rows that are no multiple of a chunk.
function padRows(bytes: Uint8Array, rows: number, cols: number): Uint8Array {
  if (cols % chunkValues === 0) return bytes
  const from = bytes.length / rows
  const to = (from / cols) * Math.ceil(cols / chunkValues) * chunkValues
  const out = new Uint8Array(rows * to)
  for (let row = 0; row < rows; row++) out.set(bytes.subarray(row * from, (row + 1) * from), row * to)
  return out
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`
}
