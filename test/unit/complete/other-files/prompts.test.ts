// Prompts with pieces of other files in them, whole, and how long the pieces stay.
import assert from 'node:assert/strict'
import { silentLog } from '../../../../engine/base/log'
import { createCompleter } from '../../../../engine/complete/complete'
import type { CompletionRecord } from '../../../../engine/complete/completion-record'
import type { Surroundings } from '../../../../engine/complete/other-files/surroundings'
import { parseSettings, type Settings } from '../../../../engine/protocol/settings'
import type { CompletionRequest } from '../../../../engine/provider/provider'
import { scriptedProvider } from '../scripted-provider'

const nothing: Surroundings = {
  repository: 'project',
  path: 'src/main.ts',
  documents: [],
  edits: [],
  declarations: [],
  version: 0,
}

const other = (path: string, text: string, languageId = 'typescript'): Surroundings['documents'][number] => ({
  uri: `file:///project/${path}`,
  path,
  languageId,
  text,
})

interface Bench {
  /** Asks at the `┃` of the document and resolves with what the model was given. */
  ask: (document: string, uri?: string) => Promise<{ prompt: string; parts: string[] }>
  known: { surroundings: Surroundings }
}

/** The machine reads so many tokens, which are characters here, in a millisecond. */
function bench(surroundings: Surroundings, settings: Partial<Settings['completion']> = {}, pace = 10): Bench {
  const provider = scriptedProvider({ says: () => ' x' })
  const known = { surroundings }
  let record: CompletionRecord | undefined
  const completer = createCompleter({
    provider: () => ({
      ...provider,
      complete: async function* (request, signal) {
        const end = yield* provider.complete(request, signal)
        return { ...end, usage: { ...end.usage, promptTokens: 1000, prefillMs: 1000 / pace } }
      },
    }),
    settings: () => ({ ...parseSettings({}).completion, debounceMs: 0, otherFiles: 'on', ...settings }),
    log: silentLog,
    record: (entry) => (record = entry),
    surroundings: () => known.surroundings,
  })
  const ask = async (document: string, uri = 'file:///project/src/main.ts'): Promise<void> => {
    await completer.complete(
      {
        uri,
        path: 'main.ts',
        languageId: 'typescript',
        text: document.replace('┃', ''),
        offset: document.indexOf('┃'),
        trigger: 'invoked',
      },
      new AbortController().signal,
    )
  }
  let isPaced = false
  return {
    known,
    ask: async (document, uri) => {
      if (!isPaced) await ask('a = ┃', 'file:///warm-up')
      isPaced = true
      await ask(document, uri)
      const request = provider.asked.at(-1)?.request as CompletionRequest
      const files = request.files?.files.map(({ heading, text }) => `${heading}${text}\n`).join('') ?? ''
      const heading = request.files?.heading ?? ''
      return {
        prompt: `${files}${heading}${request.prefix}${request.typed}┃`,
        parts: record?.parts?.map(({ name }) => name) ?? [],
      }
    },
  }
}

const shapes = other(
  'src/shapes.ts',
  'export interface Point {\n  x: number\n  y: number\n}\n\nexport function moveBy(point: Point, dx: number): Point {\n  return point\n}\n',
)

describe('prompts with other files', () => {
  const rows: [name: string, known: Partial<Surroundings>, document: string, prompt: string][] = [
    ['nothing is known', {}, 'moveBy(┃', '// main.ts\nmoveBy(┃'],
    [
      'what is called at the cursor',
      { documents: [shapes] },
      'const far = 1\nmoveBy(┃',
      '// src/shapes.ts\nexport function moveBy(point: Point, dx: number): Point\n// src/main.ts\nconst far = 1\nmoveBy(┃',
    ],
    [
      'what is called last stands last',
      { documents: [shapes] },
      'let a: Point\nmoveBy(┃',
      '// src/shapes.ts\nexport interface Point\n  x: number\n  y: number\nexport function moveBy(point: Point, dx: number): Point\n// src/main.ts\nlet a: Point\nmoveBy(┃',
    ],
    [
      'what the document declares itself is not said again',
      { documents: [shapes] },
      'function moveBy() {}\nmoveBy(┃',
      '// main.ts\nfunction moveBy() {}\nmoveBy(┃',
    ],
    [
      'a method, where one is called',
      { documents: [other('box.ts', 'class Box {\n  open(key: Key): void {\n  }\n}')] },
      'box.open(┃',
      '// box.ts\n  open(key: Key): void\n// src/main.ts\nbox.open(┃',
    ],
    [
      'no method, where a function is',
      { documents: [other('box.ts', 'class Chest {\n  open(key: Key): void {\n  }\n}')] },
      'open(┃',
      '// main.ts\nopen(┃',
    ],
    [
      'other languages say nothing',
      { documents: [other('shapes.py', 'def moveBy(point):\n  pass', 'python')] },
      'moveBy(┃',
      '// main.ts\nmoveBy(┃',
    ],
    [
      'what an editor has looked up goes before a guess',
      {
        documents: [shapes],
        declarations: [
          {
            name: 'moveBy',
            path: 'lib.ts',
            languageId: 'typescript',
            text: 'function moveBy(all: Point[]) {\n}',
          },
        ],
      },
      'moveBy(┃',
      '// lib.ts\nfunction moveBy(all: Point[])\n// src/main.ts\nmoveBy(┃',
    ],
    [
      'what was edited lately',
      { edits: [{ path: 'src/b.ts', languageId: 'typescript', text: 'const speed = 3' }] },
      'let a = ┃',
      '// src/b.ts\nconst speed = 3\n// src/main.ts\nlet a = ┃',
    ],
    [
      'lines that use the same names',
      {
        documents: [
          other('b.ts', `${'other()\n'.repeat(40)}start(engine, speed)\nhold(speed)\nengine.stop()\n`),
        ],
      },
      'start(engine, speed)\nhold(┃',
      `// b.ts\n${'other()\n'.repeat(8)}start(engine, speed)\nhold(speed)\nengine.stop()\n\n// src/main.ts\nstart(engine, speed)\nhold(┃`,
    ],
  ]
  for (const [name, known, document, prompt] of rows) {
    it(name, async () => {
      const { ask } = bench({ ...nothing, ...known })
      assert.equal((await ask(document)).prompt, prompt)
    })
  }

  it('the log tells of each piece where it is from and why', async () => {
    const { ask } = bench({ ...nothing, documents: [shapes] })
    assert.deepEqual((await ask('const far = 1\nmoveBy(┃')).parts, [
      'src/shapes.ts, which declares moveBy',
      'before the cursor',
      'the line up to the cursor, and what was typed since',
    ])
  })

  // [what a machine reads in a millisecond, whether it is shown other files]
  const paces: [name: string, settings: Partial<Settings['completion']>, pace: number, shown: boolean][] = [
    ['a machine that reads slowly goes without', {}, 0.1, false],
    ['a processor has some', {}, 0.2, true],
    ['a GPU has more', {}, 5, true],
    ['not a model of single files, unless they are asked for', { otherFiles: 'auto' }, 5, false],
    ['not when it is switched off', { otherFiles: 'off' }, 5, false],
  ]
  for (const [name, settings, pace, shown] of paces) {
    it(name, async () => {
      const { ask } = bench({ ...nothing, documents: [shapes] }, settings, pace)
      assert.equal((await ask('moveBy(┃')).prompt.includes('shapes.ts'), shown)
    })
  }

  it('pieces fit the budget, the nearest names first', async () => {
    const names = [
      'alpha',
      'bravo',
      'charlie',
      'delta',
      'echo',
      'foxtrot',
      'golf',
      'hotel',
      'india',
      'juliet',
    ]
    const declared = names.map((name) => `export function ${name}(first: string, second: number): void {\n}`)
    const { ask } = bench({ ...nothing, documents: [other('b.ts', declared.join('\n'))] }, {}, 0.2)
    const { prompt } = await ask(`${names.map((name) => `${name}()`).join('\n')}┃`)
    const pieces = prompt.slice(0, prompt.indexOf('// src/main.ts'))
    assert.ok(pieces.length <= 256, pieces)
    assert.match(pieces, /juliet/)
    assert.doesNotMatch(pieces, /alpha/)
  })

  const body = Array.from({ length: 30 }, (_, at) => `const line${at} = ${at * 7}`).join('\n')
  // What comes between two prompts of the same document, and whether the pieces are those of before.
  const stays: [
    name: string,
    first: string,
    second: string,
    change: Partial<Surroundings>,
    same: boolean,
    between?: string,
  ][] = [
    ['typing', `${body}\nmoveBy(┃`, `${body}\nmoveBy(a┃`, { documents: [], version: 1 }, true],
    ['the next line', `${body}\nmoveBy(┃`, `${body}\nmoveBy(a)\nhold(┃`, { documents: [] }, true],
    [
      'something new, from the next line on',
      `${body}\nmoveBy(┃`,
      `${body}\n┃\nmoveBy(a)`,
      { documents: [], version: 1 },
      false,
    ],
    [
      'another document in between',
      `${body}\nmoveBy(┃`,
      `${body}\nmoveBy(┃`,
      { documents: [] },
      false,
      'let a = ┃',
    ],
    ['a new import at the top', `${body}\nmoveBy(┃`, `import b\n${body}\nhold(┃`, { documents: [] }, false],
  ]
  for (const [name, first, second, change, same, between] of stays) {
    it(`pieces ${same ? 'stay' : 'are chosen again'}: ${name}`, async () => {
      const { ask, known } = bench({ ...nothing, documents: [shapes] })
      assert.match((await ask(first)).prompt, /^\/\/ src\/shapes\.ts/)
      known.surroundings = { ...known.surroundings, ...change }
      if (between !== undefined) await ask(between, 'file:///project/src/b.ts')
      const { prompt } = await ask(second)
      assert.equal(/^\/\/ src\/shapes\.ts/.test(prompt), same, prompt)
    })
  }
})
