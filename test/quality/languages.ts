// What the cutter and the parser need to know of each language: rows.

export const languageIds = ['typescript', 'javascript', 'python', 'go', 'rust', 'java', 'cpp'] as const
export type LanguageId = (typeof languageIds)[number]

/** Types of nodes are those of the Tree-sitter grammar. */
export interface Language {
  grammar: string
  extensions: readonly string[]
  /** Lists of statements. */
  blocks: readonly string[]
  comments: readonly string[]
  /** Nodes in which nothing is cut: nobody completes half an import, and half a string says nothing about code. */
  whole: readonly string[]
  /** Arguments of a call, with their parentheses. */
  calls: readonly { type: string; callee: string }[]
  /** Nodes that define what can be called, with a field that has, or holds, the name. */
  definitions: readonly string[]
}

const script = {
  blocks: ['statement_block'],
  comments: ['comment'],
  whole: ['import_statement', 'string', 'template_string', 'regex', 'comment', 'hash_bang_line'],
  calls: [
    { type: 'call_expression', callee: 'function' },
    { type: 'new_expression', callee: 'constructor' },
  ],
  definitions: ['function_declaration', 'method_definition', 'class_declaration', 'function_signature'],
} satisfies Partial<Language>

export const languages: Readonly<Record<LanguageId, Language>> = {
  typescript: { ...script, grammar: 'typescript', extensions: ['.ts'] },
  javascript: { ...script, grammar: 'javascript', extensions: ['.js'] },
  python: {
    grammar: 'python',
    extensions: ['.py'],
    blocks: ['block'],
    comments: ['comment'],
    whole: ['import_statement', 'import_from_statement', 'future_import_statement', 'string', 'comment'],
    calls: [{ type: 'call', callee: 'function' }],
    definitions: ['function_definition', 'class_definition'],
  },
  go: {
    grammar: 'go',
    extensions: ['.go'],
    blocks: ['statement_list', 'block'],
    comments: ['comment'],
    whole: [
      'import_declaration',
      'package_clause',
      'interpreted_string_literal',
      'raw_string_literal',
      'comment',
    ],
    calls: [{ type: 'call_expression', callee: 'function' }],
    definitions: ['function_declaration', 'method_declaration'],
  },
  rust: {
    grammar: 'rust',
    extensions: ['.rs'],
    blocks: ['block'],
    comments: ['line_comment', 'block_comment'],
    whole: [
      'use_declaration',
      'extern_crate_declaration',
      'string_literal',
      'raw_string_literal',
      'attribute_item',
      'inner_attribute_item',
      'line_comment',
      'block_comment',
    ],
    calls: [{ type: 'call_expression', callee: 'function' }],
    definitions: ['function_item', 'function_signature_item'],
  },
  java: {
    grammar: 'java',
    extensions: ['.java'],
    blocks: ['block', 'constructor_body'],
    comments: ['line_comment', 'block_comment'],
    whole: ['import_declaration', 'package_declaration', 'string_literal', 'line_comment', 'block_comment'],
    calls: [
      { type: 'method_invocation', callee: 'name' },
      { type: 'object_creation_expression', callee: 'type' },
    ],
    definitions: ['method_declaration', 'class_declaration', 'constructor_declaration'],
  },
  cpp: {
    grammar: 'cpp',
    extensions: ['.h', '.hpp'],
    blocks: ['compound_statement'],
    comments: ['comment'],
    whole: [
      'preproc_include',
      'preproc_def',
      'preproc_function_def',
      'preproc_call',
      'string_literal',
      'raw_string_literal',
      'comment',
    ],
    calls: [{ type: 'call_expression', callee: 'function' }],
    definitions: ['function_definition', 'class_specifier', 'struct_specifier'],
  },
}
