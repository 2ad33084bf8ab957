// Turns operations of a plan into kernel launches: which buffers, which numbers, how many rows.
import type { TensorType } from '../../format/ggml-types'
import {
  isPerSequence,
  type Activation,
  rowsInTurn,
  type Operation,
  type RopeAxis,
  type Rows,
  type StateRef,
  type StateType,
  type Value,
  type WeightRef,
} from '../../graph/graph'
import type { Plan } from '../../graph/plan'
import { EngineError } from '../../protocol/errors'
import { quants } from '../quants/table'
import { noShape, type OpName, type Shape } from './kernels/table'
import type { Band, GpuTensor } from './tensors'

/** Where a binding's bytes are. States are bound when the step names them. */
export type Operand =
  /** `cols` values for each row of the step. */
  | { kind: 'slot'; slot: number; cols: number }
  | { kind: 'buffer'; buffer: GPUBuffer }
  | { kind: 'state'; state: string; type: StateType }
  | { kind: 'tokens' }
  /** What `quantize` made of the activations of the next matrix. */
  | { kind: 'quantized' }
  /** What an attention leaves of each part of its rows. */
  | { kind: 'parts' }
  /** Bound but not read: a missing bias, the scales of a type without blocks. */
  | { kind: 'nothing' }

export interface Launch {
  readonly op: OpName
  readonly type: TensorType
  readonly shape: Shape
  /** The kernel's Params struct, word by word. */
  readonly params: Uint32Array
  /** From binding 2 on. */
  readonly operands: readonly Operand[]
  /** Whether a step of several sequences launches it once for each of them. */
  readonly perSequence: boolean
  /** True when the launch has one row of activations, however many tokens the step has. */
  readonly single: boolean
  /** Launched only in steps that see many rows through the window, or only in the others; always when undefined. */
  readonly span?: { readonly many: boolean; readonly window: number }
}

/** An operation on a matrix becomes one launch per band, everything else one launch. */
export function lower(
  operation: Operation,
  plan: Plan,
  weights: ReadonlyMap<string, GpuTensor>,
): readonly Launch[] {
  const slot = (value: Value): Operand => {
    const index = plan.slotOf.get(value.id)
    if (index === undefined)
      throw new EngineError('internal', `"${value.label}" is used before it is computed`)
    return { kind: 'slot', slot: index, cols: value.cols }
  }
  const tensor = (ref: WeightRef): GpuTensor => {
    const found = weights.get(ref.weight)
    if (!found) throw new EngineError('internal', `no weight "${ref.weight}" was given to compile`)
    return found
  }
  const vector = (ref: WeightRef): Operand => {
    const found = tensor(ref)
    if (found.type !== 'f32') {
      throw new EngineError('unsupported-arch', `${ref.weight} is ${found.type}, only f32 works here`)
    }
    return { kind: 'buffer', buffer: found.bands[0].quants }
  }
  // Read value after value, so rows must lie without padding between them: one row, or rows of whole chunks.
  const columns = (ref: WeightRef): Operand => {
    const { rows, cols, chunks } = tensor(ref)
    if (rows === 1 || cols === chunks * 32) return vector(ref)
    throw new EngineError('internal', `${ref.weight} is [${rows}, ${cols}], it has to be uploaded as one row`)
  }
  const isSingle = (rows: Rows): boolean => rows === 'outputs' && plan.outputs === 'last'
  const launch = (
    out: { rows: Rows },
    params: readonly number[],
    operands: readonly Operand[],
    shape: Partial<Shape>,
    type: TensorType = 'f32',
  ): Launch => {
    const single = isSingle(out.rows)
    const maxTokens = single ? 1 : plan.maxTokens
    return {
      op: operation.op,
      type,
      perSequence: isPerSequence(operation.op),
      single,
      params: new Uint32Array(params),
      operands,
      shape: { ...noShape, maxTokens, ...shape },
    }
  }

  switch (operation.op) {
    case 'embed': {
      const { scale, out } = operation
      const table = tensor(operation.table)
      return table.bands.map((band) =>
        launch(
          out,
          [band.rows, table.cols, table.chunks, band.firstRow, floatBits(scale)],
          [...planes(band), { kind: 'tokens' }, slot(out)],
          { rows: band.rows, cols: table.cols },
          table.type,
        ),
      )
    }
    case 'matmul': {
      const { x, norm, bias, scale, add, gate, out } = operation
      const weight = tensor(operation.weight)
      if (weight.cols !== x.cols || weight.rows !== out.cols * (gate ? 2 : 1)) {
        throw new EngineError(
          'internal',
          `${weight.label} is [${weight.rows}, ${weight.cols}], "${x.label}" has ${x.cols} columns and "${out.label}" ${out.cols}`,
        )
      }
      if (gate && weight.bands.some(({ firstRow, rows }) => (firstRow | rows) % (2 * rowsInTurn) !== 0)) {
        throw new EngineError('internal', `${weight.label} has rows of a gate apart from those it belongs to`)
      }
      return weight.bands.map((band) =>
        launch(
          x,
          [
            band.rows,
            weight.cols,
            weight.chunks,
            band.firstRow,
            out.cols,
            bias ? 1 : 0,
            add ? 1 : 0,
            floatBits(scale),
            floatBits(norm?.eps ?? 0),
            floatBits(norm?.offset ?? 0),
            norm ? 1 : 0,
            gate ? 1 : 0,
          ],
          [
            ...planes(band),
            slot(x),
            bias ? vector(bias) : nothing,
            add ? slot(add) : nothing,
            slot(out),
            norm ? vector(norm.weight) : nothing,
          ],
          {
            rows: band.rows,
            cols: weight.cols,
            integers: quants[weight.type].integers !== undefined,
            activation: gate ?? gateOf(plan),
            gated: gate !== undefined,
            hasEdges: gate !== undefined || norm !== undefined,
          },
          weight.type,
        ),
      )
    }
    case 'rms-norm': {
      const { x, weight, eps, offset, out } = operation
      const width = tensor(weight).cols
      return [
        launch(x, [x.cols, width, floatBits(eps), floatBits(offset)], [slot(x), vector(weight), slot(out)], {
          rows: x.cols / width,
          cols: width,
        }),
      ]
    }
    case 'layer-norm': {
      const { x, weight, bias, group, eps, out } = operation
      return [
        launch(
          x,
          [x.cols, group, bias ? 1 : 0, floatBits(eps)],
          [slot(x), vector(weight), bias ? vector(bias) : nothing, slot(out)],
          { rows: x.cols / group, cols: group },
        ),
      ]
    }
    case 'rope': {
      const { x, headDim, from, rotaryDims, pairs, axis, out } = operation
      const tableCols = tensor(operation.table).chunks * 32
      return [
        launch(
          x,
          [x.cols, headDim, from, rotaryDims, tableCols, pairs === 'interleaved' ? 1 : 0, ropeAxes[axis]],
          [slot(x), vector(operation.table), slot(out)],
          { cols: x.cols },
        ),
      ]
    }
    case 'rope-append': {
      const { q, k, v, table, heads, kvHeads, headDim, valueDim, from, rotaryDims, pairs, out } = operation
      const sizes = [heads * headDim, kvHeads * headDim, kvHeads * valueDim]
      return [
        launch(
          out,
          [
            ...sizes,
            ...[q, k, v].flatMap((columns) => [columns.value.cols, columns.from]),
            headDim,
            from,
            rotaryDims,
            tensor(table).chunks * 32,
            pairs === 'interleaved' ? 1 : 0,
          ],
          [
            slot(q.value),
            slot(k.value),
            slot(v.value),
            vector(table),
            stateOf(operation.keys),
            stateOf(operation.values),
            slot(out),
          ],
          { cols: sizes.reduce((sum, size) => sum + size, 0), cache: operation.keys.type ?? 'f32' },
        ),
      ]
    }
    case 'append': {
      const { x, cache } = operation
      return [launch(x, [x.cols], [slot(x), stateOf(cache)], { cols: x.cols, cache: cache.type ?? 'f32' })]
    }
    case 'attention': {
      const { q, k, v, heads, kvHeads, headDim, valueDim, scale, window, softcap, chunks, out } = operation
      for (const size of [headDim, valueDim]) {
        if (size <= 256 && size % 2 === 0) continue
        throw new EngineError('unsupported-arch', `heads of ${size} values; even sizes up to 256 work`)
      }
      return [
        launch(
          q,
          [
            heads,
            kvHeads,
            headDim,
            valueDim,
            window ?? endless,
            chunks?.length ?? endless,
            operation.prefix ? 1 : 0,
            operation.slopes ? 1 : 0,
            floatBits(scale),
            floatBits(softcap ?? 0),
          ],
          [
            slot(q),
            stateOf(k),
            stateOf(v),
            operation.slopes ? vector(operation.slopes) : nothing,
            chunks ? slot(chunks.successive) : nothing,
            chunks ? slot(chunks.inter) : nothing,
            slot(out),
          ],
          {
            rows: heads,
            cols: headDim,
            headDim,
            valueDim,
            kvHeads,
            cache: cacheType(k, v, headDim, valueDim),
            chunked: chunks !== undefined,
          },
        ),
      ]
    }
    case 'scale-by-position': {
      const { x, table, out } = operation
      const tableCols = tensor(table).chunks * 32
      return [launch(x, [x.cols, tableCols], [slot(x), vector(table), slot(out)], { cols: x.cols })]
    }
    case 'join-heads': {
      const { x, shared, heads, out } = operation
      return [
        launch(x, [out.cols, x.cols / heads, shared.cols], [slot(x), slot(shared), slot(out)], {
          cols: out.cols,
        }),
      ]
    }
    case 'activate': {
      const { x, out, activation } = operation
      return [launch(x, [x.cols], [slot(x), slot(out)], { cols: x.cols, activation })]
    }
    case 'gated': {
      const { gate, up, out, activation } = operation
      const params = [out.cols, ...[gate, up].flatMap((columns) => [columns.value.cols, columns.from])]
      const operands = [slot(gate.value), slot(up.value), slot(out)]
      return [launch(out, params, operands, { cols: out.cols, activation })]
    }
    case 'add': {
      const { x, scale, y, out } = operation
      return [launch(x, [x.cols, floatBits(scale)], [slot(x), slot(y), slot(out)], { cols: x.cols })]
    }
    case 'multiply': {
      const { x, y, out } = operation
      return [launch(x, [x.cols], [slot(x), slot(y), slot(out)], { cols: x.cols })]
    }
    case 'scale-columns': {
      const { x, weight, bias, out } = operation
      const operands = [
        slot(x),
        weight ? columns(weight) : nothing,
        bias ? columns(bias) : nothing,
        slot(out),
      ]
      return [launch(x, [x.cols, weight ? 1 : 0, bias ? 1 : 0], operands, { cols: x.cols })]
    }
    case 'softcap': {
      const { x, cap, out } = operation
      return [launch(x, [x.cols, floatBits(cap)], [slot(x), slot(out)], { cols: x.cols })]
    }
    case 'l2-norm': {
      const { x, group, eps, out } = operation
      return [
        launch(x, [x.cols, group, floatBits(eps)], [slot(x), slot(out)], {
          rows: x.cols / group,
          cols: group,
        }),
      ]
    }
    case 'shift-mix': {
      const { x, previous, weight, dynamic, out } = operation
      const moved = dynamic ? slot(dynamic) : nothing
      const operands = [slot(x), stateOf(previous), columns(weight), moved, slot(out)]
      return [launch(x, [x.cols, dynamic ? 1 : 0], operands, { cols: x.cols })]
    }
    case 'keep-last': {
      const { x, state } = operation
      return [launch(x, [x.cols], [slot(x), stateOf(state)], { cols: x.cols })]
    }
    case 'wkv-4': {
      const { k, v, decay, first, state, out } = operation
      const operands = [slot(k), slot(v), columns(decay), columns(first), stateOf(state), slot(out)]
      return [launch(k, [k.cols], operands, { cols: k.cols })]
    }
    case 'wkv-5': {
      const { r, k, v, decay, first, heads, state, out } = operation
      const headDim = recurrentHead(r.cols, heads)
      const perToken = 'id' in decay
      const decays = perToken ? slot(decay) : columns(decay)
      const operands = [slot(r), slot(k), slot(v), decays, columns(first), stateOf(state), slot(out)]
      return [launch(r, [r.cols, headDim, perToken ? r.cols : 0], operands, { cols: r.cols, headDim })]
    }
    case 'wkv-7': {
      const { r, decay, k, v, removal, rate, heads, state, out } = operation
      const headDim = recurrentHead(r.cols, heads)
      const operands = [...[r, decay, k, v, removal, rate].map(slot), stateOf(state), slot(out)]
      return [launch(r, [r.cols, headDim], operands, { cols: r.cols, headDim })]
    }
    case 'add-bonus': {
      const { x, r, k, v, weight, group, out } = operation
      const operands = [...[x, r, k, v].map(slot), columns(weight), slot(out)]
      return [launch(x, [x.cols, group], operands, { rows: x.cols / group, cols: group })]
    }
    case 'select-outputs': {
      const { x, out } = operation
      return [launch(out, [x.cols, isSingle(out.rows) ? 1 : 0], [slot(x), slot(out)], { cols: x.cols })]
    }
  }
}

const nothing: Operand = { kind: 'nothing' }

/** A window or a chunk that no position reaches the end of. */
const endless = 2 ** 32 - 1

// One type for keys and values, and whole units of it in a head.
function cacheType(k: StateRef, v: StateRef, headDim: number, valueDim: number): StateType {
  const type = k.type ?? 'f32'
  const unit = { f32: 1, f16: 8, q8_0: 32 }[type]
  if (type === (v.type ?? 'f32') && headDim % unit === 0 && valueDim % unit === 0) return type
  const types = `"${k.state}" of ${type} and "${v.state}" of ${v.type ?? 'f32'}`
  throw new EngineError('internal', `attention over ${types} with heads of ${headDim} and ${valueDim} values`)
}

/** Numbers of the axes in rope.wgsl. */
const ropeAxes: Readonly<Record<RopeAxis, number>> = { position: 0, prefix: 1, 'after-prefix': 2 }

function stateOf(ref: StateRef): Operand {
  return { kind: 'state', state: ref.state, type: ref.type ?? 'f32' }
}

// A thread keeps one row or column of its head's state.
function recurrentHead(cols: number, heads: number): number {
  const headDim = cols / heads
  if (headDim <= 128) return headDim
  throw new EngineError('unsupported-arch', `recurrent heads of ${headDim} values; sizes up to 128 work`)
}

function planes(band: Band): Operand[] {
  return [
    { kind: 'buffer', buffer: band.quants },
    band.scales ? { kind: 'buffer', buffer: band.scales } : nothing,
  ]
}

/** What products gate by, in any plan only one or none. */
function gateOf({ operations }: Plan): Activation | '' {
  for (const operation of operations) if (operation.op === 'matmul' && operation.gate) return operation.gate
  return ''
}

function floatBits(value: number): number {
  return new Uint32Array(new Float32Array([value]).buffer)[0] ?? 0
}
