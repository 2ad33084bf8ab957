// Somebody who types what is missing in a file, with an editor that closes brackets, and now and then looks at the ghost text.
import { randomNumbers } from '../quality/random'

/** A file and what is typed into it. Offsets count UTF-16 units. */
export interface Task {
  uri: string
  languageId: string
  /** The whole file; what stands from `start` to `end` is missing at first. */
  text: string
  start: number
  end: number
}

export interface Ghost {
  text: string
  start: number
  end: number
}

export type StrokeKind =
  'character' | 'new line' | 'slip' | 'backspace' | 'whole suggestion' | 'word of a suggestion' | 'jump'

export interface Stroke {
  kind: StrokeKind
  /** Absent where only the cursor moves. */
  edit?: Ghost
}

const closerOf: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}', '"': '"', "'": "'" }

// How often people do what, of 1. Accepting is of the moments at which the ghost is right.
const often = { slip: 0.03, follow: 0.1, acceptAll: 0.3, acceptWord: 0.15 }

/** Strokes between two visits to another place of the file. */
const visitEvery = 70

/** The document, its cursor and the next stroke; the same strokes for the same seed and the same ghosts. */
export class Typist {
  text: string
  offset: number
  readonly #random: () => number
  /** What is still to be typed. */
  #rest: string
  /** Where editors have put closers, in characters from the end of the document. */
  readonly #closers: number[] = []
  /** Wrong characters before the cursor. */
  #wrong = 0
  #strokes = 0
  #visit: { strokes: string[]; back: number } | undefined

  constructor(
    readonly task: Task,
    seed: number,
  ) {
    this.#random = randomNumbers(seed)
    this.text = task.text.slice(0, task.start) + task.text.slice(task.end)
    this.offset = task.start
    this.#rest = task.text.slice(task.start, task.end)
  }

  get done(): boolean {
    return this.#rest === '' && this.#wrong === 0 && !this.#visit
  }

  /** Types once more, seeing `ghost`. */
  next(ghost: Ghost | undefined): Stroke {
    this.#strokes++
    if (this.#visit) return this.#visitOn(this.#visit)
    if (this.#wrong > 0) return this.#correct()
    if (this.#strokes % visitEvery === 0) return this.#visitElsewhere()
    const rest = this.#rest
    const overClosers = this.#overClosers()
    if (overClosers) return overClosers
    const right = ghost?.start === this.offset && ghost.end === this.offset && rest.startsWith(ghost.text)
    if (ghost && right && this.#chance(often.acceptAll)) return this.#type('whole suggestion', ghost.text)
    const word = right ? /^\s*\S+/.exec(ghost.text)?.[0] : undefined
    if (word && this.#chance(often.acceptWord)) return this.#type('word of a suggestion', word)
    if (ghost && !right && this.#chance(often.follow)) return this.#slip(ghost.text.charAt(0))
    if (this.#chance(often.slip)) return this.#slip(String.fromCharCode(97 + Math.floor(this.#random() * 26)))
    const line = /^\r?\n[ \t]*/.exec(rest)?.[0]
    return line === undefined ? this.#type('character', rest.charAt(0)) : this.#newLine(line)
  }

  #chance(of: number): boolean {
    return this.#random() < of
  }

  #insert(kind: StrokeKind, before: string, after = ''): Stroke {
    const edit = { text: before + after, start: this.offset, end: this.offset }
    this.text = this.text.slice(0, this.offset) + edit.text + this.text.slice(this.offset)
    this.offset += before.length
    return { kind, edit }
  }

  #type(kind: StrokeKind, text: string): Stroke {
    this.#rest = this.#rest.slice(text.length)
    const closer = kind === 'character' ? this.#closerFor(text) : ''
    const stroke = this.#insert(kind, text, closer)
    if (closer !== '') this.#closers.push(this.text.length - this.offset)
    return stroke
  }

  #closerFor(opener: string): string {
    const closer = closerOf[opener] ?? ''
    const free = /^(?:$|[\s)\]},;:])/.test(this.text.slice(this.offset))
    const opensString = closer !== opener || !/[\w"']$/.test(this.text.slice(0, this.offset))
    return free && opensString ? closer : ''
  }

  /** Between brackets a new line becomes two. */
  #newLine(line: string): Stroke {
    const between = /[{[(]$/.test(this.text.slice(0, this.offset)) && this.#closers.at(-1) === this.#fromEnd()
    const above = this.text.slice(this.text.lastIndexOf('\n', this.offset - 1) + 1, this.offset)
    this.#rest = this.#rest.slice(line.length)
    return this.#insert('new line', line, between ? `\n${/^[ \t]*/.exec(above)?.[0] ?? ''}` : '')
  }

  /** What the editor has written already is typed over, or walked over where it stands in a line of its own. */
  #overClosers(): Stroke | undefined {
    const closer = this.#closers.at(-1)
    if (closer === undefined) return undefined
    const there = this.text.slice(this.offset, this.text.length - closer + 1)
    if (!this.#rest.startsWith(there)) return undefined
    this.#closers.pop()
    this.#rest = this.#rest.slice(there.length)
    const start = this.offset
    this.offset += there.length
    if (there.length > 1) return { kind: 'jump' }
    return { kind: 'character', edit: { text: there, start, end: this.offset } }
  }

  #slip(wrong: string): Stroke {
    // Only what stays one character can be taken back by one backspace.
    if (!/[\w .,]/.test(wrong)) return this.#slip('x')
    this.#wrong++
    return this.#insert('slip', wrong)
  }

  #correct(): Stroke {
    if (this.#wrong === 1 && this.#chance(0.3)) return this.#slip('e')
    this.#wrong--
    return this.#erase()
  }

  #erase(): Stroke {
    const edit = { text: '', start: this.offset - 1, end: this.offset }
    this.text = this.text.slice(0, edit.start) + this.text.slice(edit.end)
    this.offset = edit.start
    return { kind: 'backspace', edit }
  }

  #fromEnd(): number {
    return this.text.length - this.offset
  }

  /** Goes some lines up, begins the same line once more, mostly thinks better of it, and comes back. */
  #visitElsewhere(): Stroke {
    const back = this.#fromEnd()
    const above = this.text.slice(0, this.offset).split('\n')
    const at = Math.max(0, above.length - 2 - Math.floor(this.#random() * 40))
    const end = above.slice(0, at + 1).join('\n').length
    const line = (above[at] ?? '').trimEnd()
    this.offset = end - ((above[at] ?? '').length - line.length)
    const typed = [`\n${/^\s*/.exec(line)?.[0] ?? ''}`, ...line.trimStart().slice(0, 8)]
    const taken = this.#chance(0.7) ? Array.from({ length: typed.join('').length }, () => '') : []
    this.#visit = { strokes: [...typed, ...taken], back }
    return { kind: 'jump' }
  }

  #visitOn(visit: { strokes: string[]; back: number }): Stroke {
    const next = visit.strokes.shift()
    if (next === '') return this.#erase()
    if (next !== undefined) return this.#insert(next.startsWith('\n') ? 'new line' : 'character', next)
    this.#visit = undefined
    this.offset = this.text.length - visit.back
    return { kind: 'jump' }
  }
}
