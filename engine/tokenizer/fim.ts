// Fill-in-the-middle: the model sees what stands before and after the cursor and writes what belongs between.
import { optionalNumberOf, type Metadata } from '../format/metadata'
import { fimKeyNames, fimRows, fimStopKeys, type FimRow } from './fim-tokens'
import { templateText, userText, type TextPiece, type Tokenizer } from './tokenizer'

export interface Fim extends FimRow {
  /** Tokens that end the middle, besides the tokenizer's `eog`. */
  readonly stopTokens: ReadonlySet<number>
}

/**
 * How to ask this model for a middle, or undefined when its vocabulary has no tokens for that. Numbers in the metadata decide
 * first, then spellings; never the model's name, because fine-tunes keep names and change vocabularies, and the other way round.
 */
export function findFim(tokenizer: Tokenizer, metadata: Metadata): Fim | undefined {
  const row = rowFromKeys(tokenizer, metadata) ?? fimRows.find((candidate) => hasAll(tokenizer, candidate))
  if (row === undefined) return undefined
  const stopTokens = new Set<number>()
  for (const spelling of [row.prefix, row.suffix, row.middle, ...row.stops]) {
    const id = spelling === undefined ? undefined : tokenizer.idOf(spelling)
    if (id !== undefined) stopTokens.add(id)
  }
  for (const name of fimStopKeys) {
    const id = optionalNumberOf(metadata, `tokenizer.ggml.${name}`)
    if (id !== undefined && id < tokenizer.size) stopTokens.add(id)
  }
  return { ...row, stopTokens }
}

/** The prompt for what stands between `prefix` and `suffix`. Both are user text: markers inside them stay text. */
export function fimPrompt(fim: Fim, prefix: string, suffix: string): TextPiece[] {
  const before = [templateText(fim.prefix), userText(prefix)]
  const after = [templateText(fim.suffix), userText(suffix)]
  const middle = fim.middle === undefined ? [] : [templateText(fim.middle)]
  return fim.order === 'prefix-first' ? [...before, ...after, ...middle] : [...after, ...before, ...middle]
}

function hasAll(tokenizer: Tokenizer, row: FimRow): boolean {
  return [row.prefix, row.suffix, row.middle].every(
    (spelling) => spelling === undefined || tokenizer.idOf(spelling) !== undefined,
  )
}

function rowFromKeys(tokenizer: Tokenizer, metadata: Metadata): FimRow | undefined {
  const spellingOf = (names: readonly string[]): string | undefined => {
    for (const name of names) {
      const id = optionalNumberOf(metadata, `tokenizer.ggml.${name}`)
      const spelling = id === undefined ? '' : tokenizer.pieceOf(id)
      if (spelling !== '') return spelling
    }
    return undefined
  }
  const prefix = spellingOf(fimKeyNames.prefix)
  const suffix = spellingOf(fimKeyNames.suffix)
  const middle = spellingOf(fimKeyNames.middle)
  if (prefix === undefined || suffix === undefined) return undefined
  // A known family keeps its order and its further stops; the keys only say which tokens.
  const known = fimRows.find((row) => row.prefix === prefix && row.suffix === suffix)
  if (known !== undefined) return known
  return middle === undefined ? undefined : { prefix, suffix, middle, order: 'prefix-first', stops: [] }
}
