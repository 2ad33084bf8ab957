// Which settings mean what to the extension itself; reading and writing them is in `configuration.ts`.
import type { Settings } from '../engine/protocol/settings'

type Languages = Settings['completion']['languages']

/** Whether ghost text may appear by itself in a document of this language. */
export function completionAllowed(settings: Settings, languageId: string): boolean {
  return settings.completion.enabled && languageAllowed(settings.completion.languages, languageId)
}

/** The rule of `hearth.completion.languages`: the language's own entry, else `*`, else yes. */
export function languageAllowed(languages: Languages, languageId: string): boolean {
  return languages[languageId] ?? languages['*'] ?? true
}

/** The setting after switching one language: an entry that only repeats `*` is removed again. */
export function toggleLanguage(languages: Languages, languageId: string): Languages {
  const next = !languageAllowed(languages, languageId)
  const others = Object.fromEntries(Object.entries(languages).filter(([id]) => id !== languageId))
  return languageAllowed(others, languageId) === next ? others : { ...others, [languageId]: next }
}
