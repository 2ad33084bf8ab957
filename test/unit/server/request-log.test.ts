// The request log holds the last few, newest first.
import assert from 'node:assert/strict'
import { createRequestLog } from '../../../engine/server/request-log'

describe('request log', () => {
  it('forgets the oldest', () => {
    const log = createRequestLog(2)
    for (const prompt of ['a', 'b', 'c']) log.add({ kind: 'chat', prompt, text: '', outcome: 'stop' })
    assert.deepEqual(
      log.entries().map(({ prompt }) => prompt),
      ['c', 'b'],
    )
  })
})
