// The rows of the completion bench change what they say.
import assert from 'node:assert/strict'
import { silentLog } from '../../../engine/base/log'
import { createCompleter } from '../../../engine/complete/complete'
import { allFilters } from '../../../engine/complete/postprocess/filter'
import { parseSettings } from '../../../engine/protocol/settings'
import { ablations, filtersOf } from '../../quality/hearth-subject'
import { scriptedProvider } from '../complete/scripted-provider'

describe('ablations', () => {
  const names = [allFilters.reading, allFilters.shape, allFilters.fit].flatMap((table) => Object.keys(table))

  it('leave out filters that there are', () => {
    const left = ablations.flatMap(({ without = [] }) => without)
    assert.deepEqual(
      left.filter((name) => !names.includes(name)),
      [],
    )
  })

  const rows: [without: string[], ghost: string][] = [
    [[], 'alpha, beta'],
    [['trim-suffix-overlap'], 'alpha, beta)'],
  ]
  for (const [without, expected] of rows) {
    it(`without ${without.join(', ') || 'nothing'}`, async () => {
      const provider = scriptedProvider({ says: () => 'alpha, beta) {' })
      const completer = createCompleter({
        provider: () => provider,
        settings: () => ({ ...parseSettings({}).completion, debounceMs: 0 }),
        log: silentLog,
        filters: filtersOf({ without }),
      })
      const text = 'let alpha, beta\nif (same() {\n'
      const ghost = await completer.complete(
        {
          uri: 'file:///a.js',
          path: '',
          languageId: 'javascript',
          text,
          offset: text.indexOf(') {'),
          trigger: 'automatic',
        },
        new AbortController().signal,
      )
      assert.equal(ghost?.text, expected)
    })
  }
})
