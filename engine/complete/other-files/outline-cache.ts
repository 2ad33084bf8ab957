// Reads what a file declares once, as long as nobody changes it.
import { outline, type Declared } from './outline'
import type { OtherText } from './surroundings'

const capacity = 64

export class OutlineCache {
  // A Map keeps insertion order: the first key is the one used longest ago.
  readonly #known = new Map<string, { text: string; declared: readonly Declared[] }>()

  of({ path, languageId, text }: OtherText): readonly Declared[] {
    const known = this.#known.get(path)
    const declared = known?.text === text ? known.declared : outline(text, languageId)
    this.#known.delete(path)
    this.#known.set(path, { text, declared })
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= capacity) break
      this.#known.delete(oldest)
    }
    return declared
  }

  clear(): void {
    this.#known.clear()
  }
}
