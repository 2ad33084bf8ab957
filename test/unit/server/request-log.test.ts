// The request log holds the last few, newest first.
import assert from 'node:assert/strict'
import { createLog, silentLog } from '../../../engine/base/log'
import { createRequestLog } from '../../../engine/server/request-log'

describe('request log', () => {
  it('forgets the oldest', () => {
    const log = createRequestLog(silentLog, 2)
    for (const prompt of ['a', 'b', 'c']) log.add({ kind: 'chat', prompt, text: '', outcome: 'stop' })
    assert.deepEqual(
      log.entries().map(({ prompt }) => prompt),
      ['c', 'b'],
    )
  })

  it('shows prompts where they may be shown', () => {
    const lines: string[] = []
    const log = createRequestLog(createLog((level, text) => lines.push(`${level}: ${text}`)))
    log.add({ kind: 'completion', prompt: 'const a =┃', text: ' b', outcome: 'suggested' })
    assert.deepEqual(lines, ['trace: completion, suggested:\nconst a =┃\n→  b'])
  })
})
