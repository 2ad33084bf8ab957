// Reads the part of Python's pickle format that state dictionaries need. Nothing is executed: a pickle is a program for a machine with
// one stack, and of its instructions only those that build plain values are known; whatever it wants to call must be in a table.
// Opcodes from https://github.com/python/cpython/blob/main/Lib/pickletools.py
import { quote } from '../base/quote'
import type { EngineError } from '../protocol/errors'

export type PickleValue =
  null | boolean | number | string | PickleTuple | PickleList | PickleDict | PickleGlobal | PickleObject

export class PickleTuple {
  constructor(readonly items: readonly PickleValue[]) {}
}

export class PickleList {
  constructor(readonly items: PickleValue[] = []) {}
}

/** Keys are texts only. */
export class PickleDict {
  readonly entries = new Map<string, PickleValue>()
}

/** Something of a Python module, by name: a mark, not the thing. */
export class PickleGlobal {
  constructor(readonly name: string) {}
}

/** What the tables of the reader made out of a call or of a persistent id; opaque here. */
export abstract class PickleObject {
  abstract readonly kind: string
}

export interface PickleRules {
  /** Every global that may occur, by `module.name`; those with a function may be called, with the arguments as values. */
  readonly globals: ReadonlyMap<string, ((items: readonly PickleValue[]) => PickleValue) | undefined>
  /** What a persistent id stands for. */
  persistent(id: PickleValue): PickleValue
  /** Makes the error for anything else; `problem` continues a sentence and has no final dot. */
  refuse(problem: string): EngineError
}

const limits = {
  // Python writes dictionaries in groups of 1000 entries, so honest stacks are some thousand deep.
  stack: 65_536,
  // Some ten values are remembered for each of at most 131,072 tensors.
  memo: 2_097_152,
  // Names of tensors and modules.
  text: 65_535,
} as const

/** The value that a whole pickle describes. Throws what `rules.refuse` makes, also for bytes after the end. */
export function unpickle(bytes: Uint8Array, rules: PickleRules): PickleValue {
  const machine = new Machine(bytes, rules)
  for (;;) {
    const code = machine.byte()
    if (code === stop) return machine.finish()
    const run = opcodes.get(code)
    if (run === undefined)
      throw rules.refuse(`its pickle has the instruction ${nameOf(code)}, which is not allowed`)
    run(machine)
  }
}

class Machine {
  readonly #bytes: Buffer
  readonly #stack: PickleValue[] = []
  /** Heights of the stack. */
  readonly #marks: number[] = []
  readonly #memo = new Map<number, PickleValue>()
  #at = 0

  constructor(
    bytes: Uint8Array,
    readonly rules: PickleRules,
  ) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  byte(): number {
    return this.#bytes.readUInt8(this.#take(1))
  }

  u16(): number {
    return this.#bytes.readUInt16LE(this.#take(2))
  }

  i32(): number {
    return this.#bytes.readInt32LE(this.#take(4))
  }

  u32(): number {
    return this.#bytes.readUInt32LE(this.#take(4))
  }

  f64BigEndian(): number {
    return this.#bytes.readDoubleBE(this.#take(8))
  }

  text(length: number): string {
    if (length > limits.text)
      throw this.refuse(`its pickle has a text of ${length} bytes, more than the possible ${limits.text}`)
    const at = this.#take(length)
    return this.#bytes.toString('utf8', at, at + length)
  }

  /** Little-endian, two's complement. */
  integer(length: number): number {
    if (length > 8) throw this.refuse(`its pickle has a number of ${length} bytes, more than the possible 8`)
    let value = 0n
    for (let i = 0; i < length; i++) value |= BigInt(this.byte()) << BigInt(8 * i)
    return this.exact(length === 0 ? 0n : BigInt.asIntN(8 * length, value))
  }

  line(): string {
    const end = this.#bytes.indexOf(0x0a, this.#at)
    if (end < 0) throw this.#short()
    const text = this.text(end - this.#at)
    this.#at++
    return text
  }

  push(value: PickleValue): void {
    if (this.#stack.push(value) > limits.stack)
      throw this.refuse(`the stack of its pickle grows over ${limits.stack}`)
  }

  pop(): PickleValue {
    const value = this.#stack.length > (this.#marks.at(-1) ?? 0) ? this.#stack.pop() : undefined
    if (value === undefined) throw this.refuse('its pickle takes more from the stack than is there')
    return value
  }

  /** The topmost values, the deepest first. */
  popSome(count: number): PickleValue[] {
    return Array.from({ length: count }, () => this.pop()).reverse()
  }

  top(): PickleValue {
    const value = this.pop()
    this.push(value)
    return value
  }

  mark(): void {
    if (this.#marks.push(this.#stack.length) > limits.stack) {
      throw this.refuse(`the stack of its pickle grows over ${limits.stack}`)
    }
  }

  /** Everything above the last mark. */
  popMark(): PickleValue[] {
    const height = this.#marks.pop()
    if (height === undefined) throw this.refuse('its pickle goes back to a mark that is not there')
    return this.#stack.splice(height)
  }

  remember(slot: number): void {
    this.#memo.set(slot, this.top())
    if (this.#memo.size > limits.memo)
      throw this.refuse(`its pickle remembers more than ${limits.memo} values`)
  }

  recall(slot: number): PickleValue {
    const value = this.#memo.get(slot)
    if (value === undefined) throw this.refuse(`its pickle recalls value ${slot}, which it never remembered`)
    return value
  }

  finish(): PickleValue {
    const value = this.pop()
    if (this.#stack.length > 0 || this.#marks.length > 0)
      throw this.refuse('its pickle ends with values left over')
    if (this.#at < this.#bytes.length) throw this.refuse('its pickle goes on after its end')
    return value
  }

  refuse(problem: string): EngineError {
    return this.rules.refuse(problem)
  }

  exact(value: bigint): number {
    if (value < Number.MIN_SAFE_INTEGER || value > Number.MAX_SAFE_INTEGER)
      throw this.refuse(`its pickle has the number ${value}`)
    return Number(value)
  }

  #take(length: number): number {
    const at = this.#at
    if (at + length > this.#bytes.length) throw this.#short()
    this.#at += length
    return at
  }

  #short(): EngineError {
    return this.refuse('its pickle ends in the middle')
  }
}

const stop = 0x2e

/** Every instruction that is known, by its byte. Those that import and call look things up in tables and do nothing else. */
const opcodes = new Map<number, (machine: Machine) => void>([
  [0x80, checkProtocol], // PROTO
  [0x28, (m) => m.mark()], // MARK
  [0x4e, (m) => m.push(null)], // NONE
  [0x88, (m) => m.push(true)], // NEWTRUE
  [0x89, (m) => m.push(false)], // NEWFALSE
  [0x4b, (m) => m.push(m.byte())], // BININT1
  [0x4d, (m) => m.push(m.u16())], // BININT2
  [0x4a, (m) => m.push(m.i32())], // BININT
  [0x8a, (m) => m.push(m.integer(m.byte()))], // LONG1
  [0x47, (m) => m.push(m.f64BigEndian())], // BINFLOAT
  [0x58, (m) => m.push(m.text(m.u32()))], // BINUNICODE
  [0x55, (m) => m.push(m.text(m.byte()))], // SHORT_BINSTRING
  [0x29, (m) => m.push(new PickleTuple([]))], // EMPTY_TUPLE
  [0x85, (m) => m.push(tuple(m, 1))], // TUPLE1
  [0x86, (m) => m.push(tuple(m, 2))], // TUPLE2
  [0x87, (m) => m.push(tuple(m, 3))], // TUPLE3
  [0x74, (m) => m.push(new PickleTuple(m.popMark()))], // TUPLE
  [0x5d, (m) => m.push(new PickleList())], // EMPTY_LIST
  [0x61, (m) => append(m, [m.pop()])], // APPEND
  [0x65, (m) => append(m, m.popMark())], // APPENDS
  [0x7d, (m) => m.push(new PickleDict())], // EMPTY_DICT
  [0x73, (m) => setItems(m, m.popSome(2))], // SETITEM
  [0x75, (m) => setItems(m, m.popMark())], // SETITEMS
  [0x71, (m) => m.remember(m.byte())], // BINPUT
  [0x72, (m) => m.remember(m.u32())], // LONG_BINPUT
  [0x68, (m) => m.push(m.recall(m.byte()))], // BINGET
  [0x6a, (m) => m.push(m.recall(m.u32()))], // LONG_BINGET
  [0x63, (m) => m.push(readGlobal(m))], // GLOBAL
  [0x52, (m) => m.push(call(m, m.popSome(2)))], // REDUCE
  [0x51, (m) => m.push(m.rules.persistent(m.pop()))], // BINPERSID
  [0x62, dropState], // BUILD
])

// Protocols 0 and 1 spell values as text, 4 and 5 have other instructions; PyTorch writes 2 unless it is told otherwise.
function checkProtocol(machine: Machine): void {
  const version = machine.byte()
  if (version === 2 || version === 3) return
  throw machine.refuse(`its pickle has the protocol ${version}; 2 and 3 can be read`)
}

// State dictionaries carry version numbers of their modules as state; nothing here needs them.
function dropState(machine: Machine): void {
  machine.pop()
  if (machine.top() instanceof PickleDict) return
  throw machine.refuse('its pickle gives a state to something that is not a dictionary')
}

function tuple(machine: Machine, length: number): PickleTuple {
  return new PickleTuple(machine.popSome(length))
}

function append(machine: Machine, items: readonly PickleValue[]): void {
  const list = machine.top()
  if (!(list instanceof PickleList))
    throw machine.refuse('its pickle appends to something that is not a list')
  for (const item of items) list.items.push(item)
}

function setItems(machine: Machine, items: readonly PickleValue[]): void {
  const dict = machine.top()
  if (!(dict instanceof PickleDict))
    throw machine.refuse('its pickle puts an entry into something that is not a dictionary')
  if (items.length % 2 !== 0) throw machine.refuse('its pickle puts a key without a value into a dictionary')
  for (let i = 0; i < items.length; i += 2) {
    const key = items[i]
    if (typeof key !== 'string')
      throw machine.refuse('its pickle has a dictionary with a key that is not a text')
    if (dict.entries.has(key)) throw machine.refuse(`its pickle has ${quote(key)} twice in a dictionary`)
    dict.entries.set(key, items[i + 1] ?? null)
  }
}

function readGlobal(machine: Machine): PickleGlobal {
  const module = machine.line()
  const name = `${module}.${machine.line()}`
  if (!machine.rules.globals.has(name)) {
    throw machine.refuse(`its pickle asks for ${quote(name)}, which is not allowed; nothing of it was run`)
  }
  return new PickleGlobal(name)
}

function call(machine: Machine, [callee, items]: readonly PickleValue[]): PickleValue {
  const run = callee instanceof PickleGlobal ? machine.rules.globals.get(callee.name) : undefined
  if (run === undefined || !(items instanceof PickleTuple)) {
    const what = callee instanceof PickleGlobal ? quote(callee.name) : 'a value'
    throw machine.refuse(`its pickle calls ${what}, which is not allowed`)
  }
  return run(items.items)
}

/** For messages: instructions that other pickles have. */
const foreign: Readonly<Record<number, string | undefined>> = {
  0x69: 'INST',
  0x6f: 'OBJ',
  0x81: 'NEWOBJ',
  0x92: 'NEWOBJ_EX',
  0x93: 'STACK_GLOBAL',
  0x82: 'EXT1',
  0x83: 'EXT2',
  0x84: 'EXT4',
  0x50: 'PERSID',
  0x94: 'MEMOIZE',
  0x95: 'FRAME',
  0x8c: 'SHORT_BINUNICODE',
  0x42: 'BINBYTES',
  0x43: 'SHORT_BINBYTES',
  0x49: 'INT',
  0x4c: 'LONG',
  0x53: 'STRING',
  0x56: 'UNICODE',
  0x70: 'PUT',
  0x67: 'GET',
  0x64: 'DICT',
  0x6c: 'LIST',
  0x46: 'FLOAT',
  0x30: 'POP',
  0x32: 'DUP',
  0x8b: 'LONG4',
  0x8f: 'EMPTY_SET',
}

function nameOf(code: number): string {
  const number = `0x${code.toString(16).padStart(2, '0')}`
  return foreign[code] === undefined ? number : `${foreign[code]} (${number})`
}
