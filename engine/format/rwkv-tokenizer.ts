// Finds the vocabulary of an RWKV model that comes without one: a file in the same folder, of one of two kinds.
import path from 'node:path'
import { EngineError } from '../protocol/errors'
import { openFile } from './byte-source'
import type { MetadataValue } from './checkpoint'
import { readHuggingfaceTokenizer } from './hf-tokenizer'
import { JsonFields, readJsonFile } from './json-fields'
import { readWorldVocabulary } from './rwkv-vocabulary'

/** The published name. */
const worldFile = 'rwkv_vocab_v20230424.txt'
/** Of the Pile and Raven models: RWKV-LM's name for GPT-NeoX's tokenizer, and everybody else's. */
const pileFiles = ['tokenizer.json', '20B_tokenizer.json']
/** Rows of the embedding in all World models. */
const worldVocabulary = 65536

/**
 * Metadata of the vocabulary that fits `vocabulary` rows, or of its absence, which only matters to what needs text. Throws EngineError
 * `bad-file` for a file that cannot be read.
 */
export async function rwkvTokenizerMetadata(
  folder: string,
  names: readonly string[],
  vocabulary: number,
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, MetadataValue>> {
  const world = names.find((name) => name === worldFile || /^rwkv_vocab_.*\.txt$/.test(name))
  if (world !== undefined) {
    const file = path.join(folder, world)
    const tokens = readWorldVocabulary(await readText(file, signal), file)
    // A folder may hold models of both kinds.
    const entries = tokens.get('tokenizer.ggml.tokens')
    if (Array.isArray(entries) && entries.length <= vocabulary) return tokens
  }
  const pile = vocabulary === worldVocabulary ? undefined : pileFiles.find((name) => names.includes(name))
  if (pile !== undefined) {
    const tokenizer = await readJsonFile(path.join(folder, pile), signal)
    return readHuggingfaceTokenizer({
      tokenizer,
      tokenizerConfig: undefined,
      specialTokensMap: undefined,
      generationConfig: undefined,
      // Number 0 ends a text.
      config: new JsonFields(tokenizer.file, { bos_token_id: 0, eos_token_id: 0 }),
      chatTemplate: undefined,
    })
  }
  const wanted = vocabulary === worldVocabulary ? worldFile : `${worldFile} or tokenizer.json`
  return new Map([
    [
      'hearth.tokenizer.missing',
      `Put the model's vocabulary, ${wanted}, into ${folder}. RWKV's repositories have it beside their code.`,
    ],
  ])
}

// Fifty times the published file.
const mostBytes = 64_000_000

async function readText(file: string, signal?: AbortSignal): Promise<string> {
  const source = await openFile(file)
  try {
    if (source.size > mostBytes) {
      throw new EngineError(
        'bad-file',
        `${file} has ${source.size} bytes, more than the possible ${mostBytes}.`,
        { hint: 'The file is damaged, or not a vocabulary of RWKV World. Download it again.' },
      )
    }
    return new TextDecoder().decode(await source.read(0, source.size, signal))
  } finally {
    await source.close()
  }
}
