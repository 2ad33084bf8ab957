// Where a command writes: results on stdout, everything else on stderr, so that a pipe gets results only.
import { stripVTControlCharacters } from 'node:util'
import { createLog, type Log } from '../base/log'
import type { Progress } from '../base/progress'

export interface Terminal {
  /** Part of the result. Resolves when the other end of a pipe keeps up. */
  readonly out: (text: string) => Promise<void>
  /** One line for people. */
  readonly note: (text: string) => void
  /** Lines of this log go where notes go: `info` and above, everything with HEARTH_DEBUG=1. */
  log: Log
  /** A bar on a terminal; a line every few seconds anywhere else. */
  progress: Progress
  /** Clears the bar. Notes do so by themselves. */
  readonly endProgress: () => void
  /** Text for `out`, styled when stdout shows styles. */
  readonly style: (look: Look, text: string) => string
  /** Whether `style` does anything. */
  readonly styled: boolean
}

/** SGR codes that begin and end a style. Not `util.styleText`: newer Nodes let it ask stdout, also for what goes to stderr. */
const looks = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
} as const

export type Look = keyof typeof looks

export interface TerminalStreams {
  stdout: NodeJS.WriteStream
  stderr: NodeJS.WriteStream
}

export function createTerminal({ stdout, stderr }: TerminalStreams, env: NodeJS.ProcessEnv): Terminal {
  const styled = showsStyles(stdout, env)
  const styledErrors = showsStyles(stderr, env)
  const paint = (look: Look, text: string): string => (styledErrors ? applyLook(look, text) : text)
  const bar = stderr.isTTY ? drawnBar(stderr, paint) : printedProgress(stderr)
  const line = (text: string): void => {
    bar.clear()
    stderr.write(`${text}\n`)
  }
  return {
    styled,
    out: (text) => {
      bar.clear()
      return write(stdout, text)
    },
    note: line,
    log: createLog((level, text) => {
      if ((level === 'debug' || level === 'trace') && env['HEARTH_DEBUG'] !== '1') return
      const lead = level === 'error' || level === 'warn' ? paint('yellow', `${level}: `) : ''
      line(lead ? lead + text : paint('dim', text))
    }),
    progress: bar,
    endProgress: () => bar.clear(),
    style: (look, text) => (styled ? applyLook(look, text) : text),
  }
}

/** https://no-color.org: set and not empty means no styles; a pipe gets none unless FORCE_COLOR asks for them. */
function showsStyles(stream: NodeJS.WriteStream, env: NodeJS.ProcessEnv): boolean {
  if (env['NO_COLOR']) return false
  if (env['FORCE_COLOR'] && env['FORCE_COLOR'] !== '0') return true
  return stream.isTTY && env['TERM'] !== 'dumb'
}

function applyLook(look: Look, text: string): string {
  const [begin, end] = looks[look]
  // Each line on its own, because many terminals and pagers end a style at the line's end.
  return text
    .split('\n')
    .map((line) => (line === '' ? line : `\x1b[${begin}m${line}\x1b[${end}m`))
    .join('\n')
}

interface Bar extends Progress {
  clear(): void
}

const barWidth = 24

function drawnBar(stderr: NodeJS.WriteStream, paint: (look: Look, text: string) => string): Bar {
  let shown = ''
  return {
    report(fraction, text) {
      const filled = Math.round((fraction ?? 0) * barWidth)
      const percent = fraction === undefined ? '' : `${Math.floor(fraction * 100)}`.padStart(3) + '% '
      const bar = '━'.repeat(filled) + paint('dim', '━'.repeat(barWidth - filled))
      // Some terminals do not know their width and say 0.
      const room = (stderr.columns || 80) - barWidth - percent.length - 2
      const line = `${paint('cyan', bar)} ${percent}${oneLine(text).slice(0, Math.max(0, room))}`
      if (line === shown) return
      stderr.write(`\r\x1b[K${line}`)
      shown = line
    },
    clear() {
      if (shown !== '') stderr.write('\r\x1b[K')
      shown = ''
    },
  }
}

const printEveryMs = 5000

// A log file or a CI page wants a sign of life, not a film.
function printedProgress(stderr: NodeJS.WriteStream): Bar {
  let last = performance.now()
  return {
    report(fraction, text) {
      if (performance.now() - last < printEveryMs) return
      last = performance.now()
      const percent = fraction === undefined ? '' : ` (${Math.floor(fraction * 100)}%)`
      stderr.write(`${oneLine(text)}${percent}\n`)
    },
    clear: () => undefined,
  }
}

function oneLine(text: string): string {
  return stripVTControlCharacters(text).replace(/\s+/g, ' ')
}

function write(stream: NodeJS.WriteStream, text: string): Promise<void> {
  return new Promise((resolve) => {
    if (stream.write(text)) resolve()
    else stream.once('drain', resolve)
  })
}

/** Text of a model or a file for a terminal: escape sequences in it could recolor, retitle or overwrite the screen. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}]/gu, (control) => (control === '\n' || control === '\t' ? control : '\ufffd'))
}
