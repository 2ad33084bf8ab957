// Ends a suggestion where the model becomes unsure of it, or drops it: short and right beats long and wrong.
import type { AnswerToken } from '../../protocol/chat'
import { firstUnclosed } from '../brackets'

export interface Doubt {
  /** Characters at the start of the text that are sure enough; 0 drops it. */
  keep: number
  /** In words, for the request log. */
  reason: string
}

/** The tokens whose mean decides whether anything is shown. */
const firstTokens = 4

/**
 * Where to cut, or undefined while nothing is wrong; what follows later changes no cut. `tokens` are those of `text`, which has
 * `ended` or goes on. `boldness` is from 0 to 1; at 1 nothing is cut, and neither is a text of which a probability is unknown.
 *
 * Two bounds rise as boldness falls: that of the geometric mean of the first tokens' probabilities, and that of the product of all
 * so far, which is the probability of the running text.
 */
export function findDoubt(
  text: string,
  tokens: readonly AnswerToken[],
  boldness: number,
  ended: boolean,
): Doubt | undefined {
  if (boldness >= 1) return undefined
  const visible = withLengths(tokens)
  if (!visible) return undefined
  const first = visible.slice(0, firstTokens)
  const isKnown = ended || first.length === firstTokens
  // Those to come are certain at best.
  const mean = Math.exp(sum(first) / (isKnown ? Math.max(1, first.length) : firstTokens))
  const wanted = leastMean(boldness)
  if (mean < wanted) return { keep: 0, reason: `too unsure: ${told(mean, wanted, boldness)}` }
  if (!isKnown) return undefined
  const least = leastProduct(boldness)
  let total = 0
  let at = 0
  for (const { length, logProbability } of visible) {
    total += logProbability
    if (Math.exp(total) < least) {
      const reason = told(Math.exp(total), least, boldness)
      const keep = lastWholePart(text, at)
      return keep === 0
        ? { keep, reason: `too unsure: ${reason}` }
        : { keep, reason: `shortened where it became unsure: ${reason}` }
    }
    at += length
  }
  return undefined
}

// Round figures, chosen on cases of test/quality/ with the default model: where the first line was right, the mean was 0.47 to 0.91.
// The bound of the product falls quickly, for long texts become unlikely as a whole well before they become wrong.
function leastMean(boldness: number): number {
  return 0.9 * (1 - boldness)
}

function leastProduct(boldness: number): number {
  return 0.4 * (1 - boldness) ** 3
}

/** The end of the last line before `at`, or, on the first line, of the last value there: half an expression is in the way. */
function lastWholePart(text: string, at: number): number {
  const lineBreak = text.slice(0, at).lastIndexOf('\n')
  if (lineBreak >= 0 && text.slice(0, lineBreak).trim() !== '') return lineBreak
  let end = at
  while (end > 0 && end < text.length && /^[\p{L}\p{N}_$]{2}$/u.test(text.slice(end - 1, end + 1))) end--
  return endOfValue(text.slice(0, end))
}

/** Where the last word, literal or closed bracket ends after which no bracket is open. */
function endOfValue(text: string): number {
  const cut = text.replace(/[^\p{L}\p{N}_$)\]}"'`;]+$/u, '')
  const open = firstUnclosed(cut)
  return open < 0 ? cut.length : endOfValue(cut.slice(0, open))
}

/** Tokens that add characters, each with the probability of those before it that added none; undefined when one is unknown. */
function withLengths(tokens: readonly AnswerToken[]): Known[] | undefined {
  const known: Known[] = []
  let carried = 0
  for (const { length, logProbability } of tokens) {
    if (logProbability === undefined) return undefined
    carried += logProbability
    if (length === 0) continue
    known.push({ length, logProbability: carried })
    carried = 0
  }
  return known
}

interface Known {
  length: number
  logProbability: number
}

function sum(tokens: readonly Known[]): number {
  return tokens.reduce((total, { logProbability }) => total + logProbability, 0)
}

function told(is: number, least: number, boldness: number): string {
  return `${percent(is)} likely where boldness ${boldness} asks for ${percent(least)}`
}

function percent(share: number): string {
  return `${Number((100 * share).toPrecision(2))} %`
}
