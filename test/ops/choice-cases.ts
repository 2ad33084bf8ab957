// Rows for the choice of a token on a device: logits, how to choose, and how many draws are compared.
import type { TokenChoice } from '../../engine/backend/choose-token'
import { makeRandom } from './random-blocks'

export interface ChoiceCase {
  readonly name: string
  readonly logits: Float32Array
  readonly choice: TokenChoice
  /** Draws at as many positions. */
  readonly draws: number
}

const likeliest = { temperature: 0, topK: 0, topP: 1, minP: 0, seed: 0 }
const drawn = { ...likeliest, temperature: 1, seed: 4_000_000_007 }

export const choiceCases: readonly ChoiceCase[] = [
  row('one token', [-3], likeliest),
  row('the largest', [1, 3, 2], likeliest),
  row('the lowest of equals', [0, 5, 5, 5], likeliest),
  row('equals in blocks apart', at(5000, { 4999: 7, 1023: 7, 1024: 7 }), likeliest),
  row('zeros of both signs are equal', [-0, 0, -0], likeliest),
  row('negative ones', [-3, -1, -2], likeliest),
  row('infinities', [-Infinity, -1e30, -Infinity], likeliest),
  row('no padding', at(1030, { 1028: 9 }), { ...likeliest, vocabulary: 1028 }),
  row('not a number among others', [1, NaN, 3], likeliest),
  row('the largest of a vocabulary', logits(49152, 3), likeliest),
  row('the largest of a large vocabulary', logits(262144, 3), likeliest),
  row('all alike, one block and one more', at(1025, {}), likeliest),
  row('the first block hidden', at(2100, { 1500: 1, 2099: 3, 0: -Infinity }, -Infinity), likeliest),
  row('a draw', logits(1000, 3), drawn),
  row('a draw of a vocabulary, all alike', logits(49152, 0), drawn),
  row('a draw of a vocabulary', logits(49152, 4), drawn),
  row('another seed', logits(49152, 4), { ...drawn, seed: 12 }),
  row('a hot draw', logits(5000, 4), { ...drawn, temperature: 2.5 }),
  row('a cold draw', logits(5000, 4), { ...drawn, temperature: 0.3 }),
  row('huge logits', [1000, 1000, -1000], drawn),
  row('a draw without padding', at(1030, { 1028: 9 }), { ...drawn, vocabulary: 1028 }),
  row('a draw with not a number among others', [1, NaN, 3], drawn),
  row('top-k', logits(5000, 4), { ...drawn, topK: 3 }),
  row('top-k of a vocabulary', logits(49152, 4), { ...drawn, topK: 40 }),
  row('top-k of all', [1, 2, 3], { ...drawn, topK: 9 }),
  row('top-k keeps equals together', [2, 1, 1, 1, 0], { ...drawn, topK: 2 }),
  row('top-k of one', logits(5000, 4), { ...drawn, topK: 1 }),
  row('top-p', logits(5000, 4), { ...drawn, topP: 0.9 }),
  row('top-p of a vocabulary', logits(49152, 6), { ...drawn, topP: 0.5 }),
  row('top-p of the best alone', logits(5000, 4), { ...drawn, topP: 0.0001 }),
  row('top-p next to all', [1, 2, 3, -1], { ...drawn, topP: 0.9999 }),
  row('top-p of equals', logits(3000, 0), { ...drawn, topP: 0.5 }),
  row('min-p', logits(5000, 4), { ...drawn, minP: 0.2 }),
  row('min-p of the best alone', logits(5000, 4), { ...drawn, minP: 1 }),
  row('all filters, the first decides', logits(5000, 4), { ...drawn, topK: 2, topP: 0.99, minP: 0.01 }),
  row('all filters, the second decides', logits(5000, 4), { ...drawn, topK: 900, topP: 0.3, minP: 0.001 }),
  row('all filters, the third decides', logits(5000, 4), { ...drawn, topK: 900, topP: 0.99, minP: 0.5 }),
  row('filters see probabilities before temperature', logits(5000, 4), {
    ...drawn,
    temperature: 3,
    topP: 0.6,
  }),
  row('negative logits with filters', logits(3000, 3, -90), { ...drawn, topK: 30, topP: 0.8 }),
  row('minus infinity is dropped', at(40, { 3: 1, 30: 1.5 }, -Infinity), { ...drawn, topK: 5 }),
]

function row(
  name: string,
  values: Float32Array | readonly number[],
  choice: Omit<TokenChoice, 'vocabulary'> & { vocabulary?: number },
): ChoiceCase {
  const found = Float32Array.from(values)
  return {
    name,
    logits: found,
    choice: { vocabulary: found.length, ...choice },
    draws: choice.temperature === 0 ? 1 : 24,
  }
}

function at(count: number, values: Readonly<Record<number, number>>, others = 0): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => values[i] ?? others)
}

function logits(count: number, spread: number, mean = 0): Float32Array {
  const random = makeRandom(count + spread)
  // Sums of uniform numbers, so that few are far from the mean.
  return Float32Array.from(
    { length: count },
    () => mean + spread * (random() + random() + random() + random() - 2),
  )
}
