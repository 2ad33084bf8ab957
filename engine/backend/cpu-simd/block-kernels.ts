// The product of a block-quantized matrix and int16 activations: 8 rows at a time, 4 to a vector, so that nothing is summed
// across lanes. Rounding activations to 16 bits costs a relative error of 3e-5; 8 bits, which other engines take, cost 4e-3
// and with these instructions gain nothing, because `dot` multiplies halves.
// Inner loops are short on purpose: V8 moves all loads of a loop's body to its start, and spills what 15 registers do not hold.
import { activationRecord } from './activations'
import {
  f32x4,
  FunctionBuilder,
  get,
  i16x8,
  i32,
  i32x4,
  increase,
  repeat,
  set,
  v128,
  type Code,
  type Local,
  type WasmFunction,
} from './assembler'
import { groupRows, recordColumns, recordOf, type BlockLayout } from './block-layout'

/** Tokens that `manyTokens` takes at a time. */
export const tileTokens = 4

/** Bytes of a record of the panel: int16, 16 pairs of columns of 8 rows. */
export const panelRecordBytes = 2 * recordColumns * groupRows

/**
 * (weights, activations, out, outStride, records, groups): out[token][group * 8 + row] = the products of `groups` groups of rows
 * of `records` records each with `tokens` tokens, one or two: as many as have their sums in registers beside the quants, which
 * are unpacked where they are multiplied. outStride is the bytes from one token's row to the next. Both counts are one at least.
 */
export function fewTokens(name: string, layout: BlockLayout, tokens: 1 | 2): WasmFunction {
  const f = new FunctionBuilder(name)
  const weights = f.parameter()
  const activations = f.parameter()
  const out = f.parameter()
  const outStride = f.parameter()
  const records = f.parameter()
  const groups = f.parameter()
  const target = f.local('i32')
  const mask = f.local('v128')
  const row = new RowOfRecords(f, layout, tokens)
  const packed = [f.local('v128'), f.local('v128')]

  const fourPairs = {
    4: [
      ...[0, 1].flatMap((i) => set(packed[i]!, v128.load(get(row.quants), 16 * i))),
      ...[0, 1, 2, 3].flatMap((pair) =>
        row.multiply(pair, (half) => nibbles(packed[pair >> 1]!, pair & 1, half, mask)),
      ),
    ],
    8: [0, 1, 2, 3].flatMap((pair) => row.multiply(pair, (half) => row.loadBytes(pair, half))),
  }[layout.bits]

  return f.build(
    set(mask, nibbleMask),
    repeat(
      groups,
      row.total(get(weights), get(activations), get(records), {
        pairs: 4,
        bytes: 8 * layout.bits,
        body: fourPairs,
      }),
      set(weights, get(row.record)),
      set(target, get(out)),
      Array.from({ length: tokens }, (_, t) => [
        ...row.store(get(target), t),
        ...increase(target, get(outStride)),
      ]).flat(),
      increase(out, i32.value(4 * groupRows)),
    ),
  )
}

/**
 * (weights, activations, out, outStride, records, groups, tiles, panel): out[token][group * 8 + row] = the same for `tiles` tiles of
 * tokens; outStride is the bytes from one token's row to the next. `panel` has room for a group's records as int16.
 */
export function manyTokens(name: string, layout: BlockLayout): WasmFunction {
  const f = new FunctionBuilder(name)
  const weights = f.parameter()
  const activations = f.parameter()
  const out = f.parameter()
  const outStride = f.parameter()
  const records = f.parameter()
  const groups = f.parameter()
  const tiles = f.parameter()
  const panel = f.parameter()
  const tile = f.local('i32')
  const x = f.local('i32')
  const target = f.local('i32')
  const unpacker = new Unpacker(f)
  const row = new RowOfRecords(f, layout, tileTokens)
  const fromPanel = layout.bits === 4

  const onePair = fromPanel
    ? row.multiply(0, (half) => v128.load(get(row.quants), 16 * half))
    : row.multiply(0, (half) => row.loadBytes(0, half))

  return f.build(
    repeat(
      groups,
      fromPanel ? unpacker.unpack(get(weights), get(panel), get(records), layout) : [],
      set(tile, get(tiles)),
      set(x, get(activations)),
      set(target, get(out)),
      repeat(
        tile,
        row.total(
          get(weights),
          get(x),
          get(records),
          { pairs: 1, bytes: fromPanel ? 32 : 16, body: onePair },
          fromPanel ? get(panel) : undefined,
        ),
        set(x, get(row.x)),
        Array.from({ length: tileTokens }, (_, t) => [
          ...row.store(get(target), t),
          ...increase(target, get(outStride)),
        ]).flat(),
      ),
      set(weights, get(row.record)),
      increase(out, i32.value(4 * groupRows)),
    ),
  )
}

/** Quants of a few pairs of columns: the bytes they take, and what multiplies and adds them. */
interface Step {
  readonly pairs: number
  readonly bytes: number
  readonly body: Code
}

// All records of one group of rows, times one tile of tokens.
class RowOfRecords {
  readonly record: Local
  readonly x: Local
  readonly quants: Local
  readonly #columns: Local
  readonly #left: Local
  readonly #steps: Local
  readonly #values: Halves
  readonly #pair: Local
  readonly #sums: Halves[]
  readonly #totals: Halves[]

  constructor(
    f: FunctionBuilder,
    readonly layout: BlockLayout,
    readonly tokens: number,
  ) {
    this.record = f.local('i32')
    this.x = f.local('i32')
    this.quants = f.local('i32')
    this.#columns = f.local('i32')
    this.#left = f.local('i32')
    this.#steps = f.local('i32')
    this.#values = halfLocals(f)
    this.#pair = f.local('v128')
    this.#sums = Array.from({ length: tokens }, () => halfLocals(f))
    this.#totals = Array.from({ length: tokens }, () => halfLocals(f))
  }

  /** Afterwards `record` and `x` are behind the last. Quants come from the records, or from where `quants` says. */
  total(weights: Code, activations: Code, records: Code, step: Step, quants?: Code): Code {
    const { layout } = this
    const own = recordOf(layout)
    const xRecord = activationRecord(this.tokens)
    const parts = Array.from({ length: recordColumns / layout.part }, (_, part) => [
      ...this.#each((t, half) => {
        const start = layout.centered ? v128.loadSplat(get(this.x), xRecord.center + 4 * t) : v128.words(0)
        return set(this.#sums[t]![half], start)
      }),
      ...set(this.#steps, i32.value(layout.part / 2 / step.pairs)),
      ...repeat(
        this.#steps,
        step.body,
        increase(this.quants, i32.value(step.bytes)),
        increase(this.#columns, i32.value(step.pairs * this.tokens * 4)),
      ),
      ...this.#add(own.scales + 4 * groupRows * part, xRecord.scale, (sum) => f32x4.fromInt(sum)),
    ])
    return [
      ...set(this.record, weights),
      ...set(this.x, activations),
      ...(quants ? set(this.quants, quants) : []),
      ...set(this.#left, records),
      ...this.#each((t, half) => set(this.#totals[t]![half], v128.words(0))),
      ...repeat(
        this.#left,
        quants ? [] : set(this.quants, get(this.record)),
        set(this.#columns, get(this.x)),
        parts.flat(),
        layout.minimum ? this.#add(own.minimums, xRecord.sum) : [],
        increase(this.record, i32.value(own.bytes)),
        increase(this.x, i32.value(xRecord.bytes)),
      ),
    ]
  }

  /** Adds the products of pair `index` of a step: `values` are two columns of 4 rows. */
  multiply(index: number, values: (half: 0 | 1) => Code): Code {
    return [
      // In variables, because V8 loads as often as it is told to.
      ...halves((half) => set(this.#values[half], values(half))),
      ...Array.from({ length: this.tokens }, (_, t) => [
        ...set(this.#pair, v128.loadSplat(get(this.#columns), (index * this.tokens + t) * 4)),
        ...halves((half) => {
          const sum = this.#sums[t]![half]
          return set(sum, i32x4.add(get(sum), i32x4.dot(get(this.#values[half]), get(this.#pair))))
        }),
      ]).flat(),
    ]
  }

  loadBytes(pair: number, half: 0 | 1): Code {
    return v128.loadBytes(get(this.quants), (2 * pair + half) * 8)
  }

  store(target: Code, token: number): Code {
    return halves((half) => v128.store(target, get(this.#totals[token]![half]), 16 * half))
  }

  // totals += factors of the record * factors of the tokens * sums; without `value`, no sums.
  #add(at: number, xAt: number, value?: (sum: Code) => Code): Code {
    return this.#each((t, half) => {
      const factor = f32x4.multiply(
        v128.load(get(this.record), at + 16 * half),
        v128.loadSplat(get(this.x), xAt + 4 * t),
      )
      const term = value ? f32x4.multiply(factor, value(get(this.#sums[t]![half]))) : factor
      const total = this.#totals[t]![half]
      return set(total, f32x4.add(get(total), term))
    })
  }

  #each(make: (token: number, half: 0 | 1) => Code): Code {
    return Array.from({ length: this.tokens }, (_, t) => halves((half) => make(t, half))).flat()
  }
}

// 4-bit quants of a group to int16, in the order in which they are multiplied.
class Unpacker {
  readonly #from: Local
  readonly #to: Local
  readonly #left: Local
  readonly #steps: Local
  readonly #packed: Local
  readonly #mask: Local

  constructor(f: FunctionBuilder) {
    this.#from = f.local('i32')
    this.#to = f.local('i32')
    this.#left = f.local('i32')
    this.#steps = f.local('i32')
    this.#packed = f.local('v128')
    this.#mask = f.local('v128')
  }

  unpack(weights: Code, panel: Code, records: Code, layout: BlockLayout): Code {
    const { scales, bytes } = recordOf(layout)
    return [
      ...set(this.#mask, nibbleMask),
      ...set(this.#from, weights),
      ...set(this.#to, panel),
      ...set(this.#left, records),
      ...repeat(
        this.#left,
        set(this.#steps, i32.value(scales / 16)),
        repeat(
          this.#steps,
          set(this.#packed, v128.load(get(this.#from))),
          [0, 1].flatMap((pair) =>
            halves((half) => {
              const values = nibbles(this.#packed, pair, half, this.#mask)
              return v128.store(get(this.#to), values, 32 * pair + 16 * half)
            }),
          ),
          increase(this.#from, i32.value(16)),
          increase(this.#to, i32.value(64)),
        ),
        increase(this.#from, i32.value(bytes - scales)),
      ),
    ]
  }
}

type Halves = readonly [Local, Local]

const nibbleMask = v128.words(0x000f000f)

// Of 16 bytes as `quantAt` says: a pair of columns of 4 rows, as 16-bit lanes.
function nibbles(packed: Local, pair: number, half: 0 | 1, mask: Local): Code {
  const bits = 8 * pair + 4 * half
  const shifted = bits === 0 ? get(packed) : i16x8.shiftRight(get(packed), bits)
  return bits === 12 ? shifted : v128.and(shifted, get(mask))
}

function halves(make: (half: 0 | 1) => Code): Code {
  return [...make(0), ...make(1)]
}

function halfLocals(f: FunctionBuilder): Halves {
  return [f.local('v128'), f.local('v128')]
}
