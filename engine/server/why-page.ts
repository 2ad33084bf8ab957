// Writes the page that tells what became of the last requests for ghost text.
import { URI } from 'vscode-uri'
import type { AnsweredBy, RequestLogRequest } from '../protocol/messages'

type Entry = RequestLogRequest.Entry

export interface WhyPageOptions {
  /** Of the model in use; without one, parts of prompts have no counts. */
  countTokens?: (text: string) => number
  /** How a time is shown; the default is the clock of this machine. */
  time?: (at: string) => string
}

const mostRequests = 20

/**
 * Markdown that is meant to be read as text. Code and what the model wrote stand inside fences longer than any in them, and the rest
 * is escaped, so that a preview shows no picture, HTML or disguised link of theirs either.
 *
 * @param entries newest first
 */
export function writeWhyPage(entries: readonly Entry[], options: WhyPageOptions = {}): string {
  const requests = entries
    .filter(({ kind, answeredBy }) => kind === 'completion' && answeredBy !== 'ahead')
    .slice(0, mostRequests)
  const sections = requests.length === 0 ? [empty] : requests.map((entry) => section(entry, options))
  return `${[head, ...sections].join('\n\n')}\n`
}

const head = `# Why no suggestion?

The last ${mostRequests} requests for ghost text, newest first. They are kept in the engine's memory, never on disk. A keystroke that another one followed within \`hearth.completion.debounceMs\` is not listed.`

const empty = `Nobody has asked for ghost text since the engine was started.

- Open a file of code, go to the end of a line and type, or run "Hearth: Trigger Completion".
- Does nothing appear here even then? The editor does not ask: see that it shows inline suggestions at all (in VS Code \`editor.inlineSuggest.enabled\`), and that the text is a file or a new document, not a setting, an output or an old version.`

const answeredByWords: Readonly<Record<AnsweredBy, string>> = {
  gate: 'a gate, before the model was asked',
  typing: 'the rest of a suggestion that is being typed; the model was not asked',
  cache: 'a suggestion made at this place before; the model was not asked again',
  running: 'a request that the model was working on already',
  model: 'the model',
  ahead: 'the model, before anybody asked',
  copy: 'a copy of what follows the same words in an open document; there was no model yet, or it was too unsure',
}

function section(entry: Entry, options: WhyPageOptions): string {
  const { shown = '', answeredBy, parts = [], text } = entry
  const { time = localTime, countTokens } = options
  const facts = [
    shown === '' ? `Why: ${escape(entry.outcome)}` : '',
    answeredBy === undefined ? '' : `Answered by: ${answeredByWords[answeredBy]}`,
    timeSpent(entry),
    tokens(entry),
  ]
  const texts = [
    shown === '' ? '' : titled('Suggested', shown),
    text === '' || text === shown ? '' : titled('The model wrote', text),
    ...parts.map((part) => titled(`Prompt, ${part.name}${counted(part.text, countTokens)}`, part.text)),
  ]
  const title = `## ${time(entry.at)}, ${placeName(entry)}: ${shown === '' ? 'nothing was suggested' : 'suggested'}`
  const list = facts.filter((fact) => fact !== '').map((fact) => `- ${fact}`)
  return [title, list.join('\n'), ...texts.filter((part) => part !== '')].join('\n\n')
}

function placeName({ place }: Entry): string {
  if (place === undefined) return 'somewhere'
  const name = URI.parse(place.uri).path.split('/').slice(-2).join('/')
  return `${escape(name)}, line ${place.line + 1}, column ${place.character + 1}`
}

/** What is neither reading nor writing is waiting: for a pause in typing, or for the device. */
function timeSpent({ ms, usage }: Entry): string {
  if (ms === undefined) return ''
  const whole = `Time: ${Math.round(ms)} ms`
  if (usage === undefined) return whole
  const waited = Math.max(0, ms - usage.prefillMs - usage.decodeMs)
  const [wait, read, write] = [waited, usage.prefillMs, usage.decodeMs].map(Math.round)
  return `${whole}: waited ${wait} ms, read for ${read} ms, wrote for ${write} ms`
}

function tokens({ usage }: Entry): string {
  if (usage === undefined) return ''
  const { promptTokens, reusedTokens, completionTokens } = usage
  return `Tokens: a prompt of ${promptTokens}, of which ${reusedTokens} were known and ${promptTokens - reusedTokens} were read; ${completionTokens} were written`
}

function counted(text: string, countTokens: WhyPageOptions['countTokens']): string {
  return countTokens === undefined ? '' : ` (tokens: ${countTokens(text)})`
}

function titled(title: string, text: string): string {
  const longest = Math.max(2, ...(text.match(/`+/g) ?? []).map(({ length }) => length))
  const fence = '`'.repeat(longest + 1)
  return `${title}:\n\n${fence}\n${text}\n${fence}`
}

// On one line, and without the signs that Markdown's links, pictures, code and HTML begin with.
function escape(text: string): string {
  return text.replace(/\s+/g, ' ').replace(/[\\`[\]<>!&]/g, '\\$&')
}

function localTime(at: string): string {
  return new Date(at).toTimeString().slice(0, 8)
}
