// How the vocabularies of byte-level BPE spell bytes.

/**
 * The printable character that stands for each byte: printable Latin-1 stands for itself, the other 68 bytes take U+0100 and up
 * in order. From OpenAI's GPT-2 encoder.
 */
export const byteAlphabet: readonly string[] = makeByteAlphabet()

function makeByteAlphabet(): string[] {
  let next = 0x100
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte !== 173)
    return String.fromCharCode(printable ? byte : next++)
  })
}
