// Places of groups in a text, compared with looking at every one of them.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { TokenPlaces } from '../../../engine/base/token-places'

const most = 3

function find(tokens: readonly number[], group: readonly number[]): number[] {
  return tokens
    .map((_, place) => place)
    .filter(
      (place) =>
        place >= group.length && group.every((token, i) => tokens[place - group.length + i] === token),
    )
    .reverse()
}

describe('token places', () => {
  it('finds every place of a group that something follows, the latest first', () => {
    const token = fc.nat({ max: 3 })
    fc.assert(
      fc.property(
        fc.array(token, { maxLength: 40 }),
        fc.array(token, { minLength: 1, maxLength: most }),
        (tokens, group) => {
          const places = new TokenPlaces(most)
          for (const one of tokens) places.push(one)
          assert.deepEqual(places.tokens, tokens)
          assert.deepEqual([...places.places(group)], find(tokens, group))
          for (let length = 1; length <= most; length++) {
            const end = tokens.slice(-length)
            assert.equal(places.latest(length), end.length < length ? undefined : find(tokens, end)[0])
          }
        },
      ),
    )
  })
})
