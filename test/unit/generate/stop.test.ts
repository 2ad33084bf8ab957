// Stop strings cut across pieces in every way; nothing of them may show, and nothing else may be lost.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { StopFilter } from '../../../engine/generate/stop'

describe('stop strings', () => {
  // Pieces as they arrive; what each lets through, joined by "|"; "." marks the stop, "+" the flush at the end.
  check('no stop strings: nothing is held back', [], ['ab', 'c'], 'ab|c|+')
  check('inside one piece', ['STOP'], ['abSTOPcd'], 'ab.')
  check('split over pieces, character by character', ['STOP'], ['a', 'S', 'T', 'O', 'P', 'x'], 'a||||.')
  check('a beginning that comes to nothing is let out', ['STOP'], ['aST', 'ART'], 'a|START|+')
  check('a false start inside a true one', ['aab'], ['aa', 'a', 'b'], '|a|.')
  check('a beginning at the very end is text', ['STOP'], ['abSTO'], 'ab|+STO')
  check('the earliest of several wins', ['cd', 'b'], ['abcd'], 'a.')
  check('the longest beginning of several is held', ['xyz', 'yzab'], ['xyza'], '.')
  check('held for the longer one, released by neither', ['xyz', 'yzab'], ['wyza', 'c'], 'w|yzac|+')
  check('a newline', ['\n\n'], ['a\n', 'b\n', '\n'], 'a|\nb|.')
  check('a stop at the first character leaves nothing', ['\n'], ['\nabc'], '.')
  check('several code units', ['🔥!'], ['a🔥', '?'], 'a|🔥?|+')
  check('a stop inside a stop, whole: the outer begins first', ['abc', 'b'], ['abc'], '.')
  check('a stop inside a stop, in pieces: the inner is complete first', ['abc', 'b'], ['ab', 'c'], 'a.')

  it('however the text is cut, what shows is the text before the first stop', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 24 })
    const stops = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 4 }), {
      maxLength: 3,
    })
    fc.assert(
      fc.property(letters, stops, fc.array(fc.nat(3), { maxLength: 24 }), (text, stopList, sizes) => {
        fc.pre(!nested(stopList))
        const filter = new StopFilter(stopList)
        let shown = ''
        let stopped = false
        for (const piece of cut(text, sizes)) {
          const step = filter.push(piece)
          shown += step.text
          stopped = step.stopped
          if (stopped) break
        }
        if (!stopped) shown += filter.flush()
        assert.equal(shown, beforeFirstStop(text, stopList))
        assert.equal(
          stopped,
          stopList.some((stop) => text.includes(stop)),
        )
      }),
      { numRuns: 2000 },
    )
  })
})

function check(what: string, stops: string[], pieces: string[], expected: string): void {
  it(what, () => {
    const filter = new StopFilter(stops)
    let out = ''
    for (const piece of pieces) {
      const step = filter.push(piece)
      out += step.text + (step.stopped ? '.' : '|')
      if (step.stopped) break
    }
    if (!out.endsWith('.')) out += `+${filter.flush()}`
    assert.equal(out, expected)
  })
}

function cut(text: string, sizes: readonly number[]): string[] {
  const pieces: string[] = []
  let at = 0
  for (const size of sizes) pieces.push(text.slice(at, (at += size)))
  return [...pieces, text.slice(at)]
}

// With one stop inside another, which of them is met first depends on where the pieces end; see the two rows above.
function nested(stops: readonly string[]): boolean {
  return stops.some((a) => stops.some((b) => a !== b && a.includes(b)))
}

function beforeFirstStop(text: string, stops: readonly string[]): string {
  const starts = stops.map((stop) => text.indexOf(stop)).filter((index) => index >= 0)
  return starts.length > 0 ? text.slice(0, Math.min(...starts)) : text
}
