// What the status bar says: a pure picture of the engine's status and the settings.
import type { EngineState, EngineStatus } from '../engine/protocol/messages'

export interface StatusPicture {
  text: string
  /** Markdown. Everything that came from outside is escaped. */
  tooltip: string
  isError: boolean
  /** For screen readers, without icons. */
  label: string
}

const icons: Record<EngineState, string> = {
  starting: '$(loading~spin)',
  downloading: '$(cloud-download)',
  loading: '$(loading~spin)',
  ready: '$(flame)',
  busy: '$(flame)',
  error: '$(error)',
}

const words: Record<EngineState, string> = {
  starting: 'starting',
  downloading: 'downloading',
  loading: 'loading the model',
  ready: 'ready',
  busy: 'working',
  error: 'error',
}

// The device is known as soon as a model answers.
const copies = 'copies from open files, until a model is ready'

/** @param completions whether ghost text is on for the document in front */
export function drawStatus(status: EngineStatus, completions: boolean): StatusPicture {
  const percent = status.progress === undefined ? '' : `${Math.round(status.progress * 100)}%`
  const speed = status.tokensPerSecond > 0 ? `${speedText(status.tokensPerSecond)} tok/s` : ''
  const icon = status.state === 'ready' && !completions ? '$(circle-slash)' : icons[status.state]
  const detail = {
    starting: '',
    downloading: percent,
    loading: percent,
    ready: speed,
    busy: speed,
    error: '',
  }[status.state]
  const lines = [
    `**Hearth** is ${words[status.state]}${percent === '' ? '' : ` (${percent})`}`,
    status.message === '' ? '' : escapeMarkdown(status.message),
    table([
      ['Model', modelName(status.model)],
      ['Device', status.device],
      ['Why', status.deviceReason],
      ['Speed', speed],
      ['Ghost text', completions ? (status.device === '' ? copies : 'on') : 'off for this document'],
    ]),
    'Click for the menu.',
  ]
  return {
    text: [icon, 'Hearth', detail].filter((part) => part !== '').join(' '),
    tooltip: lines.filter((line) => line !== '').join('\n\n'),
    isError: status.state === 'error',
    label: `Hearth, ${words[status.state]} ${percent}`.trim(),
  }
}

/** The last part of a path, or the id itself. */
export function modelName(model: string): string {
  return model.split(/[\\/]/).at(-1) ?? model
}

/** Bytes for people, in powers of ten as disks and downloads are sold. */
export function sizeText(bytes: number): string {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${Math.max(1, Math.round(bytes / 1e6))} MB`
}

function speedText(tokensPerSecond: number): string {
  return tokensPerSecond >= 10 ? String(Math.round(tokensPerSecond)) : tokensPerSecond.toFixed(1)
}

function table(rows: [name: string, value: string][]): string {
  const filled = rows.filter(([, value]) => value !== '')
  return [
    '| | |',
    '|:--|:--|',
    ...filled.map(([name, value]) => `| ${name} | ${escapeMarkdown(value)} |`),
  ].join('\n')
}

// A path or a driver's name may hold anything; `$(` would become an icon, `|` a new cell.
function escapeMarkdown(text: string): string {
  return text.replace(/\s+/g, ' ').replace(/[\\`*_{}[\]<>()#+\-!|~$&]/g, '\\$&')
}
