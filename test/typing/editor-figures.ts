// The table of bench-editor.ts: what a key costs with Hearth, with its ghost text off and without Hearth.
export type Scene = 'gate' | 'typed' | 'model'
export type Subject = 'absent' | 'off' | 'on'

export const subjects: readonly Subject[] = ['absent', 'off', 'on']

/** Keys of one scene, typed in one go. */
export interface Block {
  scene: Scene
  subject: Subject
  round: number
  /** Milliseconds from each key to the frame that shows it. */
  latencies: number[]
  /** Milliseconds that the main threads ran for meanwhile. */
  hostMs: number
  engineMs: number
}

export const sceneTitles: Readonly<Record<Scene, string>> = {
  gate: 'Inside a word, where a gate answers each key',
  typed: 'Along a suggestion, where the rest of it answers each key',
  model: 'Into the unknown, where each key asks the model',
}

const subjectTitles: Readonly<Record<Subject, string>> = {
  absent: 'not installed',
  off: 'ghost text off',
  on: 'ghost text on',
}

const notes = `- Key to paint: from the key's event to the end of the frame after it, in the page.
- Extension host, engine: time that their main threads ran for, as the kernel counts it, divided by the keys; a median of the rounds, and the least and the most of them. What stands above "not installed" is Hearth's.
`

export function editorTable(blocks: readonly Block[]): string {
  const scenes = (Object.keys(sceneTitles) as Scene[]).filter((scene) =>
    blocks.some((block) => block.scene === scene),
  )
  const sections = scenes.map((scene) => {
    const rows = subjects.map((subject) =>
      row(
        subject,
        blocks.filter((block) => block.scene === scene && block.subject === subject),
      ),
    )
    return `## ${sceneTitles[scene]}

| Hearth | keys | key to paint, median | p95 | extension host per key | engine per key |
| --- | ---: | ---: | ---: | ---: | ---: |
${rows.join('\n')}
`
  })
  return `${sections.join('\n')}\n${notes}`
}

function row(subject: Subject, blocks: readonly Block[]): string {
  const latencies = blocks.flatMap((block) => block.latencies).sort((a, b) => a - b)
  const perKey = (ms: (block: Block) => number): string => {
    const each = blocks.map((block) => ms(block) / block.latencies.length).sort((a, b) => a - b)
    return `${at(each, 0.5)} (${at(each, 0)} to ${at(each, 1)}) ms`
  }
  const host = perKey(({ hostMs }) => hostMs)
  const engine = subject === 'absent' ? '–' : perKey(({ engineMs }) => engineMs)
  return `| ${subjectTitles[subject]} | ${latencies.length} | ${at(latencies, 0.5)} ms | ${at(latencies, 0.95)} ms | ${host} | ${engine} |`
}

function at(sorted: readonly number[], share: number): string {
  return (sorted[Math.round(share * (sorted.length - 1))] ?? 0).toFixed(2)
}
