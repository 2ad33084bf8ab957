// Spellings of fill-in-the-middle tokens: one row per family, found by vocabulary and never by a model's name.

export interface FimRow {
  readonly prefix: string
  readonly suffix: string
  /** Absent where the model continues right after the prefix. */
  readonly middle: string | undefined
  /** `suffix-inside`: markers of prefix and suffix, the suffix, the marker of the middle, the prefix. */
  readonly order: 'prefix-first' | 'suffix-first' | 'suffix-inside'
  /** Tokens that begin something else than the middle: padding, other files, repository names. */
  readonly stops: readonly string[]
  /** How other files of the repository stand around it, where the family was trained on that; the first whose tokens all exist. */
  readonly repository?: readonly RepositoryForm[]
}

/**
 * Texts around a prompt, with `{repository}`, `{path}` and `{text}` for what is not marker. `start`, `file` (once for each other file) and
 * `current` stand before the prompt; `fileInPrefix` and `currentInPrefix` stand at the start of its prefix.
 */
export interface RepositoryForm {
  readonly tokens: readonly string[]
  readonly start?: string
  readonly file?: string
  readonly current?: string
  readonly fileInPrefix?: string
  readonly currentInPrefix?: string
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
    repository: [
      // From Qwen2.5-Coder's README.
      {
        tokens: ['<|repo_name|>', '<|file_sep|>'],
        start: '<|repo_name|>{repository}\n',
        file: '<|file_sep|>{path}\n{text}\n',
        current: '<|file_sep|>{path}\n',
      },
      // CodeGemma's report says no more than that files are separated.
      { tokens: ['<|file_separator|>'], file: '{text}<|file_separator|>' },
    ],
  },
  // StarCoder 1 and 2, CodeQwen1.5, Granite code
  {
    prefix: '<fim_prefix>',
    suffix: '<fim_suffix>',
    middle: '<fim_middle>',
    order: 'prefix-first',
    stops: ['<fim_pad>', '<file_sep>', '<repo_name>', '<reponame>', '<filename>'],
    repository: [
      // StarCoder 2: the path of the current file stands behind the marker of the prefix.
      {
        tokens: ['<repo_name>', '<file_sep>'],
        start: '<repo_name>{repository}',
        file: '<file_sep>{path}\n{text}',
        current: '<file_sep>',
        currentInPrefix: '{path}\n',
      },
      // CodeQwen1.5, as Qwen2.5-Coder with other spellings.
      {
        tokens: ['<reponame>', '<file_sep>'],
        start: '<reponame>{repository}\n',
        file: '<file_sep>{path}\n{text}\n',
        current: '<file_sep>{path}\n',
      },
      // StarCoder 1 and Granite code.
      {
        tokens: ['<reponame>', '<filename>'],
        start: '<reponame>{repository}',
        file: '<filename>{path}\n{text}',
        current: '<filename>{path}\n',
      },
    ],
  },
  // SantaCoder, Refact's early models
  {
    prefix: '<fim-prefix>',
    suffix: '<fim-suffix>',
    middle: '<fim-middle>',
    order: 'prefix-first',
    stops: ['<fim-pad>'],
  },
  // DeepSeek-Coder: full-width bars and U+2581. Its README shows other files under comments.
  {
    prefix: '<｜fim▁begin｜>',
    suffix: '<｜fim▁hole｜>',
    middle: '<｜fim▁end｜>',
    order: 'prefix-first',
    stops: [],
    repository: [{ tokens: [], fileInPrefix: '#{path}\n{text}\n\n', currentInPrefix: '#{path}\n' }],
  },
  // CodeLlama
  { prefix: '▁<PRE>', suffix: '▁<SUF>', middle: '▁<MID>', order: 'prefix-first', stops: ['▁<EOT>'] },
  { prefix: '<PRE>', suffix: '<SUF>', middle: '<MID>', order: 'prefix-first', stops: ['<EOT>'] },
  // aiXcoder, in the form its README shows first
  {
    prefix: '▁<AIX-SPAN-PRE>',
    suffix: '▁<AIX-SPAN-POST>',
    middle: '▁<AIX-SPAN-MIDDLE>',
    order: 'suffix-inside',
    stops: [],
  },
  // GLM-4 code models, which continue after the middle marker
  {
    prefix: '<|code_prefix|>',
    suffix: '<|code_suffix|>',
    middle: '<|code_middle|>',
    order: 'prefix-first',
    stops: [],
  },
  // Codestral
  {
    prefix: '[PREFIX]',
    suffix: '[SUFFIX]',
    middle: undefined,
    order: 'suffix-first',
    stops: ['[MIDDLE]'],
    repository: [{ tokens: [], fileInPrefix: '+++++ {path}\n{text}\n\n', currentInPrefix: '+++++ {path}\n' }],
  },
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

/**
 * Markers after which SentencePiece puts no space, although every other text gets one: CodeLlama was trained so for the suffix and the
 * middle (section 2.3 of its paper), Codestral for the suffix, aiXcoder for the suffix and the prefix, which follows its middle marker.
 */
export const fimJoiningSpellings: readonly string[] = fimRows.flatMap((row) =>
  row.middle === undefined ? [row.suffix] : [row.suffix, row.middle],
)
