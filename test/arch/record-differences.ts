// Keeps test/arch/README.md: a table for people, one column per device, rewritten by UPDATE=1. Tests check bounds, not this text.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'

const file = 'test/arch/README.md'

export interface Difference {
  model: string
  /** Tensor types of its matrices. */
  weights: string
  /** Largest difference as a share of the largest logit. */
  difference: number
}

/** Replaces one device's column and leaves the others as they are. */
export function recordDifferences(device: string, differences: readonly Difference[]): void {
  const { devices, cells } = existsSync(file) ? parseTable(readFileSync(file, 'utf8')) : emptyTable()
  const columns = [...new Set([...devices, device])]
  const rows = differences.map(({ model, weights, difference }) => {
    const known = cells.get(model)
    const shares = columns.map((column) =>
      column === device ? ceil(difference) : (known?.get(column) ?? ''),
    )
    return [model, weights, ...shares]
  })
  writeFileSync(file, `${introduction}\n${formatTable([['model', 'weights', ...columns], ...rows])}`)
}

const introduction = `# Largest differences from transformers

For each tiny checkpoint and device: the largest |difference| of any logit at any position, as a share of the largest |logit|,
rounded up to one digit. The suites in this folder check fixed bounds; \`UPDATE=1\` rewrites the column of the device they ran on.
`

interface Table {
  devices: string[]
  /** Model, then device, to the text of a cell. */
  cells: Map<string, Map<string, string>>
}

function emptyTable(): Table {
  return { devices: [], cells: new Map() }
}

function parseTable(text: string): Table {
  const rows = text
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
  const devices = rows[0]?.slice(2) ?? []
  const body = rows.slice(2)
  const cells = body.map(
    ([model = '', , ...shares]) =>
      [model, new Map(devices.map((device, i) => [device, shares[i] ?? '']))] as const,
  )
  return { devices, cells: new Map(cells) }
}

// Padded as the formatter of the repository does it.
function formatTable(rows: readonly string[][]): string {
  const widths = rows[0]!.map((_, i) => Math.max(3, ...rows.map((row) => row[i]!.length)))
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join(' | ')} |\n`
  const [header, ...body] = rows
  return [header!, widths.map((width) => '-'.repeat(width)), ...body].map(line).join('')
}

// Rounded up, so that it stays a bound and reruns with other last bits agree.
function ceil(share: number): string {
  if (share === 0) return '0'
  const exponent = Math.floor(Math.log10(share))
  return (Math.ceil(share / 10 ** exponent) * 10 ** exponent).toExponential(0)
}
