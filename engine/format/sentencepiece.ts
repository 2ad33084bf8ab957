// A SentencePiece tokenizer.model as the metadata that a GGUF of the same model would carry.
// Fields: `sentencepiece_model.proto` in https://github.com/google/sentencepiece.
import { EngineError } from '../protocol/errors'
import type { MetadataValue } from './checkpoint'
import { protoFields, type ProtoField } from './protobuf'

const limits = {
  // The largest, of 262,144 pieces, has 5 MB.
  bytes: 64_000_000,
  // Twice the largest vocabulary of any kind.
  pieces: 2 ** 20,
  // The longest pieces have 16 characters, and user-defined ones some dozens.
  pieceBytes: 4096,
  // Characters and sequences that a normalizer replaces; Unicode's NFKC has 17,000.
  replacements: 2 ** 18,
  // Bytes of all texts to replace; NFKC's have 60,000.
  steps: 2 ** 20,
  // No character expands to more.
  replacementBytes: 256,
} as const

/** Throws EngineError `bad-file` for a file that is no whole model, `unsupported-arch` for a kind of model that no family uses. */
export function readSentencePiece(bytes: Uint8Array, file: string): Map<string, MetadataValue> {
  const refuse = (problem: string): EngineError => bad(file, problem)
  if (bytes.length > limits.bytes) {
    throw refuse(`it has ${bytes.length} bytes, more than the possible ${limits.bytes}`)
  }
  const pieces: Piece[] = []
  let trainer = trainerDefaults
  let normalizer = normalizerDefaults
  for (const field of protoFields(bytes, refuse)) {
    if (field.number === 1) {
      if (pieces.length >= limits.pieces) throw refuse(`it has more than ${limits.pieces} pieces`)
      pieces.push(readPiece(field, pieces.length, refuse))
    } else if (field.number === 2) trainer = readTrainer(field, trainer, refuse)
    else if (field.number === 3) normalizer = readNormalizer(field, normalizer, refuse)
  }
  if (pieces.length === 0) throw refuse('it has no pieces')
  if (trainer.model !== models.bpe && trainer.model !== models.unigram) {
    throw new EngineError(
      'unsupported-arch',
      `${file}: SentencePiece models of the kind ${trainer.model} are not built in; known: unigram (1) and BPE (2).`,
      { hint: 'Choose another model, or a GGUF of this one.' },
    )
  }

  const metadata = new Map<string, MetadataValue>([
    ['tokenizer.ggml.model', 'llama'],
    ['tokenizer.ggml.tokens', pieces.map((piece) => piece.text)],
    ['tokenizer.ggml.scores', Float32Array.from(pieces, (piece) => piece.score)],
    ['tokenizer.ggml.token_type', Int32Array.from(pieces, (piece) => piece.type)],
    ['tokenizer.ggml.add_space_prefix', normalizer.addPrefix],
    ['hearth.tokenizer.sentencepiece', true],
    ['hearth.tokenizer.unigram', trainer.model === models.unigram],
    ['hearth.tokenizer.remove_extra_spaces', normalizer.removeExtraSpaces],
    ['hearth.tokenizer.replacements', readReplacements(normalizer.charsmap, refuse)],
  ])
  for (const [key, id] of Object.entries(trainer.ids)) {
    // A negative number says that the model has no such token.
    if (id >= 0 && id < pieces.length) metadata.set(`tokenizer.ggml.${key}`, id)
  }
  return metadata
}

type Refuse = (problem: string) => EngineError

interface Piece {
  text: string
  score: number
  /** SentencePiece's numbers for kinds of pieces are GGUF's. */
  type: number
}

const models = { unigram: 1, bpe: 2 } as const
const pieceTypes = { first: 1, last: 6, byte: 6 } as const

function readPiece(field: ProtoField, index: number, refuse: Refuse): Piece {
  const inPiece = (problem: string): EngineError => refuse(`piece ${index}: ${problem}`)
  let text: string | undefined
  let score = 0
  let type: number = pieceTypes.first
  for (const part of protoFields(messageOf(field, inPiece), inPiece)) {
    if (part.number === 1) text = textOf(part, inPiece)
    else if (part.number === 2) score = part.float ?? Number.NaN
    else if (part.number === 3) type = part.integer ?? 0
  }
  if (text === undefined || text === '') throw inPiece('it has no text')
  if (!Number.isFinite(score)) throw inPiece('its score is not a number')
  if (!(type >= pieceTypes.first && type <= pieceTypes.last)) {
    throw inPiece(`it is of the unknown type ${type}`)
  }
  return { text, score, type }
}

const trainerDefaults = {
  model: models.unigram as number,
  ids: { unknown_token_id: 0, bos_token_id: 1, eos_token_id: 2, padding_token_id: -1 },
}
const idFields = new Map<number, keyof typeof trainerDefaults.ids>([
  [40, 'unknown_token_id'],
  [41, 'bos_token_id'],
  [42, 'eos_token_id'],
  [43, 'padding_token_id'],
])

function readTrainer(
  field: ProtoField,
  before: typeof trainerDefaults,
  refuse: Refuse,
): typeof trainerDefaults {
  const trainer = { model: before.model, ids: { ...before.ids } }
  for (const part of protoFields(messageOf(field, refuse), refuse)) {
    const id = idFields.get(part.number)
    if (part.number === 3) trainer.model = part.integer ?? 0
    else if (id !== undefined) trainer.ids[id] = part.integer ?? -1
    else if (part.number === 24 && part.integer === 1) {
      throw refuse('it puts spaces at the ends of words, which no known model does')
    }
  }
  return trainer
}

const normalizerDefaults = { charsmap: new Uint8Array(0), addPrefix: true, removeExtraSpaces: true }

function readNormalizer(
  field: ProtoField,
  before: typeof normalizerDefaults,
  refuse: Refuse,
): typeof normalizerDefaults {
  const normalizer = { ...before }
  for (const part of protoFields(messageOf(field, refuse), refuse)) {
    if (part.number === 2) normalizer.charsmap = Uint8Array.from(messageOf(part, refuse))
    else if (part.number === 3) normalizer.addPrefix = part.integer !== 0
    else if (part.number === 4) normalizer.removeExtraSpaces = part.integer !== 0
    else if (part.number === 5 && part.integer === 0) {
      throw refuse('it leaves spaces as they are, which no known model does')
    }
  }
  return normalizer
}

/**
 * What the normalizer replaces, as texts in turns: what stands in the text, what it becomes. The file has them as a double-array trie
 * of Darts-clone (https://github.com/s-yata/darts-clone) whose values are places in a list of texts that each end in a zero byte.
 */
function readReplacements(charsmap: Uint8Array, refuse: Refuse): string[] {
  if (charsmap.length === 0) return []
  const view = new DataView(charsmap.buffer, charsmap.byteOffset, charsmap.byteLength)
  const trieBytes = charsmap.length < 4 ? -1 : view.getUint32(0, true)
  if (trieBytes < 4 || trieBytes % 4 !== 0 || trieBytes > charsmap.length - 4) {
    throw refuse('the table of its normalizer does not fit into it')
  }
  const unitAt = (at: number): number => {
    if (at * 4 >= trieBytes) throw refuse('the table of its normalizer points outside itself')
    return view.getUint32(4 + at * 4, true)
  }
  const texts = charsmap.subarray(4 + trieBytes)
  const replacements: string[] = []
  const key: number[] = []
  // Branches with the same end share it, so there are more ways than units; a loop in a damaged table has no end.
  let stepsLeft: number = limits.steps
  const visit = (node: number): void => {
    for (let byte = 1; byte < 256; byte++) {
      const child = node ^ byte
      if (child * 4 >= trieBytes) continue
      const unit = unitAt(child)
      if ((unit & 0x800000ff) >>> 0 !== byte) continue
      if (--stepsLeft < 0 || key.length >= limits.replacementBytes) {
        throw refuse('the table of its normalizer has a loop')
      }
      key.push(byte)
      const next = child ^ offsetOf(unit)
      if ((unit & 0x100) !== 0) {
        if (replacements.length >= 2 * limits.replacements) {
          throw refuse(`its normalizer has more than ${limits.replacements} replacements`)
        }
        const start = unitAt(next) & 0x7fffffff
        const end = texts.indexOf(0, start)
        if (end < 0 || end - start > limits.replacementBytes) {
          throw refuse('a replacement of its normalizer does not end')
        }
        replacements.push(decode(Uint8Array.from(key), refuse), decode(texts.subarray(start, end), refuse))
      }
      visit(next)
      key.pop()
    }
  }
  visit(offsetOf(unitAt(0)))
  return replacements
}

function offsetOf(unit: number): number {
  return (unit >>> 10) << ((unit & 0x200) >>> 6)
}

function messageOf(field: ProtoField, refuse: Refuse): Uint8Array {
  if (field.bytes === undefined) throw refuse(`field ${field.number} is of another type than it must be`)
  return field.bytes
}

function textOf(field: ProtoField, refuse: Refuse): string {
  const bytes = messageOf(field, refuse)
  if (bytes.length > limits.pieceBytes) {
    throw refuse(`its text has ${bytes.length} bytes, more than the possible ${limits.pieceBytes}`)
  }
  return decode(bytes, refuse)
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function decode(bytes: Uint8Array, refuse: Refuse): string {
  try {
    return decoder.decode(bytes)
  } catch (error) {
    if (error instanceof TypeError) throw refuse('a text in it is not UTF-8')
    throw error
  }
}

function bad(file: string, problem: string): EngineError {
  return new EngineError('bad-file', `${file}: ${problem}.`, {
    hint: 'The file is damaged, or not a model of SentencePiece. Download it again.',
  })
}
