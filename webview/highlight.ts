// Syntax colors for the languages people ask about; anything else stays plain.
import hljs from 'highlight.js/lib/core'
import bash from 'highlight.js/lib/languages/bash'
import c from 'highlight.js/lib/languages/c'
import cpp from 'highlight.js/lib/languages/cpp'
import csharp from 'highlight.js/lib/languages/csharp'
import css from 'highlight.js/lib/languages/css'
import diff from 'highlight.js/lib/languages/diff'
import go from 'highlight.js/lib/languages/go'
import java from 'highlight.js/lib/languages/java'
import javascript from 'highlight.js/lib/languages/javascript'
import json from 'highlight.js/lib/languages/json'
import kotlin from 'highlight.js/lib/languages/kotlin'
import lua from 'highlight.js/lib/languages/lua'
import markdown from 'highlight.js/lib/languages/markdown'
import php from 'highlight.js/lib/languages/php'
import python from 'highlight.js/lib/languages/python'
import ruby from 'highlight.js/lib/languages/ruby'
import rust from 'highlight.js/lib/languages/rust'
import sql from 'highlight.js/lib/languages/sql'
import swift from 'highlight.js/lib/languages/swift'
import typescript from 'highlight.js/lib/languages/typescript'
import xml from 'highlight.js/lib/languages/xml'
import yaml from 'highlight.js/lib/languages/yaml'

const languages = {
  bash,
  c,
  cpp,
  csharp,
  css,
  diff,
  go,
  java,
  javascript,
  json,
  kotlin,
  lua,
  markdown,
  php,
  python,
  ruby,
  rust,
  sql,
  swift,
  typescript,
  xml,
  yaml,
}
for (const [name, definition] of Object.entries(languages)) hljs.registerLanguage(name, definition)
// VS Code's language ids, where highlight.js knows the language by another name.
hljs.registerAliases(['shellscript'], { languageName: 'bash' })
hljs.registerAliases(['typescriptreact'], { languageName: 'typescript' })
hljs.registerAliases(['javascriptreact'], { languageName: 'javascript' })
hljs.registerAliases(['jsonc'], { languageName: 'json' })

// A block is colored anew with each piece of a streamed answer; beyond this size that would be felt.
const maxCharacters = 20_000

/** HTML with `hljs-*` classes, everything else escaped; undefined when the language is unknown or the text too long. */
export function highlight(code: string, language: string): string | undefined {
  if (code.length > maxCharacters || hljs.getLanguage(language) === undefined) return undefined
  return hljs.highlight(code, { language, ignoreIllegals: true }).value
}
