// Puts fewer operations in the place of neighbors: a table of rules, of which a backend names those that it is faster with.
import {
  inputsOf,
  outputOf,
  rowsInTurn,
  whole,
  type Columns,
  type Graph,
  type Operation,
  type Value,
  type WeightRef,
} from './graph'

/**
 * `rope-append`: turning q and k and appending k and v become one operation. `stacked`: matrices of one input whose products one
 * operation reads are multiplied as one matrix, the rows of the one below those of the other. `gated-product`: a gate and what it lets
 * through are multiplied as one matrix, and gated in the same operation. `normed-product`: products norm
 * what they multiply. `normed-narrow-product`: only those do that have few rows for their columns, as those before an attention:
 * the norm is read anew for every few rows.
 */
export type Fusion = 'rope-append' | 'gated-product' | 'stacked' | 'normed-product' | 'normed-narrow-product'

/** Weights that become one. */
export interface Stack {
  readonly parts: readonly string[]
  /** Rows that each part gives in turn; all of its rows at once when undefined. */
  readonly inTurn: number | undefined
}

export interface Fused {
  readonly graph: Graph
  /** Weights that the graph reads and the file has not: which weights stand in them. */
  readonly stacks: ReadonlyMap<string, Stack>
}

/**
 * Computes the same as `graph`. Weights are stacked when `layoutOf` gives them one name: matrices with rows of one type and length,
 * or vectors of one type. Undefined is a weight that cannot be a part of another.
 */
export function fuse(
  graph: Graph,
  wanted: ReadonlySet<Fusion>,
  layoutOf: (weight: string) => string | undefined,
): Fused {
  const rewriting = new Rewriting(graph, layoutOf)
  for (const rule of rules) if (wanted.has(rule.name)) rewriting.apply(rule)
  return { graph: rewriting.graph, stacks: rewriting.stacks }
}

/** Operations to leave out, and what stands where the last of them stood. */
interface Replacement {
  readonly gone: readonly Operation[]
  readonly put: Operation
}

interface Rule {
  readonly name: Fusion
  /** What to replace around `operation`; every rule starts at an operation that occurs once in what it replaces or changes. */
  match(operation: Operation, rewriting: Rewriting): readonly Replacement[]
}

type OpOf<Name extends Operation['op']> = Extract<Operation, { op: Name }>

const rules: readonly Rule[] = [
  { name: 'rope-append', match: turnAndAppend },
  { name: 'gated-product', match: gateProducts },
  { name: 'stacked', match: stackInputs },
  { name: 'normed-product', match: (normed, rewriting) => normInputs(normed, rewriting, Infinity) },
  {
    name: 'normed-narrow-product',
    match: (normed, rewriting) => normInputs(normed, rewriting, narrowRows),
  },
]

/** Rows for each column: q|k|v has 3 where there are as many k and v as q, gate|up 5 and more. */
const narrowRows = 3

// rope(q), rope(k), append(k), append(v) before an attention.
function turnAndAppend(attention: Operation, rewriting: Rewriting): Replacement[] {
  if (attention.op !== 'attention' || attention.chunks) return []
  const { heads, kvHeads, headDim, valueDim } = attention
  const turnQ = rewriting.onlyReadBy(attention.q, attention)
  const appendK = rewriting.appendTo(attention.k.state)
  const appendV = rewriting.appendTo(attention.v.state)
  if (turnQ?.op !== 'rope' || !appendK || !appendV) return []
  const turnK = rewriting.onlyReadBy(appendK.x, appendK)
  if (turnK?.op !== 'rope' || !turnAlike(turnQ, turnK) || turnQ.axis !== 'position') return []
  const { table, from, rotaryDims, pairs, out } = turnQ
  return [
    {
      gone: [turnQ, turnK, appendK, appendV],
      put: {
        op: 'rope-append',
        q: whole(turnQ.x),
        k: whole(turnK.x),
        v: whole(appendV.x),
        table,
        heads,
        kvHeads,
        headDim,
        valueDim,
        from,
        rotaryDims,
        pairs,
        keys: appendK.cache,
        values: appendV.cache,
        out,
      },
    },
  ]
}

function turnAlike(a: OpOf<'rope'>, b: OpOf<'rope'>): boolean {
  return (
    a.table.weight === b.table.weight &&
    a.headDim === b.headDim &&
    a.from === b.from &&
    a.rotaryDims === b.rotaryDims &&
    a.pairs === b.pairs &&
    a.axis === b.axis
  )
}

// Two products of one input that are gated, and read by nobody else.
function gateProducts(gated: Operation, rewriting: Rewriting): Replacement[] {
  if (gated.op !== 'gated' || gated.out.cols % rowsInTurn !== 0) return []
  const products = [gated.gate, gated.up].flatMap(({ value }) => {
    const producer = rewriting.onlyReadBy(value, gated)
    return producer?.op === 'matmul' && producer.out.cols === gated.out.cols ? [producer] : []
  })
  const [gate, up] = products
  const key = gate && rewriting.stackKey(gate)
  if (!gate || !up || gate === up || key === undefined || key !== rewriting.stackKey(up)) return []
  const weight = rewriting.stack([gate.weight, up.weight], rowsInTurn)
  const bias = gate.bias && up.bias && rewriting.stack([gate.bias, up.bias])
  return [{ gone: [gate, up, gated], put: { ...gate, weight, bias, gate: gated.activation, out: gated.out } }]
}

// Products of one input that one operation reads columns of.
function stackInputs(reader: Operation, rewriting: Rewriting): Replacement[] {
  const values = new Set(columnsReadBy(reader).map(({ value }) => value))
  const products = [...values].flatMap((value) => {
    const producer = rewriting.onlyReadBy(value, reader)
    return producer?.op === 'matmul' ? [producer] : []
  })
  const keys = products.map((product) => rewriting.stackKey(product))
  const stacks = [...new Set(keys)].flatMap((key) => {
    const alike = products.filter((_, i) => keys[i] === key)
    return key === undefined || alike.length < 2 ? [] : [stack(alike, rewriting)]
  })
  if (stacks.length === 0) return []
  const moved = (columns: Columns): Columns =>
    stacks.map(({ columnsOf }) => columnsOf.get(columns.value)).find((found) => found) ?? columns
  return [...stacks, { gone: [reader], put: withColumns(reader, moved) }]
}

// A norm of whole rows that products alone read.
function normInputs(normed: Operation, rewriting: Rewriting, rowsPerColumn: number): Replacement[] {
  if (normed.op !== 'rms-norm' || normed.group !== normed.x.cols) return []
  const { x, weight, eps, offset, out } = normed
  const readers = rewriting.readersOf(out)
  const products = readers.flatMap((reader) =>
    reader.op === 'matmul' &&
    !reader.norm &&
    reader.add?.id !== out.id &&
    rowsOf(reader) <= rowsPerColumn * out.cols
      ? [reader]
      : [],
  )
  if (products.length === 0 || products.length < readers.length || rewriting.isResult(out)) return []
  return products.map((product, i) => ({
    gone: i === 0 ? [normed, product] : [product],
    put: { ...product, x, norm: { weight, eps, offset } },
  }))
}

function rowsOf({ out, gate }: OpOf<'matmul'>): number {
  return gate ? 2 * out.cols : out.cols
}

function columnsReadBy(operation: Operation): Columns[] {
  if (operation.op === 'rope-append') return [operation.q, operation.k, operation.v]
  return operation.op === 'gated' ? [operation.gate, operation.up] : []
}

function withColumns(operation: Operation, change: (columns: Columns) => Columns): Operation {
  switch (operation.op) {
    case 'rope-append':
      return { ...operation, q: change(operation.q), k: change(operation.k), v: change(operation.v) }
    case 'gated':
      return { ...operation, gate: change(operation.gate), up: change(operation.up) }
    default:
      return operation
  }
}

function stack(
  products: readonly OpOf<'matmul'>[],
  rewriting: Rewriting,
): Replacement & { columnsOf: ReadonlyMap<Value, Columns> } {
  const [first] = products
  if (!first) throw new Error('a stack of nothing')
  const outs = products.map((product) => product.out)
  const cols = outs.reduce((sum, out) => sum + out.cols, 0)
  const value = rewriting.value(first.out, cols, outs.map(({ label }) => label).join(' '))
  const starts = outs.map((_, i) => outs.slice(0, i).reduce((sum, out) => sum + out.cols, 0))
  return {
    gone: products,
    put: {
      ...first,
      weight: rewriting.stack(products.map(({ weight }) => weight)),
      bias: first.bias && rewriting.stack(products.flatMap(({ bias }) => bias ?? [])),
      out: value,
    },
    columnsOf: new Map(outs.map((out, i) => [out, { value, from: starts[i] ?? 0 }])),
  }
}

/** A graph while rules change it. */
class Rewriting {
  readonly stacks = new Map<string, Stack>()
  readonly #result: Value
  readonly #layoutOf: (weight: string) => string | undefined
  #operations: readonly Operation[]
  #producers = new Map<number, Operation>()
  #readers = new Map<number, Operation[]>()
  #appends = new Map<string, OpOf<'append'>>()
  #nextId: number

  constructor(graph: Graph, layoutOf: (weight: string) => string | undefined) {
    this.#operations = graph.operations
    this.#result = graph.result
    this.#layoutOf = layoutOf
    this.#nextId = 1 + Math.max(...graph.operations.map((operation) => outputOf(operation)?.id ?? 0))
    this.#index()
  }

  get graph(): Graph {
    return { operations: this.#operations, result: this.#result }
  }

  apply(rule: Rule): void {
    const replacements = this.#operations.flatMap((operation) => rule.match(operation, this))
    const gone = new Set(replacements.flatMap((replacement) => replacement.gone))
    const puts = new Map(
      replacements.map(({ gone: all, put }) => [
        this.#operations.findLast((operation) => all.includes(operation)),
        put,
      ]),
    )
    this.#operations = this.#operations.flatMap((operation) => {
      const put = puts.get(operation)
      if (put) return [put]
      return gone.has(operation) ? [] : [operation]
    })
    this.#index()
  }

  /** The operation that computes `value`, when `reader` alone reads it. */
  onlyReadBy(value: Value, reader: Operation): Operation | undefined {
    const readers = this.#readers.get(value.id) ?? []
    const alone = readers.every((operation) => operation === reader) && value.id !== this.#result.id
    return alone ? this.#producers.get(value.id) : undefined
  }

  readersOf(value: Value): readonly Operation[] {
    return this.#readers.get(value.id) ?? []
  }

  isResult(value: Value): boolean {
    return value.id === this.#result.id
  }

  /** The operation that appends to a state, when there is one only. */
  appendTo(state: string): OpOf<'append'> | undefined {
    return this.#appends.get(state)
  }

  value(like: Value, cols: number, label: string): Value {
    return { id: this.#nextId++, rows: like.rows, cols, label }
  }

  /** Equal for products that can be one; undefined for one that must stand alone. */
  stackKey({ x, weight, bias, scale, add, norm, gate }: OpOf<'matmul'>): string | undefined {
    const matrix = this.#layoutOf(weight.weight)
    const vector = bias ? this.#layoutOf(bias.weight) : 'none'
    if (add || norm || gate || matrix === undefined || vector === undefined) return undefined
    return [x.id, scale, matrix, vector].join(' ')
  }

  stack(refs: readonly WeightRef[], inTurn?: number): WeightRef {
    const parts = refs.map(({ weight }) => weight)
    const name = parts.join(inTurn === undefined ? ' ' : ' in turn with ')
    this.stacks.set(name, { parts, inTurn })
    return { weight: name }
  }

  #index(): void {
    this.#producers = new Map()
    this.#readers = new Map()
    this.#appends = new Map()
    for (const operation of this.#operations) {
      const out = outputOf(operation)
      if (out) this.#producers.set(out.id, operation)
      for (const { id } of inputsOf(operation))
        this.#readers.set(id, [...(this.#readers.get(id) ?? []), operation])
      if (operation.op === 'append') this.#appends.set(operation.cache.state, operation)
    }
  }
}
