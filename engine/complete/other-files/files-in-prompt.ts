// Keeps the pieces of other files in prompts as they are while the model's text goes on, so that it need not read them again.
import { commentLine } from '../comment-line'
import type { CursorContext } from '../context'
import type { Settings } from '../../protocol/settings'
import type { CompletionRequest, OtherFiles, Provider } from '../../provider/provider'
import { choosePieces } from './choose-pieces'
import { OutlineCache } from './outline-cache'
import type { OtherText, Piece, Surroundings } from './surroundings'

/** How much a machine can read. */
export interface ReadingPace {
  /** Tokens that other files may take. */
  fileTokens: number
  /** Tokens it reads while nobody notices. */
  quickTokens: number
}

export interface ChosenFiles {
  /** For the provider. */
  files: OtherFiles
  /** The same, with why they are there. */
  pieces: readonly Piece[]
}

interface Kept {
  uri: string
  prefix: string
  suffix: string
  /** Characters before the cursor's line in the document when they were chosen. */
  at: number
  budget: number
  pieces: readonly Piece[]
  version: number
  repository: string
  path: string
}

// By so much the beginning of a window is found again, as in `PromptLayout`.
const headChars = 256

// So far away other things matter.
const farChars = 2048

/** Whether to show a model other files. With SmolLM2-135M, trained on single ones, no more calls came out right that other files define. */
export function wantsFiles(
  setting: Settings['completion']['otherFiles'],
  { capabilities }: Provider,
): boolean {
  return setting === 'on' || (setting === 'auto' && capabilities.repository === true)
}

/** The prompt of a cursor whose file is named by `chosen`, not by its own header. */
export function withFiles(
  { header, prompt }: CursorContext,
  { files }: ChosenFiles,
): Pick<CompletionRequest, 'files' | 'prefix' | 'typed' | 'suffix'> {
  return { ...prompt, prefix: prompt.prefix.slice(header.length), files }
}

/** Everything stands before the window in a prompt, so that other pieces make the model read the window again. */
export class FilesInPrompt {
  #kept: Kept | undefined
  readonly #outlines = new OutlineCache()

  /** @param surroundings is asked where pieces may be chosen anew, which is never while somebody types on. */
  next(
    context: CursorContext,
    provider: Provider,
    pace: ReadingPace,
    surroundings: () => Surroundings | undefined,
  ): ChosenFiles | undefined {
    const { prefix, suffix } = context.layout
    if (!this.#kept || !goesOn(this.#kept, context)) {
      const known = surroundings()
      const tokens = Math.min(pace.fileTokens, provider.info.contextLength >> 2)
      const isQuick = (): boolean => provider.countTokens(prefix) + tokens <= pace.quickTokens
      if (this.#kept && stillFits(this.#kept, context, tokens, known?.version ?? 0, isQuick))
        Object.assign(this.#kept, { prefix, suffix })
      else this.#kept = this.#choose(context, tokens, provider, known)
    }
    return chosen(this.#kept, context)
  }

  /** What was read is not to be used any more. */
  forget(): void {
    this.#kept = undefined
    this.#outlines.clear()
  }

  #choose(context: CursorContext, tokens: number, provider: Provider, known: Surroundings | undefined): Kept {
    const count = ({ path, languageId, text }: OtherText): number =>
      provider.countTokens(`${commentLine(languageId, path)}${text}\n`)
    const pieces =
      known === undefined || tokens <= 0
        ? []
        : choosePieces(context, known, { tokens, count }, this.#outlines)
    return {
      uri: context.uri,
      prefix: context.layout.prefix,
      suffix: context.layout.suffix,
      at: anchorOf(context),
      budget: tokens,
      pieces,
      version: known?.version ?? 0,
      repository: known?.repository ?? '',
      path: known?.path ?? '',
    }
  }
}

function goesOn({ uri, prefix, suffix }: Kept, { uri: now, layout }: CursorContext): boolean {
  return uri === now && prefix === layout.prefix && suffix === layout.suffix
}

/** Whether the model would read pieces again that say as much. `isQuick`: it could read all of it without anybody waiting. */
function stillFits(
  kept: Kept,
  context: CursorContext,
  budget: number,
  version: number,
  isQuick: () => boolean,
): boolean {
  const { uri, layout } = context
  if (uri !== kept.uri || budget !== kept.budget || version !== kept.version) return false
  const head = Math.min(headChars, layout.prefix.length, kept.prefix.length)
  if (layout.prefix.slice(0, head) !== kept.prefix.slice(0, head)) return false
  return Math.abs(anchorOf(context) - kept.at) <= farChars || !isQuick()
}

function anchorOf({ layout }: CursorContext): number {
  return layout.start + layout.prefix.length
}

function chosen({ pieces, repository, path }: Kept, { languageId }: CursorContext): ChosenFiles | undefined {
  if (pieces.length === 0) return undefined
  return {
    pieces,
    files: {
      repository,
      path,
      heading: commentLine(languageId, path),
      files: pieces.map((piece) => ({
        path: piece.path,
        text: piece.text,
        heading: commentLine(piece.languageId, piece.path),
      })),
    },
  }
}
