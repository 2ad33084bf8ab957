// Every row of the report.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { copyRule } from './copy-rule'
import { openCopies } from './copy-subject'
import { ablations, openHearth } from './hearth-subject'
import { infillScript, openLlamaCpp } from './llama-cpp-subject'
import type { OpenOptions, SubjectRow } from './subject'

const here = path.join('test', 'quality')

export const subjectRows: readonly SubjectRow[] = [
  ...ablations.map((ablation) => ({
    name: ablation.name,
    what: ablation.what,
    usual: ablation.usual,
    ...(ablation.base !== undefined && { base: ablation.base }),
    ...(ablation.first !== undefined && { first: ablation.first }),
    open: ({ recorded }: OpenOptions) => openHearth(ablation, recorded),
  })),
  {
    name: 'llama.vscode',
    what: 'the same model through llama.cpp, asked and trimmed as llama.vscode does it',
    usual: true,
    version: () => hashOf(infillScript, path.join(here, 'llama-vscode.ts')),
    open: openLlamaCpp,
  },
  ...[
    { openFiles: false, what: 'the completer while it has no model: copies from the same file' },
    {
      openFiles: true,
      what: 'the same, with the file that defines what is called and three of the folder open',
    },
  ].map(({ openFiles, what }) => ({
    name: openFiles ? 'hearth-no-model-open-files' : 'hearth-no-model',
    what,
    usual: true,
    open: () => Promise.resolve(openCopies(openFiles)),
  })),
  {
    name: 'copy-rule',
    what: 'no model: what followed the same last 3, else 2, else 1 tokens earlier in the file, to the end of the line',
    usual: true,
    open: () =>
      Promise.resolve({
        answer: ({ document, start }) => {
          const text = copyRule(document, start)
          const ghost = text === undefined ? undefined : { text, start, end: start }
          return Promise.resolve({ ...(ghost && { ghost }), tokens: 0, outcome: 'copied' })
        },
        close: () => Promise.resolve(),
      }),
  },
]

function hashOf(...files: readonly string[]): string {
  const hash = createHash('sha256')
  for (const file of files) hash.update(readFileSync(file))
  return hash.digest('hex').slice(0, 16)
}
