// The file's name as a comment in its own language. Seen on a 135M model: with it, prose and Markdown fences after the
// code become rare, and a nearly empty file is continued in the right language.

const leads: readonly { lead: string; end?: string; languages: readonly string[] }[] = [
  {
    lead: '//',
    languages: (
      'c cpp csharp dart fsharp go groovy java javascript javascriptreact jsonc kotlin less objective-c objective-cpp ' +
      'php rust scala scss swift typescript typescriptreact wgsl zig'
    ).split(' '),
  },
  {
    lead: '#',
    languages:
      'coffeescript cmake dockerfile elixir julia makefile nix perl powershell python r ruby shellscript toml yaml'.split(
        ' ',
      ),
  },
  { lead: '--', languages: ['haskell', 'lua', 'sql'] },
  { lead: ';', languages: ['clojure', 'ini', 'lisp', 'scheme'] },
  { lead: '%', languages: ['erlang', 'latex', 'matlab', 'tex'] },
  { lead: '<!--', end: ' -->', languages: ['html', 'markdown', 'svelte', 'vue', 'xml'] },
  { lead: '/*', end: ' */', languages: ['css'] },
]

const byLanguage = new Map(leads.flatMap((row) => row.languages.map((language) => [language, row] as const)))

/** One line with its line break, or nothing for a language without comments or one we do not know. */
export function commentLine(languageId: string, text: string): string {
  const row = byLanguage.get(languageId)
  return row && text !== '' ? `${row.lead} ${text}${row.end ?? ''}\n` : ''
}
