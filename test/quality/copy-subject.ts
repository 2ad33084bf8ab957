// Our completer while it has no model: suggestions are copies, from this file or from others of the package too.
import path from 'node:path'
import { createLog } from '../../engine/base/log'
import { createCompleter } from '../../engine/complete/complete'
import type { Surroundings } from '../../engine/complete/other-files/surroundings'
import { parseSettings } from '../../engine/protocol/settings'
import { neighboursOf } from './neighbours'
import type { Subject } from './subject'

export function openCopies(openFiles: boolean): Subject {
  let outcome = ''
  let surroundings: Surroundings | undefined
  const settings = parseSettings({}).completion
  const completer = createCompleter({
    provider: () => undefined,
    surroundings: () => surroundings,
    settings: () => settings,
    log: createLog((_, text) => (outcome = text)),
  })
  return {
    answer: async (one) => {
      outcome = ''
      surroundings = openFiles ? neighboursOf(one) : undefined
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
