// The chain that turns logits into a token, step by step: which tokens can be drawn at all, and how often.
import assert from 'node:assert/strict'
import { likeliest } from '../../../engine/backend/choose-token'
import { createSampler, greedy, type SamplerOptions } from '../../../engine/generate/sampler'

/** Everything off: draws from the plain distribution. */
const plain: SamplerOptions = { ...greedy, temperature: 1 }

describe('logits that are not numbers', () => {
  for (const temperature of [0, 1]) {
    it(`are one clear error at temperature ${temperature}`, () => {
      const logits = Float32Array.of(NaN, NaN, NaN)
      assert.throws(() => createSampler({ ...plain, temperature }, 3).next(logits, []), /not a number/)
    })
  }
})

describe('greedy sampling', () => {
  checkGreedy('the largest logit', [1, 3, 2], {}, [], 1)
  checkGreedy('the lowest id on a tie, so that backends agree', [0, 5, 5, 5], {}, [], 1)
  checkGreedy('all equal', [2, 2, 2], {}, [], 0)
  checkGreedy('negative logits only', [-3, -1, -2], {}, [], 1)
  checkGreedy('minus infinity is never best', [-Infinity, -1e30, -Infinity], {}, [], 1)
  checkGreedy('padding rows beyond the vocabulary are out of reach', [1, 2, 9], { vocabulary: 2 }, [], 1)
  checkGreedy('top-k, top-p and min-p change nothing', [1, 3, 2], { topK: 1, topP: 0.1, minP: 0.9 }, [], 1)

  const penalty = { repeatPenalty: 2, repeatWindow: 8 }
  checkGreedy('a repeated token is divided down', [4, 3], penalty, [0], 1)
  checkGreedy('a negative logit is multiplied down', [-2, -3], penalty, [0], 1)
  checkGreedy('said twice is not punished twice', [4, 1.5], penalty, [0, 0, 0], 0)
  checkGreedy('only the window counts', [4, 3], { ...penalty, repeatWindow: 2 }, [0, 1, 1], 0)
  checkGreedy('a window of zero is off', [4, 3], { ...penalty, repeatWindow: 0 }, [0], 0)
  checkGreedy('a penalty of one is off', [4, 3], { ...penalty, repeatPenalty: 1 }, [0], 0)
  checkGreedy('history may hold tokens beyond the logits', [4, 3], penalty, [7], 0)
})

describe('drawing', () => {
  // Four tokens with probabilities 0.5, 0.25, 0.15, 0.1.
  const logits = [0.5, 0.25, 0.15, 0.1].map(Math.log)
  checkShares('plain: as often as likely', logits, plain, [0.5, 0.25, 0.15, 0.1])
  checkShares('top-k keeps k', logits, { ...plain, topK: 2 }, [2 / 3, 1 / 3, 0, 0])
  checkShares('top-k larger than the vocabulary', logits, { ...plain, topK: 9 }, [0.5, 0.25, 0.15, 0.1])
  checkShares('top-p keeps the smallest set that reaches it', logits, { ...plain, topP: 0.7 }, [
    2 / 3,
    1 / 3,
    0,
    0,
  ])
  checkShares('top-p below the best keeps the best', logits, { ...plain, topP: 0.01 }, [1, 0, 0, 0])
  checkShares('min-p is a share of the best', logits, { ...plain, minP: 0.25 }, [
    0.5 / 0.9,
    0.25 / 0.9,
    0.15 / 0.9,
    0,
  ])
  checkShares('the narrowest filter decides', logits, { ...plain, topK: 3, topP: 0.9, minP: 0.4 }, [
    2 / 3,
    1 / 3,
    0,
    0,
  ])
  // Squared probabilities, made to sum to one.
  checkShares(
    'temperature one half',
    logits,
    { ...plain, temperature: 0.5 },
    normalize([0.25, 0.0625, 0.0225, 0.01]),
  )
  checkShares(
    'temperature two',
    logits,
    { ...plain, temperature: 2 },
    normalize([0.5, 0.25, 0.15, 0.1].map(Math.sqrt)),
  )
  checkShares(
    'filters see the probabilities before temperature',
    logits,
    { ...plain, topP: 0.7, temperature: 2 },
    [...normalize([0.5, 0.25].map(Math.sqrt)), 0, 0],
  )
  checkShares('huge logits do not overflow', [1000, 1000, -1000], plain, [0.5, 0.5, 0])
  checkShares(
    'the penalty comes first',
    [Math.log(4), Math.log(2)],
    { ...plain, repeatPenalty: 2, repeatWindow: 4 },
    [0.5, 0.5],
    [0],
  )

  it('a draw depends on the seed and the position alone, so that a token can be drawn again', () => {
    const options = { ...plain, seed: 3 }
    const again = draws(logits, options, 20, []).map((_, i) =>
      createSampler(options, 4).next(Float32Array.from(logits), Array<number>(i).fill(0)),
    )
    assert.deepEqual(again, draws(logits, options, 20, []))
  })

  it('the same seed draws the same tokens, another seed others', () => {
    const draw = (seed: number): string => draws(logits, { ...plain, seed }, 40, []).join('')
    assert.equal(draw(7), draw(7))
    assert.notEqual(draw(7), draw(8))
  })

  it('without a seed two samplers differ', () => {
    const draw = (): string => draws(logits, plain, 80, []).join('')
    assert.notEqual(draw(), draw())
  })

  it('padding rows are never drawn', () => {
    const sampler = createSampler({ ...plain, seed: 1 }, 2)
    for (let i = 0; i < 100; i++) {
      assert.ok(sampler.next(Float32Array.from([0, 0, 50]), Array<number>(i).fill(0)) < 2)
    }
  })
})

describe('likeliest', () => {
  it('takes the lowest of equals', () => {
    assert.equal(likeliest(Float32Array.from([-1, 4, 4])), 1)
  })
})

function checkGreedy(
  what: string,
  logits: readonly number[],
  options: Partial<SamplerOptions> & { vocabulary?: number },
  history: readonly number[],
  expected: number,
): void {
  it(what, () => {
    const sampler = createSampler({ ...greedy, ...options }, options.vocabulary ?? logits.length)
    assert.equal(sampler.next(Float32Array.from(logits), history), expected)
  })
}

// 4000 draws: three standard deviations of a share are below 0.024.
function checkShares(
  what: string,
  logits: readonly number[],
  options: SamplerOptions,
  expected: readonly number[],
  history: readonly number[] = [],
): void {
  it(what, () => {
    const counts = logits.map(() => 0)
    const count = 4000
    for (const token of draws(logits, { ...options, seed: 1 }, count, history)) counts[token]!++
    counts.forEach((n, token) => {
      const share = expected[token]!
      if (share === 0) assert.equal(n, 0, `token ${token} was filtered out and drawn`)
      else assert.ok(Math.abs(n / count - share) < 0.024, `token ${token}: ${n / count}, expected ${share}`)
    })
  })
}

function draws(
  logits: readonly number[],
  options: SamplerOptions,
  count: number,
  history: readonly number[],
): number[] {
  const sampler = createSampler(options, logits.length)
  // A draw depends on how many tokens there are, so every one has another number of them, which no penalty counts, before it.
  const uncounted = logits.length
  return Array.from({ length: count }, (_, i) =>
    sampler.next(Float32Array.from(logits), [...Array<number>(i).fill(uncounted), ...history]),
  )
}

function normalize(weights: readonly number[]): number[] {
  const sum = weights.reduce((a, b) => a + b, 0)
  return weights.map((weight) => weight / sum)
}
