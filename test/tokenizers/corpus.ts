// Two megabytes of mixed text from one seed: code, prose, scripts, emoji, digits, runs of space and broken UTF-8.
// test/tokenizers/corpus.py makes the same text from the same rules, so that tokens can be compared without storing it.

/** Each block is a text of its own, at least `blockBytes` long in UTF-8. */
export function corpus(): string[] {
  const random = createRandom()
  return Array.from({ length: blockCount }, () => {
    let text = ''
    for (let bytes = 0; bytes < blockBytes;) {
      const part = pickFrom(kinds, random)(random)
      text += part
      bytes += Buffer.byteLength(part)
    }
    return text
  })
}

export const blockCount = 64
const blockBytes = 32_768

/** The next number in 0 to `below` - 1. */
type Random = (below: number) => number

// Marsaglia's xorshift of 32 bits.
function createRandom(): Random {
  let state = 20240917
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

const words =
  'return function const value index result async await import export class extends public static void int string self def lambda None True if else for while try catch throw new this user data list map key node tree left right buffer getElementById parse_args HTTPServer maxValue i j x y tmp'.split(
    ' ',
  )
const operators = [
  ' = ',
  ' + ',
  '.',
  '(',
  ')',
  ', ',
  ': ',
  ' => ',
  '[',
  ']',
  ' == ',
  '->',
  '::',
  ';',
  ' && ',
  '{ ',
  ' }',
  '"',
  "'",
  ' // ',
  '# ',
  '/*',
  '*/',
  '<',
  '>',
  '\\',
]
const indents = ['\n', '\n\n', '\n  ', '\n    ', '\n        ', '\n\t', '\n\t\t', '\r\n', ' ']
const prose =
  "The the quick brown fox jumps over a lazy dog and it's don't we'll I'm they've you'd HE'S Ünïcode naïve café Straße résumé however because through without model token language".split(
    ' ',
  )
const chinese =
  '的一是不了人我在有他这中大来上国个到说们为子和你地出道也时年得就那要下以生会自着去之过家学对可她里后'
const marks = ['，', '。', '！', '？', '、', '：', '；', '“', '”', '（', '）', '《', '》', ' ', '\n']
/** First and last character of each range; all of them have been in Unicode for many versions. */
const scripts = [
  [0x410, 0x44f],
  [0x391, 0x3a1],
  [0x3b1, 0x3c9],
  [0x5d0, 0x5ea],
  [0x627, 0x63a],
  [0x905, 0x939],
  [0x93e, 0x94c],
  [0xe01, 0xe2e],
  [0x3041, 0x3096],
  [0x30a1, 0x30fa],
  [0xac00, 0xd7a3],
  [0xc0, 0xff],
  [0x300, 0x36f],
  [0xff01, 0xff5e],
  [0x2150, 0x2188],
  [0x2460, 0x249b],
  [0x10000, 0x1000b],
  [0x20000, 0x2a6d6],
  [0x1d400, 0x1d454],
  [0x660, 0x669],
  [0x966, 0x96f],
  [0x2010, 0x2027],
  [0x2190, 0x21ff],
  [0x2500, 0x257f],
  [0x2b0, 0x2c1],
  [0xe000, 0xe00f],
  [0xa1, 0xbf],
  [0x1c4, 0x1cc],
  [0x4e00, 0x9fa5],
] as const
const emoji = ['😀', '🎉', '👍🏽', '👩‍👩‍👧‍👦', '🏳️‍🌈', '🇩🇪', '🇯🇵', '❤️', '🚀', '✅', '1️⃣', '🧑🏿‍💻']
const spaces = [
  ' ',
  ' ',
  ' ',
  '\n',
  '\n',
  '\t',
  '\r\n',
  '\u00a0',
  '\u3000',
  '\u0085',
  '\u2028',
  '\u2009',
  '\ufeff',
  '\u200b',
  '\x0b',
  '\x0c',
]
const oddities = [
  '<|im_end|>',
  '<|endoftext|>',
  '</s>',
  '<s>',
  '<unk>',
  '[INST]',
  '<0x0A>',
  '<think>',
  '</think>',
  '<|fim_prefix',
  '\x01',
  '\x1b[0m',
  '\x7f',
  'Ġ',
  'Ċ',
  '\ufffd',
  '  ',
  "''",
  '\u2019s',
]
const pieces = [
  [0x80],
  [0xbf],
  [0xc0, 0xaf],
  [0xe0, 0x80],
  [0xe4, 0xb8],
  [0xed, 0xa0, 0x80],
  [0xf0, 0x9f, 0x98],
  [0xf4, 0x90, 0x80, 0x80],
  [0xf8],
  [0xff],
  [0x41],
  [0x20],
  [0xe4, 0xb8, 0xad],
] as const

const kinds: readonly ((random: Random) => string)[] = [
  code,
  code,
  code,
  (random) =>
    repeat(3 + random(12), () => pickFrom(prose, random) + pickFrom([' ', ' ', ' ', ', ', '. '], random)),
  (random) => repeat(2 + random(20), () => pickFrom(Array.from(chinese), random)) + pickFrom(marks, random),
  (random) => {
    const [first, last] = pickFrom(scripts, random)
    return (
      repeat(1 + random(8), () => String.fromCodePoint(first + random(last - first + 1))) +
      pickFrom(['', ' '], random)
    )
  },
  (random) => repeat(1 + random(3), () => pickFrom(emoji, random)),
  (random) =>
    repeat(1 + random(12), () =>
      pickFrom(Array.from('0123456789012345678901234567890123456789., _x'), random),
    ),
  (random) => pickFrom(spaces, random).repeat(1 + random(20)),
  (random) => pickFrom(oddities, random),
  (random) =>
    new TextDecoder('utf-8', { ignoreBOM: true }).decode(
      Uint8Array.from(
        Array.from({ length: 1 + random(5) }, () => pickFrom<readonly number[]>(pieces, random)).flat(),
      ),
    ),
]

function code(random: Random): string {
  return (
    repeat(4 + random(16), () => pickFrom(words, random) + pickFrom(operators, random)) +
    pickFrom(indents, random)
  )
}

function repeat(count: number, make: () => string): string {
  let text = ''
  for (let i = 0; i < count; i++) text += make()
  return text
}

function pickFrom<T>(list: readonly T[], random: Random): T {
  return list[random(list.length)] as T
}
