// Fill-in-the-middle: the model sees what stands before and after the cursor and writes what belongs between.
import { optionalNumberOf, type Metadata } from '../format/metadata'
import { fimKeyNames, fimRows, fimStopKeys, type FimRow, type RepositoryForm } from './fim-tokens'
import { templateText, userText, type TextPiece, type Tokenizer } from './tokenizer'

export interface Fim extends FimRow {
  /** Tokens that end the middle, besides the tokenizer's `eog`. */
  readonly stopTokens: ReadonlySet<number>
  /** How other files stand around the prompt; undefined where the family knows no way. */
  readonly files: RepositoryForm | undefined
}

/** What a model may see of a repository besides the current file, which has `path`. */
export interface RepositoryContext {
  readonly repository: string
  readonly path: string
  /** The nearest to the cursor's file last. */
  readonly files: readonly { readonly path: string; readonly text: string }[]
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
  const files = row.repository?.find((form) =>
    form.tokens.every((spelling) => tokenizer.idOf(spelling) !== undefined),
  )
  return { ...row, stopTokens, files }
}

/**
 * The prompt for what stands between `prefix` and `suffix` and begins with `typed`, which comes last in every order: what grows
 * while somebody types leaves all before it as it was. All are user text: markers inside them stay text.
 */
export function fimPrompt(fim: Fim, prefix: string, suffix: string, typed = ''): TextPiece[] {
  return layOut(fim, [], prefix, suffix, typed)
}

/** The same with other files of the repository in front, in the form the model was trained on; without one, the prompt alone. */
export function fimRepositoryPrompt(
  fim: Fim,
  context: RepositoryContext,
  prefix: string,
  suffix: string,
  typed = '',
): TextPiece[] {
  const form = fim.files
  if (form === undefined) return fimPrompt(fim, prefix, suffix, typed)
  const { repository, path, files } = context
  const current = { repository, path, text: '' }
  const eachFile = (text: string | undefined): TextPiece[] =>
    files.flatMap((file) => fillIn(text, { repository, ...file }))
  return [
    ...fillIn(form.start, current),
    ...eachFile(form.file),
    ...fillIn(form.current, current),
    ...layOut(
      fim,
      [...eachFile(form.fileInPrefix), ...fillIn(form.currentInPrefix, current)],
      prefix,
      suffix,
      typed,
    ),
  ]
}

function layOut(
  fim: Fim,
  files: readonly TextPiece[],
  prefix: string,
  suffix: string,
  typed: string,
): TextPiece[] {
  const marker = templateText(fim.prefix)
  const after = [templateText(fim.suffix), userText(suffix)]
  const middle = fim.middle === undefined ? [] : [templateText(fim.middle)]
  const whole = [...files, userText(prefix + typed)]
  if (fim.order === 'suffix-first') return [...after, marker, ...whole, ...middle]
  if (fim.order === 'suffix-inside') return [marker, ...after, ...middle, ...whole]
  const begun = typed === '' ? [] : [userText(typed)]
  return [marker, ...files, userText(prefix), ...after, ...middle, ...begun]
}

/** Names and texts of files are user text, what stands around them is template. */
function fillIn(
  form: string | undefined,
  values: { repository: string; path: string; text: string },
): TextPiece[] {
  const isValue = (key: string): key is keyof typeof values => Object.hasOwn(values, key)
  return (form ?? '')
    .split(/\{(\w+)\}/)
    .map((part, i) => (i % 2 === 1 && isValue(part) ? userText(values[part]) : templateText(part)))
    .filter((piece) => piece.text !== '')
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
