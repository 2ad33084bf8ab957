// Words about lines that several filters share.

/** Column of the first character that is not blank; a tab counts as four. */
export function indentWidth(line: string): number {
  let width = 0
  for (const char of line) {
    if (char === ' ') width++
    else if (char === '\t') width += 4
    else break
  }
  return width
}

export function isBlank(line: string): boolean {
  return line.trim() === ''
}

/** Nothing but brackets and their punctuation: `}`, `});`, `]`, or a word that ends a block. */
export function isCloserLine(line: string): boolean {
  return /^\s*(?:[)\]}]+[;,]?|end|fi|done|esac)\s*$/.test(line)
}

/** The nearest line above the cursor's own that is not blank. */
export function lineAbove(before: string): string | undefined {
  return before
    .split('\n')
    .slice(0, -1)
    .findLast((line) => !isBlank(line))
}

/** The lines below the cursor's own. */
export function linesBelow(after: string): string[] {
  return after.split('\n').slice(1)
}
