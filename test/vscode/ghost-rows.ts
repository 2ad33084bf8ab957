// Documents, keys and ghosts of ghost-text.test.ts. The model repeats what it has read several times, however small it is.

/** What a person does, or waits for. */
export type Step =
  | { type: string }
  | { press: string }
  /** Waits for this gray text. */
  | { ghost: string }
  /** Waits for this element. */
  | { see: string }
  /** Types, and in every frame of it the text of the cursor's line and of what is gray below is this one. */
  | { typeThrough: string; frames: string }

export interface GhostRow {
  title: string
  file: string
  /** `┃` is the cursor. */
  document: string
  steps: readonly Step[]
  /** The file after it was saved. */
  result: string
}

const settings = `const first = readSettings('first')
const second = readSettings('second')
const third = readSettings('third')
`

const blocks = `def first():
    print("begin")
    run("first")
    print("end")


def second():
    print("begin")
    run("second")
    print("end")


def third():`

const indented = `func main() {
\trun("first", 1)
\trun("second", 2)
\trun("third", 3)
`

const calls = `first = total(read("first"), [1])
second = total(read("second"), [2])
third = total(read("third"), [3])
`

const sizes = `[
  { "name": "one", "size": { "width": 1 } },
  { "name": "two", "size": { "width": 2 } },
  { "name": "three", "size": { "width": 3 } },
  { "name": "four", "size":`

const families = `print("👩‍👩‍👧 家族", names["first"])
print("👩‍👩‍👧 家族", names["second"])
print("👩‍👩‍👧 家族", names["third"])
`

// Few tokens, because a busy processor reads slowly.
const manyLines = `// ${'-'.repeat(64)}\n`.repeat(20_000)

export const ghostRows: readonly GhostRow[] = [
  {
    title: 'does not move while it is typed',
    file: 'through.ts',
    document: `${settings}const fourth =┃`,
    steps: [
      { type: ' ' },
      { ghost: `readSettings('fourth')` },
      { typeThrough: `readSettings`, frames: `const fourth = readSettings('fourth')` },
      { ghost: `('fourth')` },
      { typeThrough: `('fourth')`, frames: `const fourth = readSettings('fourth')` },
      { ghost: '' },
    ],
    result: `${settings}const fourth = readSettings('fourth')`,
  },
  {
    title: 'of several lines does not move while it is typed',
    file: 'through.py',
    document: `${blocks}┃`,
    steps: [
      { press: 'Enter' },
      { ghost: `print("begin")\n    run("third")\n    print("end")` },
      {
        typeThrough: `print("begin")`,
        frames: `    print("begin")\n    run("third")\n    print("end")`,
      },
    ],
    result: `${blocks}\n    print("begin")`,
  },
  {
    title: 'is taken whole',
    file: 'whole.ts',
    document: `${settings}const fourth =┃`,
    steps: [{ type: ' ' }, { ghost: `readSettings('fourth')` }, { press: 'Tab' }],
    result: `${settings}const fourth = readSettings('fourth')`,
  },
  {
    title: 'is taken word by word',
    file: 'word.ts',
    document: `${settings}const fourth =┃`,
    steps: [
      { type: ' ' },
      { ghost: `readSettings('fourth')` },
      { press: 'Control+ArrowRight' },
      { ghost: `('fourth')` },
      { press: 'Control+ArrowRight' },
      { ghost: `fourth')` },
      { press: 'Control+ArrowRight' },
      { ghost: `')` },
    ],
    result: `${settings}const fourth = readSettings('fourth`,
  },
  {
    title: 'is taken line by line',
    file: 'line.py',
    document: `${blocks}┃`,
    steps: [
      { press: 'Enter' },
      { ghost: `print("begin")\n    run("third")\n    print("end")` },
      { press: 'Control+Alt+L' },
      { ghost: `    run("third")\n    print("end")` },
    ],
    result: `${blocks}\n    print("begin")\n`,
  },
  {
    title: 'is undone in one step',
    file: 'undo.py',
    document: `${blocks}┃`,
    steps: [
      { press: 'Enter' },
      { ghost: `print("begin")\n    run("third")\n    print("end")` },
      { press: 'Tab' },
      { ghost: '' },
      { press: 'Control+Z' },
    ],
    result: `${blocks}\n    `,
  },
  {
    title: 'takes over the bracket that TypeScript got by itself',
    file: 'brackets.ts',
    document: `${settings}const fourth = readSettings┃\n`,
    steps: [{ type: '(' }, { ghost: `'fourth'` }, { press: 'Tab' }],
    result: `${settings}const fourth = readSettings('fourth')\n`,
  },
  {
    title: 'takes over the brackets that Python got by themselves',
    file: 'brackets.py',
    document: `${calls}fourth = total┃\n`,
    steps: [{ type: '(read(' }, { ghost: `"fourth", [4]` }, { press: 'Tab' }],
    result: `${calls}fourth = total(read("fourth"), [4])\n`,
  },
  {
    title: 'takes over the bracket that JSON got by itself',
    file: 'brackets.json',
    document: `${sizes}┃\n]\n`,
    steps: [{ type: ' {' }, { ghost: ` "width": 4 } ,` }, { press: 'Tab' }],
    result: `${sizes} { "width": 4 } },\n]\n`,
  },
  {
    title: 'goes on from what IntelliSense has selected',
    file: 'list.py',
    document: `${families}print("👩‍👩‍👧 家族",┃\n`,
    steps: [
      { type: ' nam' },
      { press: 'Control+Space' },
      { see: '.suggest-widget.visible .monaco-list-row.focused[aria-label^="names"]' },
      { ghost: 'es["fourth"])' },
      { press: 'Tab' },
      { ghost: '["fourth"])' },
      { press: 'Tab' },
    ],
    result: `${families}print("👩‍👩‍👧 家族", names["fourth"])\n`,
  },
  {
    title: 'is taken at every cursor',
    file: 'cursors.ts',
    document: `${settings}const fourth =┃\nconst fifth =\n`,
    steps: [
      { press: 'Shift+Alt+ArrowDown' },
      { press: 'End' },
      { type: ' ' },
      { ghost: `readSettings('fourth')\nreadSettings('fourth')` },
      { press: 'Tab' },
    ],
    result: `${settings}const fourth = readSettings('fourth')\nconst fifth = readSettings('fourth')\n`,
  },
  {
    title: 'has the line breaks of its file',
    file: 'windows.py',
    document: `${blocks}┃`.replaceAll('\n', '\r\n'),
    steps: [
      { press: 'Enter' },
      { ghost: `print("begin")\n    run("third")\n    print("end")` },
      { press: 'Tab' },
    ],
    result: `${blocks}\n    print("begin")\n    run("third")\n    print("end")`.replaceAll('\n', '\r\n'),
  },
  {
    title: 'is indented with tabs where the file is',
    file: 'tabs.go',
    document: `${indented}┃`,
    steps: [{ press: 'Tab' }, { type: 'run' }, { ghost: '("fourth", 4)' }, { press: 'Tab' }],
    result: `${indented}\trun("fourth", 4)`,
  },
  {
    title: 'stands at the end of 20,000 lines',
    file: 'many.ts',
    document: `${manyLines}${settings}const fourth =┃`,
    steps: [{ type: ' ' }, { ghost: `readSettings('fourth')` }, { press: 'Tab' }],
    result: `${manyLines}${settings}const fourth = readSettings('fourth')`,
  },
  {
    title: 'stands behind characters of two units',
    file: 'characters.py',
    document: `${families}print("👩‍👩‍👧 家族",┃`,
    steps: [{ type: ' ' }, { ghost: 'names["fourth"])' }, { press: 'Tab' }],
    result: `${families}print("👩‍👩‍👧 家族", names["fourth"])`,
  },
]
