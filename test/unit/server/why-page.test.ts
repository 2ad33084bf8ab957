// The page that tells why nothing was suggested, from entries of the request log.
import assert from 'node:assert/strict'
import type { RequestLogRequest } from '../../../engine/protocol/messages'
import { writeWhyPage } from '../../../engine/server/why-page'

type Entry = RequestLogRequest.Entry

const gated: Entry = {
  at: '2030-01-02T10:11:12.345Z',
  kind: 'completion',
  prompt: 'va┃lue',
  text: '',
  shown: '',
  outcome: 'the cursor is inside a word',
  answeredBy: 'gate',
  place: { uri: 'file:///home/me/src/sum.ts', line: 2, character: 13 },
  ms: 0.2,
}
const asked: Entry = {
  ...gated,
  answeredBy: 'model',
  outcome: 'suggested',
  text: 'b + c\n',
  shown: 'b + c',
  parts: [
    { name: 'before the cursor', text: 'let b\n' },
    { name: 'the line', text: 'a = ' },
  ],
  usage: { promptTokens: 140, reusedTokens: 100, completionTokens: 4, prefillMs: 120.4, decodeMs: 150.3 },
  ms: 311.9,
}

describe('page of reasons', () => {
  const rows: [name: string, entry: Entry, lines: string][] = [
    [
      'a gate',
      gated,
      `## 10:11:12, src/sum.ts, line 3, column 14: nothing was suggested

- Why: the cursor is inside a word
- Answered by: a gate, before the model was asked
- Time: 0 ms
`,
    ],
    [
      'a suggestion',
      asked,
      `## 10:11:12, src/sum.ts, line 3, column 14: suggested

- Answered by: the model
- Time: 312 ms: waited 41 ms, read for 120 ms, wrote for 150 ms
- Tokens: a prompt of 140, of which 100 were known and 40 were read; 4 were written

Suggested:

\`\`\`
b + c
\`\`\`

The model wrote:

\`\`\`
b + c

\`\`\`

Prompt, before the cursor (tokens: 6):

\`\`\`
let b

\`\`\`

Prompt, the line (tokens: 4):

\`\`\`
a = 
\`\`\`
`,
    ],
    [
      'a text that a filter dropped',
      { ...asked, parts: [], shown: '', text: '1, 1', outcome: 'dropped by drop-repeat: it repeated itself' },
      `## 10:11:12, src/sum.ts, line 3, column 14: nothing was suggested

- Why: dropped by drop-repeat: it repeated itself
- Answered by: the model
- Time: 312 ms: waited 41 ms, read for 120 ms, wrote for 150 ms
- Tokens: a prompt of 140, of which 100 were known and 40 were read; 4 were written

The model wrote:

\`\`\`
1, 1
\`\`\`
`,
    ],
    [
      'hostile text',
      {
        ...gated,
        text: '```\n![x](https://x.example)\n`````\n<b>',
        outcome: 'failed: ![x](https://x.example)\n# <b>&lt;`',
        place: { uri: 'file:///a/%0A%23%20%5Bb%5D.ts', line: 0, character: 0 },
      },
      `## 10:11:12, a/ # \\[b\\].ts, line 1, column 1: nothing was suggested

- Why: failed: \\!\\[x\\](https://x.example) # \\<b\\>\\&lt;\\\`
- Answered by: a gate, before the model was asked
- Time: 0 ms

The model wrote:

\`\`\`\`\`\`
\`\`\`
![x](https://x.example)
\`\`\`\`\`
<b>
\`\`\`\`\`\`
`,
    ],
  ]
  for (const [name, entry, lines] of rows)
    it(`tells about ${name}`, () => assert.equal(sections([entry])[0], lines))

  it('says what to do when nobody has asked', () => {
    const chat: Entry = { at: gated.at, kind: 'chat', prompt: 'user: Why?', text: '', outcome: 'stop' }
    const page = writeWhyPage([chat])
    assert.match(page, /run "Hearth: Trigger Completion"/)
    assert.doesNotMatch(page, /user: Why/)
  })

  it('shows the newest twenty', () => {
    const entries = Array.from({ length: 30 }, (_, at) => ({ ...gated, outcome: `reason ${at}` }))
    const reasons = sections(entries).map((section) => /Why: (.*)/.exec(section)?.[1])
    assert.deepEqual(
      reasons,
      entries.slice(0, 20).map(({ outcome }) => outcome),
    )
  })
})

/** A token is a character here. */
function sections(entries: readonly Entry[]): string[] {
  const page = writeWhyPage(entries, { countTokens: (text) => text.length, time: (at) => at.slice(11, 19) })
  const parts = page.split(/^(?=## )/m).slice(1)
  return parts.map((part) => `${part.trimEnd()}\n`)
}
