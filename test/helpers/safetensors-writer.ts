// Writes safetensors for tests, well-formed or broken in any place.

export interface SafetensorsInput {
  /** The header's text; when left out it is made from `tensors`. */
  header?: string
  tensors?: Readonly<Record<string, unknown>>
  /** Length that the file claims for its header, when it lies. */
  headerLength?: bigint
  data?: Uint8Array
}

export function writeSafetensors(input: SafetensorsInput): Uint8Array {
  const header = Buffer.from(input.header ?? JSON.stringify(input.tensors ?? {}), 'utf8')
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(input.headerLength ?? BigInt(header.length))
  return Uint8Array.from(Buffer.concat([length, header, input.data ?? new Uint8Array(0)]))
}
