// Tokens end anywhere inside a character; text must not.

/** Joins byte runs into text and holds back an unfinished UTF-8 character until its last byte arrives. */
export class Utf8Stream {
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true })

  push(bytes: Uint8Array): string {
    return this.#decoder.decode(bytes, { stream: true })
  }

  /** The end: an unfinished character becomes U+FFFD. */
  flush(): string {
    return this.#decoder.decode()
  }
}
