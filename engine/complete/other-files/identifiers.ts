// Names in code, without knowing its language.

/** Every name of two letters and more, keywords among them. */
export function identifiersOf(text: string): Set<string> {
  return new Set(text.match(/[\p{L}_$][\p{L}\p{N}_$]+/gu))
}
