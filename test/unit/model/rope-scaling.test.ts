// Each kind of scaling against numbers worked out by hand from its paper.
import assert from 'node:assert/strict'
import type { MetadataValue } from '../../../engine/format/checkpoint'
import { readRopeScaling, type RopeAngles, type StoredDivisors } from '../../../engine/model/rope-scaling'

interface Row {
  name: string
  /** Keys after `rope.` */
  keys: Record<string, MetadataValue>
  stored?: StoredDivisors
  context?: number
  expected: Partial<RopeAngles> & { longest?: number }
}

// Four columns turn, with base 100, in a model of 64 tokens.
const rows: Row[] = [
  { name: 'nothing', keys: {}, expected: { divisors: [1, 1], base: 100, magnitude: 1 } },
  { name: 'linear', keys: { 'scaling.factor': 4 }, expected: { divisors: [4, 4] } },
  { name: 'linear, old key', keys: { scale_linear: 3 }, expected: { divisors: [3, 3] } },
  { name: 'divisors of the file', keys: {}, stored: { always: [2, 5] }, expected: { divisors: [2, 5] } },
  {
    name: 'two lists of divisors and no word of scaling: the short one',
    keys: {},
    stored: { short: [1, 2], long: [3, 4] },
    expected: { divisors: [1, 2], magnitude: 1 },
  },
  {
    // The ratio is 16, and ln 16 / ln 4 is 2.
    name: 'the long one beyond the original length',
    keys: { 'scaling.original_context_length': 4 },
    stored: { short: [1, 2], long: [3, 4] },
    context: 5,
    expected: { divisors: [3, 4], magnitude: Math.sqrt(3) },
  },
  {
    name: 'LongRoPE up to the original length, with a magnitude of its own',
    keys: { 'scaling.type': 'longrope', 'scaling.original_context_length': 4, 'scaling.attn_factor': 1.25 },
    stored: { short: [1, 2], long: [3, 4] },
    context: 4,
    expected: { divisors: [1, 2], magnitude: 1.25 },
  },
  {
    // The pair that turns x times in 128 tokens is log10(128 / 2 pi x), here 1.008 for 2 and 2.008 for 0.2: the range is 1 to 3.
    name: 'YaRN',
    keys: {
      'scaling.type': 'yarn',
      'scaling.factor': 4,
      'scaling.original_context_length': 128,
      'scaling.yarn_beta_fast': 2,
      'scaling.yarn_beta_slow': 0.2,
    },
    expected: { divisors: [1, 1], magnitude: 1 + 0.1 * Math.log(4), longest: 512 },
  },
  {
    // 0.008 for 20 and 1.008 for 2: the range is 0 to 2, and half of the second pair is interpolated.
    name: 'YaRN, a pair within the range',
    keys: {
      'scaling.type': 'yarn',
      'scaling.factor': 4,
      'scaling.original_context_length': 128,
      'scaling.yarn_beta_fast': 20,
      'scaling.yarn_beta_slow': 2,
    },
    expected: { divisors: [1, 1.6] },
  },
  {
    name: "YaRN with a factor on top of its own, as llama.cpp's files have it",
    keys: { 'scaling.type': 'yarn', 'scaling.factor': Math.E, 'scaling.attn_factor': 0.5 },
    expected: { magnitude: 0.55 },
  },
  {
    name: 'YaRN with the multiplier of a logarithm',
    keys: { 'scaling.type': 'yarn', 'scaling.factor': Math.E, 'scaling.yarn_log_multiplier': 1 },
    expected: { magnitude: 1 },
  },
  {
    // (2 * 96 / 64 - 1)^(4 / 2)
    name: 'dynamic',
    keys: { 'scaling.type': 'dynamic', 'scaling.factor': 2 },
    context: 96,
    expected: { base: 400, divisors: undefined, longest: 128 },
  },
  {
    name: 'dynamic within the trained length',
    keys: { 'scaling.type': 'dynamic', 'scaling.factor': 2 },
    context: 10,
    expected: { base: 100 },
  },
]

describe('scaling of positions', () => {
  for (const row of rows) {
    it(row.name, () => {
      const scaling = read(row.keys)
      const angles = scaling.at(row.context ?? 8, row.stored ?? {})
      if ('longest' in row.expected) assert.equal(scaling.longest, row.expected.longest)
      if (row.expected.base !== undefined) close([angles.base], [row.expected.base])
      if (row.expected.magnitude !== undefined) close([angles.magnitude], [row.expected.magnitude])
      if (row.expected.divisors !== undefined) close(angles.divisors ?? [], row.expected.divisors)
    })
  }

  it('refuses a kind without a row', () => {
    assert.throws(() => read({ 'scaling.type': 'su' }), { code: 'unsupported-arch', message: /"su"/ })
    assert.throws(() => read({ 'scaling.type': 'toString' }), { code: 'unsupported-arch' })
  })

  it('refuses LongRoPE without divisors, or with too few', () => {
    const scaling = read({ 'scaling.type': 'longrope' })
    assert.throws(() => scaling.at(8, {}), { code: 'bad-file', message: /has no divisors/ })
    assert.throws(() => scaling.at(8, { short: [1] }), {
      code: 'bad-file',
      message: /has 1 divisors of its 2/,
    })
  })
})

function read(keys: Row['keys']): ReturnType<typeof readRopeScaling> {
  const metadata = new Map(Object.entries(keys).map(([key, value]) => [`x.rope.${key}`, value]))
  return readRopeScaling({
    metadata,
    key: (name) => `x.rope.${name}`,
    base: 100,
    dims: 4,
    trainedContext: 64,
  })
}

function close(found: ArrayLike<number>, expected: ArrayLike<number>): void {
  assert.equal(found.length, expected.length)
  for (let i = 0; i < expected.length; i++)
    assert.ok(Math.abs(found[i]! - expected[i]!) < 1e-9, `${found[i]} at ${i}`)
}
