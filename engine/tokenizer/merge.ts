// The loop both kinds of BPE share: merge the best pair of neighbors until none is left.

export interface Merging {
  /** Rank of joining symbol `left` with its neighbor `right`: smaller merges earlier, below zero never. At most `maxRank`. */
  rank(left: number, right: number): number
  /** Symbol `left` takes over its neighbor `right`. */
  join(left: number, right: number): void
}

/** Ranks and positions share one double in the heap: 21 bits of rank above 32 bits of position. */
export const maxRank = 2 ** 21 - 1

/**
 * Merges among symbols 0 to `count` - 1: the lowest rank first, the leftmost among equals. Returns the symbols that are left.
 * Takes O(count log count), so a file in one word cannot stall the engine.
 */
export function mergeNeighbors(count: number, merging: Merging): number[] {
  const next = new Int32Array(count)
  const previous = new Int32Array(count)
  const alive = new Uint8Array(count).fill(1)
  const heap = new NumberHeap()
  const offer = (left: number, right: number): void => {
    const rank = merging.rank(left, right)
    if (rank >= 0) heap.push(rank * positions + left)
  }
  for (let i = 0; i < count; i++) {
    next[i] = i + 1
    previous[i] = i - 1
    if (i > 0) offer(i - 1, i)
  }
  for (let key = heap.pop(); key !== undefined; key = heap.pop()) {
    const left = key % positions
    const right = next[left] ?? count
    // Entries are not removed when a neighbor changes; one that no longer tells the truth is dropped here.
    if (alive[left] === 0 || right >= count || merging.rank(left, right) !== (key - left) / positions)
      continue
    merging.join(left, right)
    alive[right] = 0
    const after = next[right] ?? count
    const before = previous[left] ?? -1
    next[left] = after
    if (after < count) {
      previous[after] = left
      offer(left, after)
    }
    if (before >= 0) offer(before, left)
  }
  const left: number[] = []
  for (let i = 0; i < count; i = next[i] ?? count) left.push(i)
  return left
}

const positions = 2 ** 32

/** A binary heap of numbers, the smallest first. */
class NumberHeap {
  readonly #items: number[] = []

  push(item: number): void {
    const items = this.#items
    let at = items.length
    items.push(item)
    while (at > 0) {
      const parent = (at - 1) >> 1
      const above = items[parent] ?? 0
      if (above <= item) break
      items[at] = above
      at = parent
    }
    items[at] = item
  }

  pop(): number | undefined {
    const items = this.#items
    const top = items[0]
    const item = items.pop()
    if (item === undefined || items.length === 0) return top
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= items.length) break
      if ((items[child + 1] ?? Infinity) < (items[child] ?? 0)) child++
      const below = items[child] ?? 0
      if (below >= item) break
      items[at] = below
      at = child
    }
    items[at] = item
    return top
  }
}
