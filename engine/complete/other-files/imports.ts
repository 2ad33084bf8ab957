// Which files a document imports, as far as it says so by relative paths.
import { languageFamily } from './language-family'

/** How a language spells an import, and which files may be meant; the first that exists is. */
interface ImportRule {
  pattern: RegExp
  candidates: (specifier: string) => string[]
}

const scriptEndings = ['.ts', '.tsx', '.js', '.jsx', '.mjs', '.d.ts', '/index.ts', '/index.tsx', '/index.js']

const rules: Readonly<Record<string, ImportRule>> = {
  typescript: {
    pattern: /(?:\bfrom\s*|\bimport\s*\(?\s*|\brequire\s*\(\s*)['"](?<from>\.{1,2}\/[^'"]+)['"]/g,
    candidates: (specifier) => {
      // TypeScript imports its own files by the name that they will be compiled to.
      const compiled = /^(.*)\.([mc]?)js(x?)$/.exec(specifier)
      const source = compiled ? [`${compiled[1]}.${compiled[2]}ts${compiled[3]}`] : []
      const named = /\.\w+$/.test(specifier) ? [...source, specifier] : []
      return [...named, ...scriptEndings.map((ending) => specifier + ending)]
    },
  },
  python: {
    pattern: /^\s*from\s+(?<from>\.+[\w.]*)\s+import\b/gm,
    candidates: (specifier) => {
      const [dots = '.'] = /^\.+/.exec(specifier) ?? []
      const up = '../'.repeat(dots.length - 1)
      const module = `./${up}${specifier.slice(dots.length).replaceAll('.', '/')}`
      return module.endsWith('/') ? [`${module}__init__.py`] : [`${module}.py`, `${module}/__init__.py`]
    },
  },
  c: {
    pattern: /^\s*#\s*include\s*"(?<from>[^"]+)"/gm,
    candidates: (specifier) => [`./${specifier}`],
  },
  rust: {
    pattern: /^\s*(?:pub(?:\([^)]*\))?\s+)?mod\s+(?<from>\w+)\s*;/gm,
    candidates: (specifier) => [`./${specifier}.rs`, `./${specifier}/mod.rs`],
  },
  ruby: {
    pattern: /^\s*require_relative\s+['"](?<from>[^'"]+)['"]/gm,
    candidates: (specifier) => [`./${specifier}.rb`],
  },
}

const mostImports = 32

// Imports stand at the top of nearly every file.
const headChars = 16_384

/** For each import the paths, relative to the document's folder, of which the first that exists is meant. */
export function relativeImports(text: string, languageId: string): string[][] {
  const rule = rules[languageFamily(languageId)]
  if (rule === undefined) return []
  const found = [...text.slice(0, headChars).matchAll(rule.pattern)].map(
    ({ groups }) => groups?.['from'] ?? '',
  )
  return [...new Set(found)].slice(0, mostImports).map((specifier) => rule.candidates(specifier))
}
