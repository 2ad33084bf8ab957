// Attention of some queries with a range of rows of a cache, in float32 and in one pass: a block of rows at a time meets all
// queries, which keep the highest score so far, and sums that are scaled down when a higher one comes (Dao et al., 2022,
// "FlashAttention"). Sums of several ranges can be joined, so that a long cache is shared among threads.
import {
  acrossLanes,
  addLanes,
  f32x4,
  FunctionBuilder,
  get,
  i32,
  increase,
  multiplyAdd,
  repeat,
  set,
  v128,
  when,
  type Code,
  type Dialect,
  type Local,
  type WasmFunction,
} from './assembler'
import { exponential, exponentialLocals, fadingExponential } from './exponential'

/** Rows of keys that meet a query at a time; so many less one behind the last may be read, and do not count. */
export const keyGroupRows = 4

/** Rows of a block: its keys and values stay in the nearest cache while all queries pass by. */
export const blockRows = 32

/** Most queries of a unit, which then keep there, too. */
export const mostQueries = 24

/** Queries that a kernel takes at a time; a unit is filled up with idle ones. */
export const queryTiles = [1, 2, 3, 4] as const

export type QueryTile = (typeof queryTiles)[number]

/** What a unit of work is, a word each. Addresses and strides are in bytes. */
export const unitFields = [
  /** Of the first query; they follow each other, scaled. */
  'queries',
  /** Of the first query's bounds. */
  'bounds',
  'out',
  /** Of the first row, at the head's first column. */
  'keys',
  'values',
  'keyStride',
  'valueStride',
  /** Tiles of queries. */
  'tiles',
  /** One at least. */
  'rows',
  /** Number of the first row, as a float32. */
  'first',
  /** Fours of columns. */
  'keyQuarters',
  'valueQuarters',
  /** Float32. */
  'softcap',
] as const

type UnitField = (typeof unitFields)[number]

/** Bytes of a unit. */
export const unitBytes = 64

/** A query's bounds: four float32, the number of the first row it sees, that behind the last, and the slope by distance. */
export const boundsBytes = 16

/**
 * Where a query's result lies: sums over values, not yet divided; behind them the highest score in all four lanes, and four
 * numbers whose sum is that of all weights; the last four are the kernel's own.
 */
export function outRecord(valueDim: number): { highest: number; total: number; bytes: number } {
  return { highest: 4 * valueDim, total: 4 * valueDim + 16, bytes: 4 * valueDim + 48 }
}

/** Bytes that a thread needs for scores. */
export const scoresBytes = (mostQueries + queryTiles.length) * blockRows * 4

/** Below every score, and far enough from the end of float32 for differences. */
const lowest = -1e30

/** (units, count, scores): `count` units, one at least; `scores` has room for a row of a block's scores per query. */
export function attentionKernel(
  name: string,
  queries: QueryTile,
  softcap: boolean,
  dialect: Dialect,
): WasmFunction {
  const f = new FunctionBuilder(name)
  const unit = f.parameter()
  const count = f.parameter()
  const scores = f.parameter()
  const field = (wanted: UnitField): Code => i32.load(get(unit), 4 * unitFields.indexOf(wanted))
  const splat = (wanted: UnitField): Code => v128.loadSplat(get(unit), 4 * unitFields.indexOf(wanted))
  const valueBytes = f.local('i32')
  const outBytes = f.local('i32')
  const keys = f.local('i32')
  const values = f.local('i32')
  const rowsLeft = f.local('i32')
  const rows = f.local('i32')
  const groups = f.local('i32')
  const first = f.local('v128')
  const shared = { f, field, splat, scores, rows, groups, dialect, queries }
  const products = new KeyProducts(shared)
  const softmax = new Softmax(shared, softcap)
  const sums = new ValueSums(shared)
  const start = new Start(f)

  return f.build(
    repeat(
      count,
      set(valueBytes, i32.shiftLeft(field('valueQuarters'), i32.value(4))),
      set(outBytes, i32.add(get(valueBytes), i32.value(outRecord(0).bytes))),
      start.code(field('out'), i32.multiply(field('tiles'), i32.value(queries)), field('valueQuarters')),
      set(keys, field('keys')),
      set(values, field('values')),
      set(rowsLeft, field('rows')),
      set(first, splat('first')),
      blocks(rowsLeft, rows, [
        ...set(groups, i32.shiftRight(i32.add(get(rows), i32.value(3)), i32.value(2))),
        ...products.code(keys),
        ...softmax.code(first, i32.add(field('out'), get(valueBytes)), outBytes),
        ...sums.code(values, valueBytes, outBytes),
        ...increase(keys, i32.multiply(get(rows), field('keyStride'))),
        ...increase(values, i32.multiply(get(rows), field('valueStride'))),
        ...set(first, f32x4.add(get(first), f32x4.splat(blockRows))),
      ]),
      increase(unit, i32.value(unitBytes)),
    ),
  )
}

/** By queries at a time, how many fours of columns of values: sums that registers hold. */
const wideQuarters = { 1: 8, 2: 4, 3: 4, 4: 2 } as const satisfies Record<QueryTile, number>

interface Shared {
  readonly f: FunctionBuilder
  readonly field: (wanted: UnitField) => Code
  readonly splat: (wanted: UnitField) => Code
  readonly scores: Local
  /** Rows of the block, and groups of them. */
  readonly rows: Local
  readonly groups: Local
  readonly dialect: Dialect
  readonly queries: QueryTile
}

// Runs the body with `rows` a whole block each time, and what is left at last.
function blocks(left: Local, rows: Local, body: Code): Code {
  const more: Code = [...get(left), 0x0d, 0]
  return [
    0x03,
    0x40,
    ...set(rows, get(left)),
    ...when(i32.lessThan(i32.value(blockRows), get(left)), set(rows, i32.value(blockRows))),
    ...body,
    ...set(left, i32.sub(get(left), get(rows))),
    ...more,
    0x0b,
  ]
}

// Results before the first row: sums of zero, and the lowest of scores.
class Start {
  readonly #at: Local
  readonly #left: Local
  readonly #quarters: Local

  constructor(f: FunctionBuilder) {
    this.#at = f.local('i32')
    this.#left = f.local('i32')
    this.#quarters = f.local('i32')
  }

  code(out: Code, queries: Code, valueQuarters: Code): Code {
    return [
      ...set(this.#at, out),
      ...set(this.#left, queries),
      ...repeat(
        this.#left,
        set(this.#quarters, valueQuarters),
        repeat(this.#quarters, v128.store(get(this.#at), v128.words(0)), increase(this.#at, i32.value(16))),
        v128.store(get(this.#at), f32x4.splat(lowest)),
        v128.store(get(this.#at), v128.words(0), 16),
        increase(this.#at, i32.value(outRecord(0).bytes)),
      ),
    ]
  }
}

// scores[query][row] = query . keys[row], for a tile of queries and a group of rows at a time.
class KeyProducts {
  readonly #tiles: Local
  readonly #groups: Local
  readonly #left: Local
  readonly #query: Local
  readonly #out: Local
  readonly #keys: Local
  readonly #next: Local
  readonly #queryBytes: Local
  readonly #stride: Local
  readonly #queries: readonly Local[]
  readonly #rows: readonly Local[]
  readonly #values: readonly Local[]
  readonly #x: Local
  readonly #sums: readonly (readonly Local[])[]

  constructor(private readonly shared: Shared) {
    const { f, queries } = shared
    const many = <T>(count: number, make: () => T): T[] => Array.from({ length: count }, make)
    this.#tiles = f.local('i32')
    this.#groups = f.local('i32')
    this.#left = f.local('i32')
    this.#query = f.local('i32')
    this.#out = f.local('i32')
    this.#keys = f.local('i32')
    this.#next = f.local('i32')
    this.#queryBytes = f.local('i32')
    this.#stride = f.local('i32')
    this.#queries = many(queries, () => f.local('i32'))
    this.#rows = many(keyGroupRows, () => f.local('i32'))
    this.#values = many(keyGroupRows, () => f.local('v128'))
    this.#x = f.local('v128')
    this.#sums = many(queries, () => many(keyGroupRows, () => f.local('v128')))
  }

  code(keys: Local): Code {
    const { field, scores, groups, dialect, queries } = this.shared
    const plus = multiplyAdd[dialect]
    const chain = (locals: readonly Local[], first: Local, stride: Code): Code =>
      locals.flatMap((local, i) => set(local, i === 0 ? get(first) : i32.add(get(locals[i - 1]!), stride)))
    return [
      ...set(this.#stride, field('keyStride')),
      ...set(this.#queryBytes, i32.shiftLeft(field('keyQuarters'), i32.value(4))),
      ...set(this.#tiles, field('tiles')),
      ...set(this.#query, field('queries')),
      ...set(this.#out, get(scores)),
      ...repeat(
        this.#tiles,
        set(this.#groups, get(groups)),
        set(this.#keys, get(keys)),
        repeat(
          this.#groups,
          chain(this.#rows, this.#keys, get(this.#stride)),
          set(this.#keys, i32.add(get(this.#rows.at(-1)!), get(this.#stride))),
          chain(this.#queries, this.#query, get(this.#queryBytes)),
          set(this.#next, i32.add(get(this.#queries.at(-1)!), get(this.#queryBytes))),
          this.#sums.flat().flatMap((sum) => set(sum, v128.words(0))),
          set(this.#left, field('keyQuarters')),
          repeat(
            this.#left,
            this.#rows.flatMap((row, r) => set(this.#values[r]!, v128.load(get(row)))),
            this.#queries.flatMap((query, q) => [
              ...set(this.#x, v128.load(get(query))),
              ...this.#sums[q]!.flatMap((sum, r) =>
                set(sum, plus(get(this.#x), get(this.#values[r]!), get(sum))),
              ),
            ]),
            [...this.#rows, ...this.#queries].flatMap((address) => increase(address, i32.value(16))),
          ),
          this.#sums.flatMap((ofQuery, q) =>
            v128.store(get(this.#out), addLanes(ofQuery), q * blockRows * 4),
          ),
          increase(this.#out, i32.value(4 * keyGroupRows)),
        ),
        set(this.#query, get(this.#next)),
        // From the end of the first query's row to the first row of the next tile.
        increase(
          this.#out,
          i32.sub(i32.value(queries * blockRows * 4), i32.shiftLeft(get(groups), i32.value(4))),
        ),
      ),
    ]
  }
}

// Scores to weights, query by query; keeps the highest score and the sum of weights, and says by how much earlier sums shrink.
class Softmax {
  readonly #left: Local
  readonly #groups: Local
  readonly #at: Local
  readonly #row: Local
  readonly #bounds: Local
  readonly #out: Local
  readonly #index: Local
  readonly #begin: Local
  readonly #end: Local
  readonly #slope: Local
  readonly #score: Local
  readonly #highest: Local
  readonly #total: Local
  readonly #exponential

  constructor(
    private readonly shared: Shared,
    private readonly softcap: boolean,
  ) {
    const { f } = shared
    this.#left = f.local('i32')
    this.#groups = f.local('i32')
    this.#at = f.local('i32')
    this.#row = f.local('i32')
    this.#bounds = f.local('i32')
    this.#out = f.local('i32')
    this.#index = f.local('v128')
    this.#begin = f.local('v128')
    this.#end = f.local('v128')
    this.#slope = f.local('v128')
    this.#score = f.local('v128')
    this.#highest = f.local('v128')
    this.#total = f.local('v128')
    this.#exponential = exponentialLocals(f)
  }

  /** `out` is where the first query's highest score is, `outBytes` from one query's to the next. */
  code(first: Local, out: Code, outBytes: Local): Code {
    const { field, scores, groups, dialect, queries } = this.shared
    const plus = multiplyAdd[dialect]
    const [at, score, highest, total] = [this.#at, this.#score, this.#highest, this.#total]
    const forGroups = (...body: Code[]): Code => [
      ...set(at, get(this.#row)),
      ...set(this.#groups, get(groups)),
      ...repeat(this.#groups, ...body, increase(at, i32.value(16))),
    ]
    const distance = f32x4.sub(get(this.#index), get(this.#end))
    const isSeen = v128.andNot(
      f32x4.lessThan(get(this.#index), get(this.#end)),
      f32x4.lessThan(get(this.#index), get(this.#begin)),
    )
    return [
      ...set(this.#left, i32.multiply(field('tiles'), i32.value(queries))),
      ...set(this.#row, get(scores)),
      ...set(this.#bounds, field('bounds')),
      ...set(this.#out, out),
      ...repeat(
        this.#left,
        set(this.#begin, v128.loadSplat(get(this.#bounds), 0)),
        set(this.#end, v128.loadSplat(get(this.#bounds), 4)),
        set(this.#slope, v128.loadSplat(get(this.#bounds), 8)),
        set(this.#index, f32x4.add(get(first), f32x4.values([0, 1, 2, 3]))),
        set(highest, v128.load(get(this.#out))),
        forGroups(
          set(score, v128.load(get(at))),
          this.softcap ? this.#cap() : [],
          set(score, plus(get(this.#slope), distance, get(score))),
          set(score, v128.select(get(score), f32x4.splat(lowest), isSeen)),
          set(highest, f32x4.greater(get(highest), get(score))),
          v128.store(get(at), get(score)),
          set(this.#index, f32x4.add(get(this.#index), f32x4.splat(keyGroupRows))),
        ),
        acrossLanes(f32x4.greater, highest),
        set(total, v128.words(0)),
        forGroups(
          set(score, f32x4.sub(v128.load(get(at)), get(highest))),
          set(score, fadingExponential(this.#exponential, score, dialect)),
          v128.store(get(at), get(score)),
          set(total, f32x4.add(get(total), get(score))),
        ),
        set(score, f32x4.sub(v128.load(get(this.#out)), get(highest))),
        set(score, fadingExponential(this.#exponential, score, dialect)),
        v128.store(get(this.#out), get(highest)),
        v128.store(get(this.#out), plus(v128.load(get(this.#out), 16), get(score), get(total)), 16),
        v128.store(get(this.#out), get(score), 32),
        increase(this.#out, get(outBytes)),
        increase(this.#row, i32.value(blockRows * 4)),
        increase(this.#bounds, i32.value(boundsBytes)),
      ),
    ]
  }

  // cap * tanh(x / cap), with tanh(u) = 1 - 2 / (e^2u + 1).
  #cap(): Code {
    const { splat, dialect } = this.shared
    const { value } = this.#exponential
    const [one, two] = [f32x4.splat(1), f32x4.splat(2)]
    const doubled = f32x4.divide(f32x4.multiply(get(this.#score), two), splat('softcap'))
    // From 9 on the hyperbolic tangent is 1 in float32.
    const near = f32x4.lesser(f32x4.greater(doubled, f32x4.splat(-20)), f32x4.splat(20))
    return [
      ...set(value, near),
      ...set(value, exponential(this.#exponential, dialect)),
      ...set(
        this.#score,
        f32x4.multiply(f32x4.sub(one, f32x4.divide(two, f32x4.add(get(value), one))), splat('softcap')),
      ),
    ]
  }
}

// out[query] = out[query] * its factor + sum over the block's rows of weights[query][row] * values[row], for a tile of
// queries and a few columns at a time.
class ValueSums {
  readonly #tiles: Local
  readonly #parts: Local
  readonly #left: Local
  readonly #weights: Local
  readonly #weight: Local
  readonly #out: Local
  readonly #columns: Local
  readonly #stride: Local
  readonly #at: readonly Local[]
  readonly #ends: readonly Local[]
  readonly #row: Local
  readonly #factor: Local
  readonly #values: readonly Local[]
  readonly #sums: readonly (readonly Local[])[]

  constructor(private readonly shared: Shared) {
    const { f, queries } = shared
    const many = <T>(count: number, make: () => T): T[] => Array.from({ length: count }, make)
    this.#tiles = f.local('i32')
    this.#parts = f.local('i32')
    this.#left = f.local('i32')
    this.#weights = f.local('i32')
    this.#weight = f.local('i32')
    this.#out = f.local('i32')
    this.#columns = f.local('i32')
    this.#stride = f.local('i32')
    this.#at = many(queries, () => f.local('i32'))
    this.#ends = many(queries, () => f.local('i32'))
    this.#row = f.local('i32')
    this.#factor = f.local('v128')
    this.#values = many(wideQuarters[queries], () => f.local('v128'))
    this.#sums = many(queries, () => many(wideQuarters[queries], () => f.local('v128')))
  }

  /** `values` are the block's; `valueBytes` are those of a query's sums, `outBytes` those of its record. */
  code(values: Local, valueBytes: Local, outBytes: Local): Code {
    const { field, scores, queries } = this.shared
    const wide = wideQuarters[queries]
    return [
      ...set(this.#stride, field('valueStride')),
      ...set(this.#tiles, field('tiles')),
      ...set(this.#weights, get(scores)),
      ...set(this.#out, field('out')),
      ...repeat(
        this.#tiles,
        set(this.#columns, get(values)),
        this.#at.flatMap((at, q) => [
          ...set(at, get(this.#out)),
          ...set(this.#ends[q]!, i32.add(get(at), get(valueBytes))),
          ...increase(this.#out, get(outBytes)),
        ]),
        // Powers of two.
        this.#columnsOf(i32.shiftRight(field('valueQuarters'), i32.value(Math.log2(wide))), wide),
        wide > 1 ? this.#columnsOf(i32.and(field('valueQuarters'), i32.value(wide - 1)), 1) : [],
        increase(this.#weights, i32.value(queries * blockRows * 4)),
      ),
    ]
  }

  #columnsOf(parts: Code, quarters: number): Code {
    const { rows, dialect } = this.shared
    const plus = multiplyAdd[dialect]
    const sums = this.#sums.map((ofQuery) => ofQuery.slice(0, quarters))
    const values = this.#values.slice(0, quarters)
    return [
      ...set(this.#parts, parts),
      ...when(
        get(this.#parts),
        repeat(
          this.#parts,
          sums.flatMap((ofQuery, q) => [
            ...set(this.#factor, v128.load(get(this.#ends[q]!), 32)),
            ...ofQuery.flatMap((sum, i) =>
              set(sum, f32x4.multiply(get(this.#factor), v128.load(get(this.#at[q]!), 16 * i))),
            ),
          ]),
          set(this.#weight, get(this.#weights)),
          set(this.#row, get(this.#columns)),
          set(this.#left, get(rows)),
          repeat(
            this.#left,
            values.flatMap((value, i) => set(value, v128.load(get(this.#row), 16 * i))),
            sums.flatMap((ofQuery, q) => [
              ...set(this.#factor, v128.loadSplat(get(this.#weight), q * blockRows * 4)),
              ...ofQuery.flatMap((sum, i) => set(sum, plus(get(this.#factor), get(values[i]!), get(sum)))),
            ]),
            increase(this.#weight, i32.value(4)),
            increase(this.#row, get(this.#stride)),
          ),
          sums.flatMap((ofQuery, q) => [
            ...ofQuery.flatMap((sum, i) => v128.store(get(this.#at[q]!), get(sum), 16 * i)),
            ...increase(this.#at[q]!, i32.value(16 * quarters)),
          ]),
          increase(this.#columns, i32.value(16 * quarters)),
        ),
      ),
    ]
  }
}
