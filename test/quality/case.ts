// A hole in a file, and the document as it is while somebody is about to fill it.
import type { LanguageId } from './languages'

export const kinds = ['line-end', 'mid-line', 'block', 'after-comment', 'call-arguments'] as const
export type Kind = (typeof kinds)[number]

/** A row of cases.json. Offsets count UTF-16 units of the file. */
export interface CaseRow {
  package: string
  file: string
  start: number
  end: number
  kind: Kind
  /** For call arguments: the other file of the package that defines what is called. */
  definition?: string
}

export interface Case extends CaseRow {
  id: string
  language: LanguageId
  /** The file as it was published. */
  original: string
  /** The file without the hole. The cursor is at `start`. */
  document: string
  /** What was in the hole. */
  expected: string
}

/** Text to put in the place of `start` to `end` of a document. */
export interface Ghost {
  text: string
  start: number
  end: number
}

export function makeCase(row: CaseRow, language: LanguageId, original: string): Case {
  return {
    ...row,
    id: `${row.package}/${row.file}:${row.start}-${row.end}`,
    language,
    original,
    document: original.slice(0, row.start) + original.slice(row.end),
    expected: original.slice(row.start, row.end),
  }
}

export function accept({ document }: Pick<Case, 'document'>, { text, start, end }: Ghost): string {
  return document.slice(0, start) + text + document.slice(end)
}
