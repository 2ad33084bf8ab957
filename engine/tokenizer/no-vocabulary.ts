// Stands in for a tokenizer where a model comes without its vocabulary: logits of token numbers can be had, text can not.
import { fileOf, numberOf, optionalStringOf, stringOf, type Metadata } from '../format/metadata'
import { EngineError } from '../protocol/errors'
import type { Tokenizer } from './tokenizer'

/** Undefined for a model with a vocabulary. */
export function noVocabulary(metadata: Metadata): Tokenizer | undefined {
  const hint = optionalStringOf(metadata, missingKey)
  if (hint === undefined) return undefined
  const size = numberOf(metadata, `${stringOf(metadata, 'general.architecture')}.vocab_size`, 0)
  const refuse = (): never => {
    throw missing(metadata, hint)
  }
  return {
    size,
    bos: undefined,
    addBos: false,
    eog: new Set(),
    encode: refuse,
    bytesOf: refuse,
    pieceOf: (token) => `<${token}>`,
    idOf: () => undefined,
  }
}

/** Throws EngineError `model-missing` for a model without a vocabulary, before anybody waits for its weights. */
export function requireVocabulary(metadata: Metadata): void {
  const hint = optionalStringOf(metadata, missingKey)
  if (hint !== undefined) throw missing(metadata, hint)
}

/** Under this key, formats say which file is missing where. */
const missingKey = 'hearth.tokenizer.missing'

function missing(metadata: Metadata, hint: string): EngineError {
  return new EngineError(
    'model-missing',
    `${fileOf(metadata)}: the model has no vocabulary, so it can neither read nor write text.`,
    {
      hint,
    },
  )
}
