// Five hundred keystrokes through the language server and the real model: what they make it read, and whether every ghost fits.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { killLeftEngines, startEngine, type Engine } from '../lsp/engine-process'
import { figuresOf, markdown, type Figures } from '../typing/figures'
import { replay, type Replay } from '../typing/replay'
import type { Task } from '../typing/typist'
import { modelPath } from './open-model'

const files: readonly [path: string, languageId: string][] = [
  ['engine/tokenizer/spm.ts', 'typescript'],
  ['test/fixtures/make-tiny-models.py', 'python'],
  ['test/run.mjs', 'javascript'],
  ['engine/generate/session.ts', 'typescript'],
  ['test/fixtures/make-tokenizers.py', 'python'],
  ['engine/model/model.ts', 'typescript'],
]

describe('typing with the real model, cpu', function () {
  this.timeout(300_000)
  let engine: Engine
  let session: Replay
  let figures: Figures

  before(async () => {
    engine = await startEngine({ settings: { model: modelPath(), device: 'cpu' } })
    await engine.status(({ state }) => state === 'ready')
    session = await replay(engine, files.map(someLines), {
      strokes: 500,
      seed: 1,
      pause: [20, 60],
      look: { share: 0.15, ms: 2000 },
      restMs: 0,
    })
    figures = figuresOf(session, 32)
  })
  after(async () => {
    await engine.quit()
    killLeftEngines()
  })

  it('a keystroke makes the model read four tokens at most, in the middle', () => {
    assert.equal(figures.strokes, 500)
    const { recomputed, recomputedByModel } = figures
    assert.ok(recomputedByModel.keystrokes >= 30, markdown(figures))
    assert.ok(recomputed.median <= 4 && recomputedByModel.median <= 4, markdown(figures))
  })

  it('what the model has read is not read again: one token in ten at most', () => {
    assert.ok(figures.reuse >= 0.9, markdown(figures))
  })

  it('no ghost is stale, and hardly any changes while it is typed', () => {
    assert.ok(figures.ghosts >= 30 && figures.typedThrough >= 10, markdown(figures))
    assert.deepEqual(session.stale, [])
    // What a filter cuts may depend on what is typed.
    assert.ok(figures.changed.length * 20 <= figures.typedThrough, figures.changed.join('\n'))
  })

  it('most answers need no new request to the model', () => {
    assert.ok(figures.withoutModel > 0.5, markdown(figures))
  })
})

/** Twenty lines from the middle of a file, which are typed again. */
function someLines([path, languageId]: (typeof files)[number]): Task {
  const text = readFileSync(path, 'utf8').replaceAll('\r\n', '\n')
  const lines = text.split('\n')
  const offsetOf = (line: number): number => lines.slice(0, line).join('\n').length
  const middle = lines.length >> 1
  return {
    uri: `file:///typing/${path}`,
    languageId,
    text,
    start: offsetOf(middle),
    end: offsetOf(middle + 20),
  }
}
