// Attention in units of work that threads share: some queries of a head of keys, and some rows of the cache.
import type { AttentionShape } from '../cpu/attention'
import type { Work } from '../cpu/ops'
import type { Arena } from './arena'
import {
  blockRows,
  boundsBytes,
  mostQueries,
  outRecord,
  queryTiles,
  scoresBytes,
  unitBytes,
  unitFields,
  type QueryTile,
} from './attention-kernels'
import type { Threads } from './threads'

/** A cache of one step: rows of float32. */
export interface CacheRows {
  readonly arena: Arena
  readonly at: number
}

/** With fewer units than these, a long cache is split. */
const enoughUnits = 16

/** Rows of a part of a cache, whole blocks. */
const partRows = 8 * blockRows

/** What a query costs, by how many are taken at a time: measured, rows of 64 columns. */
const tileCosts: Readonly<Record<QueryTile, number>> = { 1: 1, 2: 0.6, 3: 0.5, 4: 0.5 }

/** As the plain attention, of head sizes that are multiples of 4; `k` and `v` lie in one arena. */
export function* attention(
  threads: Threads,
  q: Float32Array,
  k: CacheRows,
  v: CacheRows,
  nTokens: number,
  position: number,
  shape: AttentionShape,
  out: Float32Array,
): Work {
  const { kvHeads, headDim, valueDim } = shape
  const { arena } = k
  const queries = new Queries(nTokens, position, shape)
  const { slots, tile } = queries
  const record = outRecord(valueDim).bytes
  const units = queries.units()
  const places = {
    queries: arena.scratch('queries', kvHeads * queries.parts * slots * headDim * 4),
    bounds: arena.scratch('bounds', kvHeads * queries.parts * slots * boundsBytes),
    units: arena.scratch('units', units.length * unitBytes),
    out: arena.scratch('sums', units.length * slots * record),
    scores: arena.scratch('scores', threads.most * scoresBytes),
  }
  const { floats } = arena
  queries.write(q, floats, places)
  const words = new Int32Array(floats.buffer)
  const strides = { key: kvHeads * headDim * 4, value: kvHeads * valueDim * 4 }
  for (const [i, { kvHead, part, begin, rows }] of units.entries()) {
    const index = kvHead * queries.parts + part
    const fields: Record<(typeof unitFields)[number], number> = {
      queries: places.queries + index * slots * headDim * 4,
      bounds: places.bounds + index * slots * boundsBytes,
      out: places.out + i * slots * record,
      keys: k.at + begin * strides.key + kvHead * headDim * 4,
      values: v.at + begin * strides.value + kvHead * valueDim * 4,
      keyStride: strides.key,
      valueStride: strides.value,
      tiles: slots / tile,
      rows,
      first: 0,
      keyQuarters: headDim / 4,
      valueQuarters: valueDim / 4,
      softcap: 0,
    }
    const at = (places.units + i * unitBytes) / 4
    for (const [word, name] of unitFields.entries()) words[at + word] = fields[name]
    floats[at + unitFields.indexOf('first')] = begin
    floats[at + unitFields.indexOf('softcap')] = shape.softcap ?? 0
  }
  const rowsInAll = units.reduce((sum, { rows }) => sum + rows, 0)
  yield* threads.run(
    {
      arena,
      kernel: attentionName(tile, shape.softcap !== undefined),
      args: [places.units, units.length, places.scores],
      steps: [unitBytes],
      own: [0, 0, scoresBytes],
      count: 1,
      units: units.length,
      products: rowsInAll * slots * (headDim + valueDim),
    },
    nTokens === 1 ? 'one' : 'many',
    false,
  )
  queries.read(units, floats.subarray(places.out / 4), out)
  yield
}

/** The name of a kernel's export. */
export function attentionName(tile: QueryTile, softcap: boolean): string {
  return `attention.${softcap ? 'capped.' : ''}${tile}`
}

/** Some queries of a head of keys, and the rows they meet. */
interface Unit {
  readonly kvHead: number
  /** Which of the head's parts. */
  readonly part: number
  /** The first row. */
  readonly begin: number
  readonly rows: number
}

// The queries of a head of keys, token after token, in parts of equal size.
class Queries {
  /** Queries of a head of keys. */
  readonly #count: number
  readonly #group: number
  /** Queries of a part; the last one may have fewer. */
  readonly #ofPart: number
  readonly parts: number
  /** Queries that a kernel takes at a time. */
  readonly tile: QueryTile
  /** Queries of a part with the idle ones. */
  readonly slots: number

  constructor(
    nTokens: number,
    private readonly position: number,
    private readonly shape: AttentionShape,
  ) {
    this.#group = shape.heads / shape.kvHeads
    this.#count = nTokens * this.#group
    this.#ofPart = Math.ceil(this.#count / Math.ceil(this.#count / mostQueries))
    this.parts = Math.ceil(this.#count / this.#ofPart)
    const filled = (tile: QueryTile): number => Math.ceil(this.#ofPart / tile) * tile
    const cost = (tile: QueryTile): number => filled(tile) * tileCosts[tile]
    this.tile = queryTiles.reduce((best, tile) => (cost(tile) <= cost(best) ? tile : best))
    this.slots = filled(this.tile)
  }

  units(): Unit[] {
    const { kvHeads } = this.shape
    const units: Unit[] = []
    for (let kvHead = 0; kvHead < kvHeads; kvHead++) {
      for (let part = 0; part < this.parts; part++) {
        const { begin, end } = this.#rowsOf(part)
        const most = kvHeads * this.parts < enoughUnits ? partRows : end - begin
        for (let from = begin; from < end; from += most)
          units.push({ kvHead, part, begin: from, rows: Math.min(most, end - from) })
      }
    }
    return units
  }

  /** Scaled queries and their bounds; idle ones see nothing. */
  write(q: Float32Array, floats: Float32Array, at: { queries: number; bounds: number }): void {
    const { kvHeads, headDim, scale, slopes } = this.shape
    let to = at.queries / 4
    let bounds = at.bounds / 4
    for (let kvHead = 0; kvHead < kvHeads; kvHead++) {
      for (let part = 0; part < this.parts; part++) {
        for (let slot = 0; slot < this.slots; slot++, to += headDim, bounds += boundsBytes / 4) {
          const query = this.#queryOf(part, slot)
          if (query === undefined) {
            floats.fill(0, to, to + headDim)
            floats.fill(0, bounds, bounds + 3)
            continue
          }
          const head = this.#headOf(kvHead, query)
          const from = (this.#tokenOf(query) * this.shape.heads + head) * headDim
          for (let i = 0; i < headDim; i++) floats[to + i] = q[from + i]! * scale
          const { begin, end } = this.#seen(query)
          floats[bounds] = begin
          floats[bounds + 1] = end
          floats[bounds + 2] = slopes ? slopes[head]! : 0
        }
      }
    }
  }

  /** Joins what units have found; `records` are theirs, in order. */
  read(units: readonly Unit[], records: Float32Array, out: Float32Array): void {
    const { heads, valueDim } = this.shape
    const { highest, total, bytes } = outRecord(valueDim)
    const stride = bytes / 4
    for (let first = 0; first < units.length;) {
      const { kvHead, part } = units[first]!
      let behind = first + 1
      while (units[behind]?.kvHead === kvHead && units[behind]?.part === part) behind++
      for (let slot = 0; slot < this.slots; slot++) {
        const query = this.#queryOf(part, slot)
        if (query === undefined) break
        const to = (this.#tokenOf(query) * heads + this.#headOf(kvHead, query)) * valueDim
        let high = -Infinity
        for (let unit = first; unit < behind; unit++)
          high = Math.max(high, records[(unit * this.slots + slot) * stride + highest / 4]!)
        let weights = 0
        out.fill(0, to, to + valueDim)
        for (let unit = first; unit < behind; unit++) {
          const at = (unit * this.slots + slot) * stride
          const factor = Math.exp(records[at + highest / 4]! - high)
          for (let lane = 0; lane < 4; lane++) weights += factor * records[at + total / 4 + lane]!
          for (let i = 0; i < valueDim; i++) out[to + i]! += factor * records[at + i]!
        }
        for (let i = 0; i < valueDim; i++) out[to + i]! /= weights
      }
      first = behind
    }
  }

  #queryOf(part: number, slot: number): number | undefined {
    const query = part * this.#ofPart + slot
    return slot < this.#ofPart && query < this.#count ? query : undefined
  }

  #tokenOf(query: number): number {
    return Math.floor(query / this.#group)
  }

  #headOf(kvHead: number, query: number): number {
    return kvHead * this.#group + (query % this.#group)
  }

  #seen(query: number): { begin: number; end: number } {
    const own = this.position + this.#tokenOf(query)
    const { window, prefix } = this.shape
    return {
      begin: window === undefined ? 0 : Math.max(0, own + 1 - window),
      end: Math.max(own + 1, prefix),
    }
  }

  // Rows that any query of a part sees: they move on with the token.
  #rowsOf(part: number): { begin: number; end: number } {
    const last = Math.min((part + 1) * this.#ofPart, this.#count) - 1
    return { begin: this.#seen(part * this.#ofPart).begin, end: this.#seen(last).end }
  }
}
