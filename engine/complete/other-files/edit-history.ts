// Remembers which lines of which documents were changed last.

/** A change of LSP: the lines that it replaced and how many stand there now. */
export interface LineChange {
  /** Counted from 0; both belong to it. */
  firstLine: number
  lastLine: number
  newLines: number
}

/** Lines that were changed, with `endLine` left out of them. */
export interface EditedLines {
  uri: string
  startLine: number
  endLine: number
}

const mostEdits = 16

// Changes so near to each other are one edit.
const joinLines = 3

export class EditHistory {
  /** The newest first. */
  #edits: EditedLines[] = []

  note(uri: string, { firstLine, lastLine, newLines }: LineChange): void {
    const grown = newLines - (lastLine - firstLine + 1)
    let edit: EditedLines = { uri, startLine: firstLine, endLine: firstLine + newLines }
    const others: EditedLines[] = []
    for (const old of this.#edits) {
      if (old.uri !== uri) others.push(old)
      else if (old.startLine > lastLine + joinLines)
        others.push({ uri, startLine: old.startLine + grown, endLine: old.endLine + grown })
      else if (old.endLine + joinLines <= firstLine) others.push(old)
      else
        edit = {
          uri,
          startLine: Math.min(edit.startLine, old.startLine),
          endLine: Math.max(edit.endLine, old.endLine + grown),
        }
    }
    this.#edits = [edit, ...others].slice(0, mostEdits)
  }

  forget(uri: string): void {
    this.#edits = this.#edits.filter((edit) => edit.uri !== uri)
  }

  /** The newest first. */
  edits(): readonly EditedLines[] {
    return this.#edits
  }
}
