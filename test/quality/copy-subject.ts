// Our completer while it has no model: suggestions are copies, from this file or from others of the package too.
import path from 'node:path'
import { createLog } from '../../engine/base/log'
import { createCompleter } from '../../engine/complete/complete'
import { parseSettings } from '../../engine/protocol/settings'
import type { Case } from './case'
import { packages } from './packages'
import { sourceFiles } from './sources'
import type { Subject } from './subject'

/** `neighbours` is the number of other files of the same folder that are open. */
export function openCopies(neighbours: number): Subject {
  let outcome = ''
  let others: readonly string[] = []
  const settings = parseSettings({}).completion
  const completer = createCompleter({
    provider: () => undefined,
    neighbours: () => others,
    settings: () => settings,
    log: createLog((_, text) => (outcome = text)),
  })
  return {
    answer: async (one) => {
      outcome = ''
      others = filesBeside(one).slice(0, neighbours)
      const ghost = await completer.complete(
        {
          uri: `bench:${one.id}`,
          path: path.posix.basename(one.file),
          languageId: one.language,
          text: one.document,
          offset: one.start,
          trigger: 'automatic',
        },
        new AbortController().signal,
      )
      return { ...(ghost && { ghost }), tokens: 0, outcome }
    },
    close: () => Promise.resolve(),
  }
}

function filesBeside({ package: name, file }: Case): string[] {
  const from = packages.find((one) => one.name === name)
  const folder = path.posix.dirname(file)
  return from
    ? sourceFiles(from)
        .filter((other) => other.path !== file && path.posix.dirname(other.path) === folder)
        .map(({ text }) => text)
    : []
}
