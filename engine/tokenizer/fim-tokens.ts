// Spellings of fill-in-the-middle tokens: one row per family, found by vocabulary and never by a model's name.

export interface FimRow {
  readonly prefix: string
  readonly suffix: string
  /** Absent where the model continues right after the prefix. */
  readonly middle: string | undefined
  readonly order: 'prefix-first' | 'suffix-first'
  /** Tokens that begin something else than the middle: padding, other files, repository names. */
  readonly stops: readonly string[]
}

/** The first row whose tokens all exist is taken, so narrower families stand first. */
export const fimRows: readonly FimRow[] = [
  // Qwen2.5-Coder, CodeGemma, Mellum's kin
  {
    prefix: '<|fim_prefix|>',
    suffix: '<|fim_suffix|>',
    middle: '<|fim_middle|>',
    order: 'prefix-first',
    stops: ['<|fim_pad|>', '<|repo_name|>', '<|file_sep|>', '<|file_separator|>'],
  },
  // StarCoder 1 and 2, CodeQwen1.5, Granite code
  {
    prefix: '<fim_prefix>',
    suffix: '<fim_suffix>',
    middle: '<fim_middle>',
    order: 'prefix-first',
    stops: ['<fim_pad>', '<file_sep>', '<repo_name>', '<reponame>', '<filename>'],
  },
  // SantaCoder, Refact's early models
  {
    prefix: '<fim-prefix>',
    suffix: '<fim-suffix>',
    middle: '<fim-middle>',
    order: 'prefix-first',
    stops: ['<fim-pad>'],
  },
  // DeepSeek-Coder: full-width bars and U+2581
  {
    prefix: '<｜fim▁begin｜>',
    suffix: '<｜fim▁hole｜>',
    middle: '<｜fim▁end｜>',
    order: 'prefix-first',
    stops: [],
  },
  // CodeLlama
  { prefix: '▁<PRE>', suffix: '▁<SUF>', middle: '▁<MID>', order: 'prefix-first', stops: ['▁<EOT>'] },
  { prefix: '<PRE>', suffix: '<SUF>', middle: '<MID>', order: 'prefix-first', stops: ['<EOT>'] },
  // GLM-4 code models, which continue after the middle marker
  {
    prefix: '<|code_prefix|>',
    suffix: '<|code_suffix|>',
    middle: '<|code_middle|>',
    order: 'prefix-first',
    stops: [],
  },
  // Codestral
  { prefix: '[PREFIX]', suffix: '[SUFFIX]', middle: undefined, order: 'suffix-first', stops: ['[MIDDLE]'] },
]

/** Names of the metadata keys that give FIM tokens by number, without `tokenizer.ggml.`; the later ones are of older converters. */
export const fimKeyNames = {
  prefix: ['fim_pre_token_id', 'prefix_token_id'],
  suffix: ['fim_suf_token_id', 'suffix_token_id'],
  middle: ['fim_mid_token_id', 'middle_token_id'],
} as const

/** Further FIM keys: padding, repository, file separator. */
export const fimStopKeys = ['fim_pad_token_id', 'fim_rep_token_id', 'fim_sep_token_id'] as const

export const fimKeys: readonly string[] = [...Object.values(fimKeyNames).flat(), ...fimStopKeys]

export const fimSpellings: readonly string[] = fimRows.flatMap((row) =>
  [row.prefix, row.suffix, row.middle].filter((spelling) => spelling !== undefined),
)

/** CodeLlama was trained with no space in front of the suffix, although every other text gets one. */
export const fimSuffixSpellings: readonly string[] = fimRows.map((row) => row.suffix)
