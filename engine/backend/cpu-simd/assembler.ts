// An assembler for WebAssembly with fixed-width SIMD: instructions as nested calls, functions, and the bytes of a module.
// Numbers of instructions and sections from the WebAssembly core specification 2.0, chapter 5.

/** Instructions in the binary format; those of an expression leave one value. */
export type Code = readonly number[]

export type ValueType = keyof typeof valueTypes

/** A parameter or a local variable. */
export interface Local {
  readonly index: number
}

export interface WasmFunction {
  readonly name: string
  /** Every parameter is an i32; there are no results. */
  readonly parameters: number
  readonly locals: readonly ValueType[]
  readonly body: Code
}

/** Collects the locals of one function, then makes it. */
export class FunctionBuilder {
  readonly #locals: ValueType[] = []
  #parameters = 0

  constructor(readonly name: string) {}

  /** The next parameter, an i32. All parameters come before the first local. */
  parameter(): Local {
    return { index: this.#parameters++ }
  }

  local(type: ValueType): Local {
    return { index: this.#parameters + this.#locals.push(type) - 1 }
  }

  build(...body: Code[]): WasmFunction {
    return { name: this.name, parameters: this.#parameters, locals: this.#locals, body: body.flat() }
  }
}

/** A module that imports its memory, shared, as `memory.memory`, and exports every function. */
export function assemble(functions: readonly WasmFunction[]): Uint8Array<ArrayBuffer> {
  const arities = [...new Set(functions.map(({ parameters }) => parameters))]
  const types = arities.map((count) => [0x60, ...vector(Array<Code>(count).fill([valueTypes.i32])), 0])
  const memory = [...text('memory'), ...text('memory'), 2, 3, ...unsigned(1), ...unsigned(maxPages)]
  const indices = functions.map(({ parameters }) => unsigned(arities.indexOf(parameters)))
  const exported = functions.map(({ name }, index) => [...text(name), 0, ...unsigned(index)])
  const bodies = functions.map(({ locals, body }) => {
    const code = [...vector(locals.map((type) => [1, valueTypes[type]])), ...body, 0x0b]
    return [...unsigned(code.length), ...code]
  })
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, types),
    ...section(2, [memory]),
    ...section(3, indices),
    ...section(7, exported),
    ...section(10, bodies),
  ])
}

/** Most pages of 64 KiB that 32-bit addresses reach. */
export const maxPages = 65536

export const get = ({ index }: Local): Code => [0x20, ...unsigned(index)]
export const set = ({ index }: Local, value: Code): Code => [...value, 0x21, ...unsigned(index)]

/** The body when `condition` is not zero. */
export const when = (condition: Code, ...body: Code[]): Code => [
  ...condition,
  0x04,
  0x40,
  ...body.flat(),
  0x0b,
]

/** `target` += `value`, as i32. */
export const increase = (target: Local, value: Code): Code => set(target, i32.add(get(target), value))

/** Repeats the body while `counter`, counted down by one each time, is above zero; the body runs once at least. */
export function repeat(counter: Local, ...body: Code[]): Code {
  const next = set(counter, i32.sub(get(counter), i32.value(1)))
  return [0x03, 0x40, ...body.flat(), ...next, ...get(counter), 0x0d, 0, 0x0b]
}

export const i32 = {
  value: (value: number): Code => [0x41, ...signed(value)],
  add: binary([0x6a]),
  sub: binary([0x6b]),
  multiply: binary([0x6c]),
  and: binary([0x71]),
  shiftLeft: binary([0x74]),
  shiftRight: binary([0x76]),
  lessThan: binary([0x48]),
  load: (address: Code, offset = 0): Code => [...address, 0x28, 0, ...unsigned(offset)],
}

export const v128 = {
  /** The f32, bits and all, that `bits` is in each lane. */
  words: (bits: number): Code => [...simd(0x0c), ...[0, 1, 2, 3].flatMap(() => wordBytes(bits))],
  load: load(0x00),
  /** 8 signed bytes as i16x8. */
  loadBytes: load(0x01),
  /** 4 halves of a word as u32x4. */
  loadHalves: load(0x04),
  /** One word in all lanes. */
  loadSplat: load(0x09),
  store: (address: Code, value: Code, offset = 0): Code => [
    ...address,
    ...value,
    ...simd(0x0b),
    0,
    ...unsigned(offset),
  ],
  /** Stores one word of the value. */
  storeLane: (address: Code, value: Code, lane: number, offset = 0): Code => [
    ...address,
    ...value,
    ...simd(0x5a),
    0,
    ...unsigned(offset),
    lane,
  ],
  and: binary(simd(0x4e)),
  /** Bits of `a` that are not in `b`. */
  andNot: binary(simd(0x4f)),
  or: binary(simd(0x50)),
  /** Bits of `a` where `mask` has ones, of `b` elsewhere. */
  select: (a: Code, b: Code, mask: Code): Code => [...a, ...b, ...mask, ...simd(0x52)],
  /** Bytes of both values by number: 0 to 15 of the first, 16 to 31 of the second. */
  shuffle: (a: Code, b: Code, bytes: readonly number[]): Code => [...a, ...b, ...simd(0x0d), ...bytes],
}

export const i16x8 = {
  splat: unary(simd(0x10)),
  shiftRight: (value: Code, bits: number): Code => [...value, ...i32.value(bits), ...simd(0x8d)],
  /** Both as signed halves, those out of range at the nearest end. */
  narrow: binary(simd(0x85)),
}

export const i32x4 = {
  splat: unary(simd(0x11)),
  add: binary(simd(0xae)),
  multiply: binary(simd(0xb5)),
  shiftLeft: (value: Code, bits: number): Code => [...value, ...i32.value(bits), ...simd(0xab)],
  /** Products of signed halves, added in pairs. */
  dot: binary(simd(0xba)),
  /** Toward zero; what is out of range at the nearest end. */
  fromFloat: unary(simd(0xf8)),
}

export const f32x4 = {
  splat: (value: number): Code => v128.words(floatBits(value)),
  /** A constant with four different lanes. */
  values: (lanes: readonly number[]): Code => [
    ...simd(0x0c),
    ...lanes.flatMap((lane) => wordBytes(floatBits(lane))),
  ],
  lessThan: binary(simd(0x43)),
  nearest: unary(simd(0x6a)),
  absolute: unary(simd(0xe0)),
  add: binary(simd(0xe4)),
  sub: binary(simd(0xe5)),
  multiply: binary(simd(0xe6)),
  divide: binary(simd(0xe7)),
  max: binary(simd(0xe9)),
  /** `b` where it is below `a`, else `a`: one instruction of the processor, and what is not a number in `a` stays. */
  lesser: binary(simd(0xea)),
  /** `b` where it is above `a`, else `a`. */
  greater: binary(simd(0xeb)),
  fromInt: unary(simd(0xfa)),
}

/** Instructions that every engine has, or those of the relaxed SIMD proposal, too. */
export type Dialect = 'standard' | 'relaxed'

/** a * b + c; relaxed, it may be rounded once instead of twice. */
export const multiplyAdd: Readonly<Record<Dialect, (a: Code, b: Code, c: Code) => Code>> = {
  standard: (a, b, c) => f32x4.add(f32x4.multiply(a, b), c),
  relaxed: (a, b, c) => [...a, ...b, ...c, ...simd(0x105)],
}

/** Makes all lanes of `value` what the four give together. */
export function acrossLanes(combine: (a: Code, b: Code) => Code, value: Local): Code {
  return [8, 4].flatMap((bytes) => {
    const turned = Array.from({ length: 16 }, (_, i) => (i + bytes) % 16)
    return set(value, combine(get(value), v128.shuffle(get(value), get(value), turned)))
  })
}

/** The sums of the lanes of four f32x4, as one. */
export function addLanes(sums: readonly Local[]): Code {
  const [a, b, c, d] = sums.map(get) as [Code, Code, Code, Code]
  // Lanes 0 and 1 of both, beside lanes 2 and 3 of both.
  const low = [0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23]
  const high = low.map((byte) => byte + 8)
  const add = (x: Code, y: Code): Code => f32x4.add(v128.shuffle(x, y, low), v128.shuffle(x, y, high))
  const first = [...Array(8).keys()]
  const ofTwo = (bytes: number[]): Code => v128.shuffle(add(a, b), add(c, d), bytes)
  return f32x4.add(
    ofTwo([...first, ...first.map((byte) => byte + 16)]),
    ofTwo([...first.map((byte) => byte + 8), ...first.map((byte) => byte + 24)]),
  )
}

const valueTypes = { i32: 0x7f, v128: 0x7b } as const

function simd(number: number): Code {
  return [0xfd, ...unsigned(number)]
}

function unary(instruction: Code): (value: Code) => Code {
  return (value) => [...value, ...instruction]
}

function binary(instruction: Code): (a: Code, b: Code) => Code {
  return (a, b) => [...a, ...b, ...instruction]
}

// Alignment is a hint that engines ignore; 0 is always true.
function load(number: number): (address: Code, offset?: number) => Code {
  return (address, offset = 0) => [...address, ...simd(number), 0, ...unsigned(offset)]
}

function section(id: number, entries: readonly Code[]): Code {
  const content = vector(entries)
  return [id, ...unsigned(content.length), ...content]
}

function vector(entries: readonly Code[]): Code {
  return [...unsigned(entries.length), ...entries.flat()]
}

function text(value: string): Code {
  const bytes = new TextEncoder().encode(value)
  return [...unsigned(bytes.length), ...bytes]
}

// LEB128.
function unsigned(value: number): Code {
  return value < 128 ? [value] : [(value & 127) | 128, ...unsigned(value >>> 7)]
}

function signed(value: number): Code {
  return value >= -64 && value < 64 ? [value & 127] : [(value & 127) | 128, ...signed(value >> 7)]
}

function wordBytes(bits: number): Code {
  return [bits & 255, (bits >> 8) & 255, (bits >> 16) & 255, (bits >>> 24) & 255]
}

function floatBits(value: number): number {
  return new Uint32Array(Float32Array.of(value).buffer)[0] ?? 0
}
