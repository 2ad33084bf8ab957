// How text is cut into words before merges: one row per pre-tokenizer name that a GGUF may carry in `tokenizer.ggml.pre`.
import { quote } from '../base/quote'
import { deepseekLetters } from '../format/deepseek-letters'

export interface WordRules {
  /** Applied in order; each later one cuts the pieces of the earlier ones again. */
  words: readonly RegExp[]
  /** A word that is a token is taken whole. */
  wholeWords: boolean
  /** Whether prompts start with BOS when the file does not say. */
  addBos: boolean
}

/** The rules for a name; an unknown name gets `default` and a warning, because text then falls apart into worse tokens, silently. */
export function wordRules(name: string | undefined): { rules: WordRules; warning: string | undefined } {
  const rules = name === undefined ? undefined : byName.get(name)
  if (rules !== undefined) return { rules, warning: undefined }
  const problem =
    name === undefined
      ? 'The file names no pre-tokenizer (tokenizer.ggml.pre)'
      : `The pre-tokenizer ${quote(name)} is unknown`
  return {
    rules: table.default.rules,
    warning: `${problem}; words are cut by the default rules, so answers may be worse. A newer file of this model may help.`,
  }
}

/** Cuts text into words; what no regex matches becomes a word of its own, so nothing is lost. */
export function splitWords(text: string, regexes: readonly RegExp[]): string[] {
  let words = text === '' ? [] : [text]
  for (const regex of regexes) {
    const cut: string[] = []
    for (const word of words) cutBy(word, regex, cut)
    words = cut
  }
  return words
}

function cutBy(text: string, regex: RegExp, into: string[]): void {
  let end = 0
  for (const match of text.matchAll(regex)) {
    if (match[0] === '') continue
    if (match.index > end) into.push(text.slice(end, match.index))
    into.push(match[0])
    end = match.index + match[0].length
  }
  if (end < text.length) into.push(text.slice(end))
}

/**
 * Writes \s and \S as the tokenizers' own regex engines read them: Unicode White_Space, which has U+0085 and lacks U+FEFF. In
 * JavaScript it is the other way round.
 */
function rule(pattern: string): RegExp {
  return new RegExp(pattern.replaceAll('\\s', '\\p{White_Space}').replaceAll('\\S', '\\P{White_Space}'), 'gu')
}

const gpt2 = rule("'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+")
// Case-insensitive in the original; U+017F folds to s there, too.
const contraction = "'(?:[sS\\u017f]|[tT]|[rR][eE]|[vV][eE]|[mM]|[lL][lL]|[dD])"
const llama3Like = (digits: string): RegExp =>
  rule(
    `${contraction}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`,
  )
const digit = rule('\\p{N}')
const upper = '[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]'
const lower = '[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]'
// Words end where lower case turns into upper case: OpenAI's o200k and what was built after it.
const cased = (ending: string, digits: string): RegExp =>
  rule(
    `[^\\r\\n\\p{L}\\p{N}]?${upper}*${lower}+${ending}|[^\\r\\n\\p{L}\\p{N}]?${upper}+${lower}*${ending}|` +
      `${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`,
  )

const plain = { wholeWords: false, addBos: false }

interface Row {
  names: readonly string[]
  rules: WordRules
}

/** Regexes from the tokenizer.json of the first model of each row; names from llama.cpp's converter, which writes them into files. */
const table = {
  gpt2: {
    names: [
      ...[
        'gpt-2',
        'phi-2',
        'mpt',
        'olmo',
        'jais',
        'trillion',
        'granite-docling',
        'exaone4',
        'gigachat',
        'mellum',
      ],
      ...[
        'jina-es',
        'jina-de',
        'jina-v2-es',
        'jina-v2-de',
        'jina-v1-en',
        'jina-v2-code',
        'roberta-bpe',
        'a.x-4.0',
      ],
    ],
    rules: { ...plain, words: [gpt2] },
  },
  llama3: {
    names: ['llama-bpe', 'llama3', 'llama-v3', 'falcon3', 'falcon-h1', 'pixtral', 'lfm2', 'midm-2.0'],
    rules: { words: [llama3Like('\\p{N}{1,3}')], wholeWords: true, addBos: true },
  },
  // The regex of Llama 3 without its other habits.
  llama3Words: {
    names: ['dbrx', 'smaug-bpe', 'chatglm-bpe', 'glm4'],
    rules: { ...plain, words: [llama3Like('\\p{N}{1,3}')] },
  },
  qwen2: {
    names: ['qwen2', 'stablelm2', 'deepseek-r1-qwen', 'megrez', 'hunyuan', 'kormo', 'grok-2'],
    rules: { ...plain, words: [llama3Like('\\p{N}')] },
  },
  starcoder: {
    names: ['starcoder', 'smollm', 'refact', 'command-r', 'codeshell', 'exaone', 'minerva-7b'],
    rules: { ...plain, words: [digit, gpt2] },
  },
  deepseekCoder: {
    names: ['deepseek-coder'],
    rules: {
      ...plain,
      words: [
        rule('[\\r\\n]'),
        rule('\\s?\\p{L}+'),
        rule('\\s?\\p{P}+'),
        rule('[\\u4e00-\\u9fa5\\u0800-\\u4e00\\uac00-\\ud7ff]+'),
        digit,
      ],
    },
  },
  deepseekLlm: {
    names: ['deepseek-llm'],
    rules: {
      ...plain,
      words: [
        rule('[\\r\\n]'),
        rule(`\\s?[${deepseekLetters}]+`),
        rule('\\s?[!-\\/:-~\\uff01-\\uff0f\\uff1a-\\uff5e\\u2018-\\u201f\\u3000-\\u3002]+'),
        // Line breaks are gone here, so the end of a line is the end of the piece.
        rule('\\s+$'),
        rule('[\\u4e00-\\u9fa5\\u0800-\\u4e00\\uac00-\\ud7ff]+'),
        digit,
      ],
    },
  },
  deepseekV3: {
    names: ['deepseek-v3', 'hunyuan-dense'],
    rules: {
      ...plain,
      words: [
        rule('\\p{N}{1,3}'),
        rule('[\\u4e00-\\u9fa5\\u3040-\\u309f\\u30a0-\\u30ff]+'),
        rule(
          '[!-\\/:-@\\[-`\\{-~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|' +
            '\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+',
        ),
      ],
    },
  },
  tekken: {
    names: ['tekken'],
    rules: { words: [cased('', '\\p{N}')], wholeWords: true, addBos: true },
  },
  gpt4o: {
    names: ['gpt-4o', 'llama4', 'minimax-m2'],
    rules: { ...plain, words: [cased(`(?:${contraction})?`, '\\p{N}{1,3}')] },
  },
  falcon: {
    names: ['falcon'],
    rules: { ...plain, words: [rule('[\\p{P}\\$\\+<=>\\^~\\|`]+'), gpt2, rule('[0-9][0-9][0-9]')] },
  },
  default: {
    names: ['default'],
    rules: {
      ...plain,
      words: [rule('[\\p{P}\\$\\+<=>\\^~\\|]+'), gpt2, rule('\\p{N}+'), rule('[0-9][0-9][0-9]')],
    },
  },
} satisfies Record<string, Row>

const byName = new Map<string, WordRules>(
  Object.values<Row>(table).flatMap((row) => row.names.map((name) => [name, row.rules] as const)),
)
