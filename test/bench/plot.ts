// What was measured over what must be reached, one bar for each figure, as SVG.
import { verdictOf, type Result, type Verdict } from './gates'

const colors: Readonly<Record<Verdict, string>> = { aim: '#1a7f37', met: '#4c9be8', missed: '#cf222e' }

const [rowHeight, labelWidth, plotWidth, top] = [26, 580, 420, 34]
/** The axis ends here, on both sides of 1. */
const most = 16

/** Bars are figure over gate, or gate over figure where less is better: longer is better, and 1 is enough. The axis is logarithmic. */
export function plotOf(results: readonly Result[]): string {
  const height = top + results.length * rowHeight + 20
  const width = labelWidth + plotWidth + 90
  const ticks = [0.25, 0.5, 1, 2, 4, 8, 16]
  const grid = ticks.map((tick) => {
    const x = at(tick)
    const strong = tick === 1 ? ' stroke-width="2"' : ' stroke-dasharray="2 3"'
    return (
      `<line x1="${x}" y1="${top - 6}" x2="${x}" y2="${height - 14}" stroke="#888"${strong}/>` +
      `<text x="${x}" y="${top - 12}" text-anchor="middle">${tick}</text>`
    )
  })
  const bars = results.map((result, index) => bar(result, top + index * rowHeight))
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" ` +
    'font-family="sans-serif" font-size="12" fill="#57606a">\n' +
    `<rect width="${width}" height="${height}" fill="#fff"/>\n${[...grid, ...bars].join('\n')}\n</svg>\n`
  )
}

function bar(result: Result, y: number): string {
  const { where, what, found, gate, aim, better, unit } = result
  const score = (value: number): number => (better === 'more' ? value / gate : share(gate, value))
  const [from, to] = [at(1 / most), at(score(found.median))]
  const [low, high] = [score(found.min), score(found.max)].map(at).toSorted((a, b) => a - b)
  const middle = y + rowHeight / 2 - 2
  const goal = at(score(aim))
  return (
    `<text x="${labelWidth - 8}" y="${middle + 4}" text-anchor="end">${escape(`${where}, ${what}`)}</text>` +
    `<rect x="${from}" y="${y + 3}" width="${(to - from).toFixed(1)}" height="${rowHeight - 10}" fill="${colors[verdictOf(result)]}"/>` +
    `<line x1="${low}" y1="${middle}" x2="${high}" y2="${middle}" stroke="#24292f"/>` +
    `<path d="M${goal} ${y + 1}v${rowHeight - 6}" stroke="#24292f" stroke-width="2" stroke-dasharray="3 2"/>` +
    `<text x="${labelWidth + plotWidth + 6}" y="${middle + 4}">${escape(`${found.median}${unit === 'x' ? 'x' : ` ${unit}`}`)}</text>`
  )
}

// Nothing where nothing is allowed is enough.
function share(gate: number, value: number): number {
  return value === 0 ? (gate === 0 ? 1 : most) : gate / value
}

function at(score: number): number {
  const bounded = Math.min(most, Math.max(1 / most, score))
  const x = labelWidth + (plotWidth * (Math.log2(bounded) + Math.log2(most))) / (2 * Math.log2(most))
  return Math.round(x * 10) / 10
}

function escape(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)
}
