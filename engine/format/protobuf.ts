// Reads the wire format of protocol buffers, field by field. From https://protobuf.dev/programming-guides/encoding/

/** A field as it lies in the file; which of the three values it has depends on its wire type. */
export interface ProtoField {
  readonly number: number
  /** Of a varint: whole numbers, booleans and enums; negative ones as in `int32` and `int64`. */
  readonly integer?: number
  /** Of four bytes. */
  readonly float?: number
  /** Of a length and bytes: texts, messages, raw bytes. */
  readonly bytes?: Uint8Array
}

/** `refuse` makes the error for a message that ends too early or is no message; it continues "FILE: " and has no final dot. */
export function* protoFields(message: Uint8Array, refuse: (problem: string) => Error): Generator<ProtoField> {
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength)
  let at = 0
  const varint = (): bigint => {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = message[at++]
      if (byte === undefined) throw refuse(endsEarly)
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return BigInt.asIntN(64, value)
    }
    throw refuse('a number in it has more than ten bytes')
  }
  const take = (length: number): number => {
    const start = at
    if (length < 0 || length > message.length - at) throw refuse(endsEarly)
    at += length
    return start
  }
  while (at < message.length) {
    const key = varint()
    const number = Number(key >> 3n)
    if (number < 1 || number >= 2 ** 29) throw refuse(`a field in it has the impossible number ${number}`)
    const wire = Number(key & 7n)
    if (wire === wires.varint) yield { number, integer: Number(varint()) }
    else if (wire === wires.four) yield { number, float: view.getFloat32(take(4), true) }
    else if (wire === wires.bytes) {
      const length = Number(varint())
      const start = take(length)
      yield { number, bytes: message.subarray(start, start + length) }
    } else if (wire === wires.eight) take(8)
    else throw refuse(`a field in it has the unknown wire type ${wire}`)
  }
}

const wires = { varint: 0, eight: 1, bytes: 2, four: 5 } as const
const endsEarly = 'it ends in the middle of a field'
