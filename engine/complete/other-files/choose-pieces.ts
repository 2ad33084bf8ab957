// Ranks what other files have to say about the place of the cursor, and fits the best of it into a budget of tokens.
import { identifiersOf } from './identifiers'
import { languageFamily } from './language-family'
import { declarationAt, outline, type Declared } from './outline'
import { OutlineCache } from './outline-cache'
import { similarWindows } from './similar-windows'
import type { OtherText, Piece, Surroundings } from './surroundings'

/** A cursor, for this file. */
export interface PlaceToInform {
  languageId: string
  /** Text of the window before the cursor. */
  before: string
  /** What follows the cursor. */
  after: string
  /** What stands above the window. */
  above: string
}

export interface Budget {
  tokens: number
  /** Tokens of a piece as it will stand in the prompt. */
  count: (piece: OtherText) => number
}

interface Candidate extends Piece {
  score: number
}

// The lines before the cursor whose names are looked up, and those after it.
const linesBefore = 16
const linesAfter = 4

const mostOverloads = 3

/** What each kind of pieces may take of the whole; the last one takes what is left. */
const declarationShare = 0.6
const editShare = 0.3

const mostDeclarations = 12
const mostEdits = 3
const mostEditChars = 600
const mostWindows = 2

/** The pieces in the order of the prompt: what says most about the cursor stands last, next to it. */
export function choosePieces(
  place: PlaceToInform,
  known: Surroundings,
  budget: Budget,
  outlines = new OutlineCache(),
): Piece[] {
  const family = languageFamily(place.languageId)
  const alike = ({ languageId }: OtherText): boolean => languageFamily(languageId) === family
  const above = { path: known.path, languageId: place.languageId, text: place.above }
  const texts = [...known.documents.filter(alike), ...(place.above.trim() === '' ? [] : [above])]
  const nearby = nearbyLines(place)
  const fitting = new Fitting(budget)
  const declarations = fitting.take(
    declarationShare,
    declarationsNear(place, texts, known.declarations, outlines).slice(0, mostDeclarations),
  )
  const edits = fitting.take(editShare, editPieces(known.edits.filter(alike)))
  const windows = fitting.take(
    1,
    similarWindows(nearby, texts)
      .filter(({ text }) => !place.before.includes(text) && !place.after.includes(text))
      .slice(0, mostWindows)
      .map((window) => ({ ...window, origin: 'resembles the lines at the cursor' })),
  )
  return joinFiles([...windows, ...edits, ...declarations])
}

/** Takes what fits, the best first. What one kind leaves, the next may take. */
class Fitting {
  #used = 0

  constructor(private readonly budget: Budget) {}

  /** In the reverse order: the best last. */
  take(share: number, pieces: readonly Piece[]): Piece[] {
    const limit = share === 1 ? this.budget.tokens : this.#used + this.budget.tokens * share
    const taken: Piece[] = []
    for (const { path, languageId, text, origin } of pieces) {
      const tokens = this.budget.count({ path, languageId, text })
      if (this.#used + tokens > Math.min(limit, this.budget.tokens)) continue
      this.#used += tokens
      taken.unshift({ path, languageId, text, origin })
    }
    return taken
  }
}

/** Pieces of one file become one, where the last of them stood; lines that are said already are left out. */
function joinFiles(pieces: readonly Piece[]): Piece[] {
  const byPath = new Map<string, Piece>()
  for (const piece of pieces) {
    const before = byPath.get(piece.path)
    byPath.delete(piece.path)
    byPath.set(piece.path, before ? join(before, piece) : piece)
  }
  return [...byPath.values()]
}

function join(one: Piece, other: Piece): Piece {
  const [head = ''] = other.text.split('\n', 1)
  if (one.text.includes(head)) return one
  const origins = [one.origin, other.origin].filter((origin, at, all) => all.indexOf(origin) === at)
  return { ...one, text: `${one.text}\n${other.text}`, origin: origins.join(', ') }
}

function nearbyLines({ before, after }: PlaceToInform): string {
  const last = before.split('\n').slice(-linesBefore)
  return [...last, ...after.split('\n').slice(0, linesAfter)].join('\n')
}

/** Declarations of names near the cursor that the window does not declare itself; those nearest to the cursor first. */
function declarationsNear(
  place: PlaceToInform,
  texts: readonly OtherText[],
  lookedUp: Surroundings['declarations'],
  outlines: OutlineCache,
): Piece[] {
  const { languageId, before, after } = place
  const weights = nameWeights(place)
  for (const { name } of outline(`${before}\n${after}`, languageId)) weights.delete(name)
  const imported = before + place.above
  const found = new Map<string, Candidate[]>()
  for (const text of texts) {
    for (const declared of outlines.of(text)) {
      const usage = weights.get(declared.name)
      if (usage === undefined || (declared.isMember && !usage.asMember)) continue
      const score = usage.weight * (isImported(text.path, imported) ? 2 : 1) * (declared.isMember ? 0.5 : 1)
      const homonyms = found.get(declared.name) ?? []
      homonyms.push({ ...pieceOf(text, declared), score })
      found.set(declared.name, homonyms)
    }
  }
  const own = lookedUp.flatMap((declaration): Candidate[] => {
    const text = declarationAt(declaration.text.split('\n'), 0)
    const weight = weights.get(declaration.name)?.weight
    if (text === undefined || weight === undefined) return []
    const { path } = declaration
    return [
      {
        path,
        languageId: declaration.languageId,
        text,
        origin: originOf(declaration.name),
        score: weight * 4,
      },
    ]
  })
  // What an editor has looked up needs no guess.
  for (const { origin } of own) for (const [name] of found) if (origin === originOf(name)) found.delete(name)
  const guessed = [...found.values()].flatMap(theLikeliest)
  return [...own, ...guessed].sort((one, other) => other.score - one.score)
}

/** Of the declarations of one name, those of the file that is likeliest to be meant. */
function theLikeliest(homonyms: readonly Candidate[]): Candidate[] {
  const best = homonyms.reduce((one, other) => (other.score > one.score ? other : one))
  const files = new Set(homonyms.map(({ path }) => path)).size
  return homonyms
    .filter(({ path }) => path === best.path)
    .slice(0, mostOverloads)
    .map((one) => ({ ...one, score: one.score / files }))
}

function pieceOf({ path, languageId }: OtherText, { name, text }: Declared): Piece {
  return { path, languageId, text, origin: originOf(name) }
}

function originOf(name: string): string {
  return `declares ${name}`
}

interface Usage {
  /** 1 on the cursor's line, less above it. */
  weight: number
  /** It stands behind a dot somewhere. */
  asMember: boolean
}

function nameWeights({ before, after }: PlaceToInform): Map<string, Usage> {
  const weights = new Map<string, Usage>()
  const note = (line: string, weight: number): void => {
    for (const name of identifiersOf(line)) {
      const known = weights.get(name)
      const asMember = line.includes(`.${name}`) || line.includes(`>${name}`) || line.includes(`:${name}`)
      weights.set(name, {
        weight: Math.max(weight, known?.weight ?? 0),
        asMember: asMember || known?.asMember === true,
      })
    }
  }
  const lines = before.split('\n').slice(-linesBefore).reverse()
  for (const [distance, line] of lines.entries()) note(line, 1 / (1 + distance / 2))
  for (const line of after.split('\n').slice(0, linesAfter)) note(line, 0.25)
  return weights
}

// The last part of a path without its ending stands in nearly every import of it.
function isImported(path: string, imports: string): boolean {
  const stem = (path.split('/').at(-1) ?? '').replace(/\..*$/, '')
  return stem.length > 1 && new RegExp(`[/'".\\s]${escapeForPattern(stem)}['".;\\s]`).test(imports)
}

function escapeForPattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}

function editPieces(edits: Surroundings['edits']): Piece[] {
  return edits
    .filter(({ text }) => text.trim() !== '' && text.length <= mostEditChars)
    .slice(0, mostEdits)
    .map((edit) => ({ ...edit, origin: 'was edited lately' }))
}
