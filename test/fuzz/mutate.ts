// Damages files in the ways that break parsers, the same way for the same seed.

/** Whole numbers from 0 to `below` - 1, the same ones for the same seed (mulberry32). */
export type Random = (below: number) => number

export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below)
  }
}

/** Up to three damages, one after the other. `header` is where most of them fall, in bytes from the start. */
export function mutate(whole: Buffer, header: number, isText: boolean, random: Random): Buffer {
  let bytes: Buffer = Buffer.from(whole)
  const kinds = isText ? [...byteDamages, ...textDamages, ...textDamages] : [...byteDamages, ...fieldDamages]
  for (let left = 1 + random(3); left > 0 && bytes.length > 0; left--) {
    const place = random(10) === 0 ? random(bytes.length) : random(Math.min(header, bytes.length))
    bytes = pick(kinds, random)(bytes, place, random)
  }
  return bytes
}

type Damage = (bytes: Buffer, place: number, random: Random) => Buffer

const byteDamages: readonly Damage[] = [
  // One bit.
  (bytes, place, random) => {
    bytes[place]! ^= 1 << random(8)
    return bytes
  },
  // One byte.
  (bytes, place, random) => {
    bytes[place] = random(3) === 0 ? pick([0, 1, 0x7f, 0x80, 0xff], random) : random(256)
    return bytes
  },
  // The end is lost.
  (bytes, place) => bytes.subarray(0, place),
  // The middle is lost.
  (bytes, place, random) => cut(bytes, place, 1 + random(pick([4, 64, 4096], random))),
  // A piece occurs twice.
  (bytes, place, random) => {
    const piece = bytes.subarray(place, place + 1 + random(pick([8, 64, 1024], random)))
    return Buffer.concat([bytes.subarray(0, place), piece, bytes.subarray(place)])
  },
  // A piece stands in another's place.
  (bytes, place, random) => {
    bytes.copy(bytes, random(bytes.length), place, place + 1 + random(256))
    return bytes
  },
  // Something is put in between.
  (bytes, place, random) => {
    const piece = Buffer.from(Array.from({ length: 1 + random(32) }, () => random(256)))
    return Buffer.concat([bytes.subarray(0, place), piece, bytes.subarray(place)])
  },
  // Noise.
  (bytes, place, random) => {
    for (let i = place; i < Math.min(bytes.length, place + 1 + random(16)); i++) bytes[i] = random(256)
    return bytes
  },
]

const numbers = [
  ...[0n, 1n, 2n, 3n, 7n, 8n, 31n, 255n, 256n, 65_535n, 65_536n, 0xff_ffffn, 0x100_0000n],
  ...[2n ** 31n - 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 40n, 2n ** 53n, 2n ** 63n - 1n],
  ...[2n ** 63n, 2n ** 64n - 1n, 0x7fc0_0000n, 0x7f80_0000n, 0xff80_0000n],
]

const fieldDamages: readonly Damage[] = [
  // A number of 32 bits: a length, a count, a type.
  (bytes, place, random) => putNumber(bytes, place, 4, random),
  (bytes, place, random) => putNumber(bytes, place - (place % 4), 4, random),
  // A number of 64 bits.
  (bytes, place, random) => putNumber(bytes, place, 8, random),
  (bytes, place, random) => putNumber(bytes, place - (place % 8), 8, random),
  // A length that is nearly right.
  (bytes, place, random) => {
    if (place + 4 > bytes.length) return bytes
    bytes.writeUInt32LE((bytes.readUInt32LE(place) + pick([1, 2, 4, -1, -2, -4], random)) >>> 0, place)
    return bytes
  },
  // What follows a name with dots in it: in GGUF a type and a value, or the shape of a tensor.
  (bytes, place, random) => {
    const name = /[a-z][a-z0-9_]*(\.[a-z0-9_]+)+/.exec(bytes.toString('latin1', place, place + 4096))
    if (name === null) return bytes
    return putNumber(bytes, place + name.index + name[0].length + pick([0, 4, 4, 8, 12], random), 4, random)
  },
]

function putNumber(bytes: Buffer, place: number, width: 4 | 8, random: Random): Buffer {
  if (place + width > bytes.length) return bytes
  const value = pick(numbers, random)
  if (width === 8) bytes.writeBigUInt64LE(value, place)
  else bytes.writeUInt32LE(Number(value & 0xffff_ffffn), place)
  return bytes
}

const values = [
  ...['null', 'true', '-1', '0', '1', '2', '0.5', '1e308', '1e999', '-0', '3.0', '4294967296'],
  ...['9007199254740993', '[]', '{}', '""', '"a"', '[1]', '[[[[[[[[]]]]]]]]', '{"__proto__":1}', 'NaN'],
  ...['"\\u0000"', '"\\ud800"', '[null]', '{"type":"Sequence"}'],
]

const textDamages: readonly Damage[] = [
  // A value of JSON becomes another one, perhaps of another type.
  (bytes, place, random) =>
    replaceMatch(bytes, place, /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null/, random),
  // A value after a colon: most others are the vocabulary's.
  (bytes, place, random) =>
    replaceMatch(
      bytes,
      place,
      /(?<=:\s*)(?:"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null|\[\]|\{\})/,
      random,
    ),
  // A mark of JSON's grammar becomes another one.
  (bytes, place, random) => {
    const mark = /[[\]{}:,"\\]/.exec(bytes.toString('latin1', place, place + 1024))
    if (mark !== null) bytes[place + mark.index] = pick([...'[]{}:,"\\'], random).charCodeAt(0)
    return bytes
  },
  // A digit.
  (bytes, place, random) => {
    const digit = /\d/.exec(bytes.toString('latin1', place, place + 1024))
    if (digit !== null) bytes[place + digit.index] = 0x30 + random(10)
    return bytes
  },
]

function replaceMatch(bytes: Buffer, place: number, pattern: RegExp, random: Random): Buffer {
  const match = pattern.exec(bytes.toString('latin1', place, place + 4096))
  if (match === null) return bytes
  const start = place + match.index
  return Buffer.concat([
    bytes.subarray(0, start),
    Buffer.from(pick(values, random)),
    bytes.subarray(start + match[0].length),
  ])
}

function cut(bytes: Buffer, place: number, length: number): Buffer {
  return Buffer.concat([bytes.subarray(0, place), bytes.subarray(place + length)])
}

function pick<T>(items: readonly T[], random: Random): T {
  const item = items[random(items.length)]
  if (item === undefined) throw new Error('nothing to choose from')
  return item
}
