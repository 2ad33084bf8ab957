// The table of what was measured, as Markdown.
import { verdictOf, type Result, type Results, type Verdict } from './gates'

const words: Readonly<Record<Verdict, string>> = { aim: 'met, and the aim', met: 'met', missed: '**missed**' }

export function markdownOf({ machine, results }: Results, plot: string): string {
  const { cpu, cores, memoryGB, system, node } = machine
  const header = ['where', 'what', 'at least', 'aim', 'measured [least-most] runs', 'in numbers', 'verdict']
  const rows = results.map((result) => {
    const { where, what, detail, runs } = result
    return [
      where,
      what,
      bound(result, 'gate'),
      bound(result, 'aim'),
      `${measured(result)} ${runs}${result.quick ? ' (quick)' : ''}`,
      `${detail}${detail && ', '}${result.date}`,
      words[verdictOf(result)],
    ]
  })
  return (
    `# Measured on ${cpu}, ${cores} cores, ${memoryGB} GB\n\n` +
    `Medians of rounds in which both programs take turns, so that what else the machine does meets both. ${system}, Node.js ${node}. ` +
    'Models have random weights in real shapes, Q4_0 with an embedding of Q8_0, except for prompt lookup, which needs a real one.\n\n' +
    `![Figures over what they must reach](${plot})\n\n` +
    table([header, header.map(() => '---'), ...rows])
  )
}

function table(rows: readonly (readonly string[])[]): string {
  return rows.map((cells) => `| ${cells.join(' | ')} |\n`).join('')
}

function bound({ better, unit, ...bounds }: Result, which: 'gate' | 'aim'): string {
  return `${better === 'more' ? '≥' : '≤'} ${withUnit(bounds[which], unit)}`
}

function measured({ found: { median, min, max }, unit }: Result): string {
  return min === max ? withUnit(median, unit) : `${withUnit(median, unit)} [${min}-${max}]`
}

function withUnit(value: number, unit: Result['unit']): string {
  return unit === 'x' ? `${value}x` : `${value} ${unit}`
}
