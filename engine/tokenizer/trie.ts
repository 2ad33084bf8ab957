// A tree of number sequences, for finding the tokens that start at a place.

/** Nodes are numbers, the root is 0. Edges of all nodes are in one table, because most nodes have a single one. */
export class Trie {
  readonly #edges = new Map<number, number>()
  readonly #tokens: number[] = [none]

  /** Symbols are below `symbols`. */
  constructor(private readonly symbols: number) {}

  add(sequence: Iterable<number>, token: number): void {
    let node = 0
    for (const symbol of sequence) {
      let next = this.step(node, symbol)
      if (next === none) {
        next = this.#tokens.push(none) - 1
        this.#edges.set(node * this.symbols + symbol, next)
      }
      node = next
    }
    this.#tokens[node] = token
  }

  /** The node one symbol further, or `none`. */
  step(node: number, symbol: number): number {
    return this.#edges.get(node * this.symbols + symbol) ?? none
  }

  /** The token that ends at a node, or `none`. */
  tokenAt(node: number): number {
    return this.#tokens[node] ?? none
  }
}

export const none = -1
