// Suggestions without a model: what followed the same words elsewhere in this file and its neighbours, where most places agree.
import { TokenPlaces } from '../base/token-places'
import { takeSelected, unixLines, type CompletionInput, type CursorContext } from './context'
import { isBlank, linesBelow } from './lines'

// Measured on holes in published code (test/quality): of what two words and a sign agree on, a third is right; shorter ones are chance.
const leastAgreeing = 3

// More than these tell no better which places are like this one.
const mostAgreeing = 12

// Pairs are looked up, and what stands before them is compared.
const lookedUp = 2

// A tenth of a second's work, once for each text.
const mostChars = 200_000

const textsKept = 16

const wordOrSign = /[\p{L}\p{N}_$]+|[^\p{L}\p{N}_$\s]/gu

/** Keeps what it has read of texts, because most of them stay the same from one keystroke to the next. */
export class CopySuggestions {
  readonly #texts = new Map<string, CopiedText>()
  #words = new Words()

  /**
   * The rest of a line as most of the places say that agree with the text before the cursor for the longest, at least three words or
   * signs; undefined when there are none, or when they disagree. A word at the cursor may be unfinished. `neighbours` are other documents
   * of the same language, the ones used last first.
   */
  find(input: CompletionInput, context: CursorContext, neighbours: readonly string[]): string | undefined {
    const { text, offset } = takeSelected(input)
    const lineStart = text.lastIndexOf('\n', offset - 1) + 1
    const lineEnd = text.indexOf('\n', offset)
    const own = [text.slice(Math.max(0, lineStart - mostChars), lineStart)]
    if (lineEnd >= 0) own.push(text.slice(lineEnd + 1, lineEnd + 1 + mostChars / 2))
    const end = new EndOfText(context.near, this.#words)
    const below = linesBelow(context.after)
      .filter((line) => !isBlank(line))
      .slice(0, 3)
      .map((line) => line.trim())
    const found = this.#read([...own, ...neighbours])
      .flatMap((read) => read.matches(end))
      .filter(({ rest }) => !below.includes((context.linePrefix + rest).trim()))
    return mostCommon(found)
  }

  /** Forgets every text. */
  clear(): void {
    this.#texts.clear()
    this.#words = new Words()
  }

  #read(texts: readonly string[]): CopiedText[] {
    let left = mostChars
    const read: CopiedText[] = []
    for (const text of texts) {
      if (text.length > left) continue
      left -= text.length
      const known = this.#texts.get(text) ?? new CopiedText(unixLines(text), this.#words)
      this.#texts.delete(text)
      this.#texts.set(text, known)
      read.push(known)
    }
    for (const oldest of this.#texts.keys()) {
      if (this.#texts.size <= textsKept) break
      this.#texts.delete(oldest)
    }
    return read
  }
}

interface Match {
  /** Words and signs that agree. */
  length: number
  rest: string
}

/** Numbers for words, the same in all texts. */
class Words {
  readonly #numbers = new Map<string, number>()

  numberOf(word: string): number {
    const known = this.#numbers.get(word)
    if (known !== undefined) return known
    this.#numbers.set(word, this.#numbers.size)
    return this.#numbers.size - 1
  }
}

/** The last words and signs before the cursor. */
class EndOfText {
  readonly tokens: readonly number[]
  /** The word that the cursor stands at the end of, or nothing. */
  readonly word: string
  readonly startsLine: boolean
  readonly endsBlank: boolean

  constructor(near: string, words: Words) {
    const found = [...near.matchAll(wordOrSign)].map(([word]) => word).slice(-mostAgreeing - 1)
    this.tokens = found.map((word) => words.numberOf(word))
    this.word = /[\p{L}\p{N}_$]$/u.test(near) ? (found.at(-1) ?? '') : ''
    this.startsLine = /(?:^|\n)[ \t]*$/.test(near)
    this.endsBlank = /\s$/.test(near)
  }
}

class CopiedText {
  readonly #places = new TokenPlaces(lookedUp)
  readonly #starts: number[] = []
  readonly #ends: number[] = []

  constructor(
    private readonly text: string,
    words: Words,
  ) {
    for (const { 0: word, index } of text.matchAll(wordOrSign)) {
      this.#places.push(words.numberOf(word))
      this.#starts.push(index)
      this.#ends.push(index + word.length)
    }
  }

  matches(end: EndOfText): Match[] {
    return [...this.#afterWhole(end), ...this.#insideWord(end)].filter(
      ({ length }) => length >= leastAgreeing,
    )
  }

  #afterWhole(end: EndOfText): Match[] {
    return this.#agreeing(end.tokens).flatMap(({ place, length }) => {
      const rest = this.#restOfLine(this.#ends[place - 1] ?? 0, end)
      return rest === undefined ? [] : [{ length, rest }]
    })
  }

  /** Where the word at the cursor may become a longer one. */
  #insideWord({ tokens, word }: EndOfText): Match[] {
    if (word === '') return []
    return this.#agreeing(tokens.slice(0, -1)).flatMap(({ place, length }) => {
      const [start = 0, stop = 0] = [this.#starts[place], this.#ends[place]]
      if (stop - start <= word.length || !this.text.startsWith(word, start)) return []
      return [{ length: length + 1, rest: lineFrom(this.text, start + word.length) }]
    })
  }

  #agreeing(tokens: readonly number[]): { place: number; length: number }[] {
    if (tokens.length < lookedUp) return []
    const most = Math.min(mostAgreeing, tokens.length)
    return [...this.#places.places(tokens.slice(-lookedUp))].map((place) => {
      let length = lookedUp
      while (length < most && this.#places.tokens[place - length - 1] === tokens.at(-length - 1)) length++
      return { place, length }
    })
  }

  #restOfLine(from: number, { startsLine, endsBlank }: EndOfText): string | undefined {
    if (!startsLine) return lineFrom(this.text, endsBlank ? skip(/[ \t]*/y, this.text, from) : from)
    const start = skip(/[ \t]*\n\s*/y, this.text, from)
    return start === from ? undefined : lineFrom(this.text, start)
  }
}

/** What more than half of the longest matches say. */
function mostCommon(found: readonly Match[]): string | undefined {
  const most = Math.max(...found.map(({ length }) => length))
  const longest = found.filter(({ length }) => length === most)
  const counts = new Map<string, number>()
  for (const { rest } of longest) counts.set(rest, (counts.get(rest) ?? 0) + 1)
  return [...counts].find(([, count]) => count * 2 > longest.length)?.[0]
}

function skip(blanks: RegExp, text: string, from: number): number {
  blanks.lastIndex = from
  return from + (blanks.exec(text)?.[0].length ?? 0)
}

function lineFrom(text: string, from: number): string {
  const end = text.indexOf('\n', from)
  return text.slice(from, end < 0 ? text.length : end).trimEnd()
}
