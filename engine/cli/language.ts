// The language of a file, by its name, in the ids that editors use.
import path from 'node:path'

const extensions: Record<string, string> = {
  bat: 'bat',
  c: 'c',
  cc: 'cpp',
  cjs: 'javascript',
  clj: 'clojure',
  cpp: 'cpp',
  cs: 'csharp',
  css: 'css',
  cts: 'typescript',
  dart: 'dart',
  erl: 'erlang',
  ex: 'elixir',
  fs: 'fsharp',
  go: 'go',
  h: 'c',
  hpp: 'cpp',
  hs: 'haskell',
  html: 'html',
  ini: 'ini',
  java: 'java',
  jl: 'julia',
  js: 'javascript',
  json: 'json',
  jsonc: 'jsonc',
  jsx: 'javascriptreact',
  kt: 'kotlin',
  less: 'less',
  lua: 'lua',
  md: 'markdown',
  mjs: 'javascript',
  mts: 'typescript',
  nix: 'nix',
  php: 'php',
  pl: 'perl',
  ps1: 'powershell',
  py: 'python',
  r: 'r',
  rb: 'ruby',
  rs: 'rust',
  scala: 'scala',
  scss: 'scss',
  sh: 'shellscript',
  sql: 'sql',
  svelte: 'svelte',
  swift: 'swift',
  tex: 'latex',
  toml: 'toml',
  ts: 'typescript',
  tsx: 'typescriptreact',
  vue: 'vue',
  wgsl: 'wgsl',
  xml: 'xml',
  yaml: 'yaml',
  yml: 'yaml',
  zig: 'zig',
}

const names: Record<string, string> = { dockerfile: 'dockerfile', makefile: 'makefile' }

/** `plaintext` for a name that says nothing. */
export function languageOf(file: string): string {
  const name = path.basename(file).toLowerCase()
  return names[name] ?? extensions[path.extname(name).slice(1)] ?? 'plaintext'
}
