// Every row of the report.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { copyRule } from './copy-rule'
import { ablations, openHearth } from './hearth-subject'
import { infillScript, openLlamaCpp } from './llama-cpp-subject'
import type { SubjectRow } from './subject'

const here = path.join('test', 'quality')

/** `engineHash` changes with the engine's sources. */
export function subjectRows(engineHash: string): readonly SubjectRow[] {
  return [
    ...ablations.map((ablation) => ({
      name: ablation.name,
      what: ablation.what,
      usual: ablation.usual,
      showsAll: ablation.settings?.boldness === 1,
      version: () =>
        [engineHash, hashOf(path.join(here, 'hearth-subject.ts')), JSON.stringify(ablation)].join(' '),
      open: openHearth.bind(undefined, ablation),
    })),
    {
      name: 'llama.vscode',
      what: 'the same model through llama.cpp, asked and trimmed as llama.vscode does it',
      usual: true,
      version: () => hashOf(infillScript, path.join(here, 'llama-vscode.ts')),
      open: openLlamaCpp,
    },
    {
      name: 'copy-rule',
      what: 'no model: what followed the same last 3, else 2, else 1 tokens earlier in the file, to the end of the line',
      usual: true,
      version: () => hashOf(path.join(here, 'copy-rule.ts')),
      open: () =>
        Promise.resolve({
          answer: ({ document, start: offset }) => {
            const start = performance.now()
            const text = copyRule(document, offset)
            const ghost = text === undefined ? undefined : { text, start: offset, end: offset }
            const ms = performance.now() - start
            return Promise.resolve({ ...(ghost && { ghost }), ms, tokens: 0, outcome: 'copied' })
          },
          close: () => Promise.resolve(),
        }),
    },
  ]
}

export function hashOf(...files: readonly string[]): string {
  const hash = createHash('sha256')
  for (const file of files) hash.update(readFileSync(file))
  return hash.digest('hex').slice(0, 16)
}
